// swift-tools-version:6.0
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let package = Package(
  name: "Sluice",
  platforms: [.iOS(.v16), .macOS(.v13)],
  products: [.library(name: "Sluice", targets: ["Sluice"])],
  targets: [
    .target(name: "Sluice"),
    .testTarget(name: "SluiceTests", dependencies: ["Sluice"]),
    .testTarget(name: "SluiceLiveTests", dependencies: ["Sluice"]),
  ]
)

// gRPC Swift 2 wants Swift 6.1, and iOS 18 or macOS 15 when it runs; an older compiler gets the package without it.
#if compiler(>=6.1)
package.products += [
  .library(name: "SluiceGRPC", targets: ["SluiceGRPC"]),
  .library(name: "SluiceStubs", targets: ["SluiceStubs"]),
]
package.dependencies += [
  .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.3.0"),
  .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", from: "2.3.0"),
  .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.33.0"),
]
package.targets += [
  .target(
    name: "SluiceStubs",
    dependencies: [
      .product(name: "GRPCCore", package: "grpc-swift-2"),
      .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
      .product(name: "SwiftProtobuf", package: "swift-protobuf"),
    ],
    plugins: [.plugin(name: "GRPCProtobufGenerator", package: "grpc-swift-protobuf")]
  ),
  .target(
    name: "SluiceGRPC",
    dependencies: [
      "Sluice", "SluiceStubs",
      .product(name: "GRPCCore", package: "grpc-swift-2"),
      .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
    ]
  ),
  .testTarget(
    name: "SluiceGRPCTests",
    dependencies: [
      "SluiceGRPC", "SluiceStubs",
      .product(name: "GRPCCore", package: "grpc-swift-2"),
      .product(name: "GRPCInProcessTransport", package: "grpc-swift-2"),
      .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
    ]
  ),
]
#endif
