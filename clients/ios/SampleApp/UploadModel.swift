// SPDX-License-Identifier: Apache-2.0
import Foundation
import Observation
import Sluice

@MainActor
@Observable
final class UploadModel {
  enum State: Equatable {
    case idle
    case uploading(Double)
    case paused(Double)
    case stored(String)
    case failed(String)
  }

  var servers = Servers()
  private(set) var state = State.idle
  private(set) var thumbnail: URL?
  private(set) var watermarked: URL?

  private var upload: Upload?
  private var background: BackgroundUploads?

  // MARK: In the foreground

  func start(_ file: URL, contentType: String) async {
    do {
      let (servers, order) = (servers, UploadOrder("photos/\(file.lastPathComponent)", contentType: contentType))
      let broker = try servers.makeBroker()
      try servers.check(try await broker.issueToken().scope)
      let tus = TusUploader(try servers.makeTus(), store: try UploadStore.standard())
      let upload = try await Uploader(broker: broker, direct: DirectUploader(broker), tus: tus).upload(file, as: order)
      self.upload = upload
      for await progress in upload.progress {
        if case .paused = state { state = .paused(progress.fraction) } else { state = .uploading(progress.fraction) }
      }
      try await show(upload.value.path)
    } catch is CancellationError {
      state = .idle
    } catch {
      state = .failed(error.localizedDescription)
    }
    upload = nil
  }

  func pause() async {
    guard case .uploading(let fraction) = state else { return }
    state = .paused(fraction)
    await upload?.pause()
  }

  func resume() async {
    guard case .paused(let fraction) = state else { return }
    state = .uploading(fraction)
    await upload?.resume()
  }

  func cancel() {
    upload?.cancel()
  }

  // MARK: In the background

  func startInBackground(_ file: URL, contentType: String) async {
    do {
      try await backgroundUploads().start(file, as: UploadOrder("photos/\(file.lastPathComponent)", contentType: contentType), by: .tus)
      state = .uploading(0)
    } catch {
      state = .failed(error.localizedDescription)
    }
  }

  func reconnect() async {
    try? await backgroundUploads().reconnect()
  }

  func wake(completion: @escaping @Sendable () -> Void) async {
    guard let uploads = try? backgroundUploads() else { return completion() }
    await uploads.wake(completion: completion)
  }

  /// One for the life of the process, since the session's name is.
  private func backgroundUploads() throws -> BackgroundUploads {
    if let background { return background }
    let uploads = BackgroundUploads(
      identifier: "dev.sluice.sample", store: try UploadStore.standard("background"), broker: try servers.makeBroker(), tus: try servers.makeTus())
    background = uploads
    Task {
      for await event in uploads.events { await take(event) }
    }
    return uploads
  }

  private func take(_ event: BackgroundUploads.Event) async {
    switch event {
    case .progress(_, let progress): state = .uploading(progress.fraction)
    case .waiting: break
    case .finished(_, let object): try? await show(object.path)
    case .failed(_, let error): state = .failed(error.localizedDescription)
    }
  }

  // MARK: What OSS makes of it

  private func show(_ path: String) async throws {
    state = .stored(path)
    thumbnail = try await picture(path, ImageProcess().resized(to: 200))
    watermarked = try await picture(path, ImageProcess().resized(to: 800).watermarked("Sluice"))
  }

  private func picture(_ path: String, _ process: ImageProcess) async throws -> URL? {
    let signed = try await servers.makeBroker().signURL(SignURLRequest(.get, path, process: process.description))
    return URL(string: signed.urls[0].url.reveal())
  }
}
