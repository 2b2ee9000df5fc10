// SPDX-License-Identifier: Apache-2.0

// All else in this module is made by the build plugin on the machine that builds it, from the protos below, which are links into proto/
// of this repository: SwiftPM reads nothing outside a package, but follows its links, and so there is one copy that cannot go stale.
// `Sluice_Upload_V1_UploadGateway.Client` and `Sluice_Token_V1_TokenBroker.Client` are what apps call; the servers are for tests.

// What the messages are made of, so that whoever imports the stubs can fill them.
@_exported import SwiftProtobuf
