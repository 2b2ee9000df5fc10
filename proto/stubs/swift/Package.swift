// swift-tools-version: 6.0
// The gRPC stubs of Sluice. Its build plugin runs `protoc`, so that must be on the PATH: `brew install protobuf`.
import PackageDescription

let package = Package(
    name: "SluiceStubs",
    platforms: [.iOS(.v18), .macOS(.v15)],
    products: [.library(name: "SluiceStubs", targets: ["SluiceStubs"])],
    dependencies: [
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.1.0"),
        // The generator, to the version.
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", exact: "2.1.1"),
    ],
    targets: [
        .target(
            name: "SluiceStubs",
            dependencies: [
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ],
            plugins: [.plugin(name: "GRPCProtobufGenerator", package: "grpc-swift-protobuf")]
        )
    ]
)
