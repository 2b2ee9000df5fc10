// swift-tools-version: 6.1
// The gRPC stubs of Sluice. Its build plugin runs `protoc`, which must be on the PATH: `brew install protobuf`.
import PackageDescription

let package = Package(
    name: "SluiceStubs",
    platforms: [.iOS(.v18), .macOS(.v15)],
    products: [.library(name: "SluiceStubs", targets: ["SluiceStubs"])],
    dependencies: [
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.3.0"),
        // The generator, to the version.
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", exact: "2.4.1"),
        .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.33.0"),
    ],
    targets: [
        .target(
            name: "SluiceStubs",
            dependencies: [
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            plugins: [.plugin(name: "GRPCProtobufGenerator", package: "grpc-swift-protobuf")]
        )
    ]
)
