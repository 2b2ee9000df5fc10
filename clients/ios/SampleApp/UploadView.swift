// SPDX-License-Identifier: Apache-2.0
import PhotosUI
import SwiftUI
import UniformTypeIdentifiers

struct UploadView: View {
  @Environment(UploadModel.self) private var model
  @State private var picked: PhotosPickerItem?
  @State private var inBackground = false

  var body: some View {
    @Bindable var model = model
    Form {
      Section("Server") {
        field("Broker", $model.servers.broker)
        field("Gateway", $model.servers.gateway)
        field("Identity", $model.servers.identity)
        field("User", $model.servers.user)
      }
      Section("Expected") {
        field("Bucket", $model.servers.bucket)
        field("Region", $model.servers.region)
      }
      Section("Upload") {
        Toggle("In the background", isOn: $inBackground)
        PhotosPicker("Pick a photo", selection: $picked, matching: .images)
        progress
      }
      pictures
    }
    .navigationTitle("Sluice")
    .task(id: picked) { await uploadPicked() }
  }

  private func field(_ name: String, _ text: Binding<String>) -> some View {
    LabeledContent(name) {
      TextField(name, text: text)
        .multilineTextAlignment(.trailing)
        .textInputAutocapitalization(.never)
        .autocorrectionDisabled()
    }
  }

  @ViewBuilder private var progress: some View {
    switch model.state {
    case .idle: EmptyView()
    case .uploading(let fraction):
      ProgressView(value: fraction)
      Button("Pause") { Task { await model.pause() } }
      Button("Cancel", role: .destructive) { model.cancel() }
    case .paused(let fraction):
      ProgressView(value: fraction)
      Button("Resume") { Task { await model.resume() } }
      Button("Cancel", role: .destructive) { model.cancel() }
    case .stored(let path): Label(path, systemImage: "checkmark.circle")
    case .failed(let why): Label(why, systemImage: "exclamationmark.triangle")
    }
  }

  @ViewBuilder private var pictures: some View {
    if let thumbnail = model.thumbnail {
      Section("Thumbnail") { AsyncImage(url: thumbnail) }
    }
    if let watermarked = model.watermarked {
      Section("Watermark") {
        AsyncImage(url: watermarked) { $0.resizable().scaledToFit() } placeholder: { ProgressView() }
      }
    }
  }

  /// The picker lends its file; an upload needs one that stays.
  private func uploadPicked() async {
    guard let item = picked, let photo = try? await item.loadTransferable(type: PickedPhoto.self) else { return }
    let type = item.supportedContentTypes.first?.preferredMIMEType ?? "application/octet-stream"
    if inBackground {
      await model.startInBackground(photo.file, contentType: type)
    } else {
      await model.start(photo.file, contentType: type)
    }
  }
}

private struct PickedPhoto: Transferable {
  let file: URL

  static var transferRepresentation: some TransferRepresentation {
    FileRepresentation(importedContentType: .image) { lent in
      let folder = URL.applicationSupportDirectory.appending(path: "Picked", directoryHint: .isDirectory)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let own = folder.appending(path: "\(UUID().uuidString).\(lent.file.pathExtension)")
      try FileManager.default.copyItem(at: lent.file, to: own)
      return PickedPhoto(file: own)
    }
  }
}
