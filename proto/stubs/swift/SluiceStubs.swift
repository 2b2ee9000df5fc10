// The build plugin makes the rest of this module from the protos beside this file. Apps call `Sluice_Token_V1_TokenBroker.Client` and
// `Sluice_Upload_V1_UploadGateway.Client`.

// What the messages are made of, so that whoever imports the stubs can fill them.
@_exported import SwiftProtobuf
