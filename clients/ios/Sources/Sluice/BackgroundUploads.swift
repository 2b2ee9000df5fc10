// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Uploads that go on while the app is suspended, and after the system has ended and started it again.
///
/// Bytes leave through one `URLSession` of the background kind, the only thing that iOS lets upload then, and always from a file. What
/// is small (signing a URL, creating an upload, asking how far it is) happens in the app, in the seconds for which it is woken.
///
/// Each upload that `start` took in ends with exactly one `.finished` or `.failed`. `.waiting` is no end: the step that could not be made
/// is made again by the next `reconnect`, at the latest when the app comes to the front.
///
/// A request's headers cannot be changed once the system has it, so each is made at the last moment with the proof of that moment; one
/// whose proof has ended when it leaves at last is answered 401, and made again with a new one.
public actor BackgroundUploads {
  public enum Event: Sendable {
    case progress(UUID, UploadProgress)
    case waiting(UUID, any Error)
    case finished(UUID, StoredObject)
    case failed(UUID, SluiceError)
  }

  /// What happens to all of them, from the making of this object on. For one reader.
  public nonisolated let events: AsyncStream<Event>

  /// What is known of an upload in this process.
  private struct Live {
    var size: UInt64
    var machine: TusMachine?
    /// PUTs that OSS did not take.
    var attempts = 0
    /// Its next request is being made, or the session has it.
    var isBusy = false
  }

  private let tell: AsyncStream<Event>.Continuation
  private let store: UploadStore
  private let broker: Broker?
  private let tus: TusEndpoint?
  private let rules: HTTPRules
  private let watch: TransferWatch
  private let session: URLSession
  private var listening: Task<Void, Never>?
  private var live: [UUID: Live] = [:]
  private var wakeEnds: [@Sendable () -> Void] = []

  /// In the background nobody waits; an upload is given up when nothing of it was stored for a day.
  private static let patience: Duration = .seconds(24 * 3600)
  /// The small requests that may be needed before bytes leave. A wake lasts some 30 seconds.
  private static let smallSteps = 6

  /// `identifier` names the session to the system: the same at each launch of the app, and once in a process. `store` is for these uploads
  /// alone, since all in it are taken up. `broker` signs PUTs, `tus` takes uploads by tus; what is nil cannot be used.
  public init(
    identifier: String, store: UploadStore, broker: Broker?, tus: TusEndpoint?, rules: HTTPRules = HTTPRules(),
    configuration: URLSessionConfiguration? = nil
  ) {
    (events, tell) = AsyncStream.makeStream(of: Event.self)
    self.store = store
    self.broker = broker
    self.tus = tus
    self.rules = rules
    watch = TransferWatch()
    session = URLSession(configuration: configuration ?? Self.background(identifier), delegate: watch, delegateQueue: nil)
  }

  private static func background(_ identifier: String) -> URLSessionConfiguration {
    #if canImport(Darwin)
    let configuration = URLSessionConfiguration.background(withIdentifier: identifier)
    configuration.sessionSendsLaunchEvents = true
    configuration.isDiscretionary = false
    #else
    // Other systems suspend no app.
    let configuration = URLSessionConfiguration.ephemeral
    #endif
    configuration.urlCache = nil
    configuration.httpCookieStorage = nil
    return configuration
  }

  deinit {
    listening?.cancel()
    tell.finish()
    session.finishTasksAndInvalidate()
  }

  /// Takes an upload in and begins it. The file must stay where and what it is until the end. Fails where it cannot begin: then there is
  /// no upload, and no event of it.
  @discardableResult
  public func start(_ file: URL, as order: UploadOrder, by way: SavedUpload.Way) async throws -> UUID {
    listen()
    var saved = SavedUpload(way, try SourceFile(file), as: order)
    try saved.readCRC64()
    live[saved.id] = Live(size: saved.file.sizeBytes, isBusy: true)
    do {
      try await store.save(saved)
      try await step(saved)
    } catch {
      await forget(saved.id)
      throw (error as? Hopeless)?.error ?? error
    }
    return saved.id
  }

  /// Takes up what the system did while the app was away, and begins again what it does not hold. To be called at each launch, and
  /// whenever the app comes to the front.
  public func reconnect() async {
    listen()
    let held = Set(await tasks().compactMap { $0.taskDescription.flatMap(UUID.init) })
    for saved in await store.all() where !held.contains(saved.id) && live[saved.id]?.isBusy != true {
      await goOn(saved)
    }
  }

  /// For `application(_:handleEventsForBackgroundURLSession:completionHandler:)`: the system is told once everything has been seen to.
  public func wake(completion: @escaping @Sendable () -> Void) {
    listen()
    wakeEnds.append(completion)
  }

  /// Gives an upload up. It ends with `.failed` and `CANCELLED`; what the gateway has of it is freed.
  public func cancel(_ id: UUID) async {
    guard await known(id) != nil, let saved = await store.upload(id) else { return }
    await end(.failed(id, SluiceError(.cancelled, "CALL_CANCELLED", "the upload was given up")), of: id)
    for task in await tasks() where task.taskDescription == id.uuidString { task.cancel() }
    if saved.way == .tus { try? await tus?.terminate(saved) }
  }

  // MARK: The next request of an upload

  /// An error that no later attempt mends.
  private struct Hopeless: Error {
    var error: SluiceError
  }

  private func goOn(_ saved: SavedUpload) async {
    live[saved.id, default: Live(size: saved.file.sizeBytes)].isBusy = true
    do {
      try await step(saved)
    } catch let hopeless as Hopeless {
      await end(.failed(saved.id, hopeless.error), of: saved.id)
    } catch let error as SluiceError where !error.isRetryable {
      await end(.failed(saved.id, error), of: saved.id)
    } catch where live[saved.id] != nil {
      live[saved.id]?.isBusy = false
      tell.yield(.waiting(saved.id, error))
    } catch {
      // Given up meanwhile; its end was told.
    }
  }

  private func step(_ saved: SavedUpload) async throws {
    try saved.file.checkUnchanged()
    switch saved.way {
    case .put: try await put(saved)
    case .tus: try await send(saved)
    case .grpc: throw Self.unusable("what gRPC needs, which cannot upload in the background")
    }
  }

  private func put(_ saved: SavedUpload) async throws {
    guard let broker else { throw Self.unusable("a broker to sign PUTs") }
    // The task may wait for hours; OSS judges the URL when the request arrives. The broker gives what the grant allows.
    let signed = try await broker.signURL(.put(saved.order, size: saved.file.sizeBytes, ttl: .seconds(3600)))
    try hand(try signed.urls[0].request(), file: saved.file.url, of: saved.id)
  }

  /// Makes the small steps of tus until bytes are to be sent, and hands those to the system.
  private func send(_ given: SavedUpload) async throws {
    guard let tus else { throw Self.unusable("a tus endpoint") }
    var saved = given
    var machine = live[saved.id]?.machine ?? machine(of: saved, at: tus)
    defer { live[saved.id]?.machine = machine }
    for _ in 0..<Self.smallSteps {
      try checkAlive(saved.id)
      if machine.location.map({ Secret($0.absoluteString) }) != saved.location || machine.committed != saved.committedBytes {
        saved.location = machine.location.map { Secret($0.absoluteString) }
        saved.committedBytes = machine.committed
        saved.expires = machine.expires
        saved.restarts = machine.restarts
        if machine.step != .done { try await store.save(saved) }
      }
      if machine.wait > .zero { try await rules.sleep(min(machine.wait, rules.longestWait)) }
      do {
        switch machine.step {
        case .create:
          machine.take(try await tus.http.send(tus.creation(of: saved), body: .data(Data())))
        case .ask(let location):
          machine.take(try await tus.http.send(tus.question(location)))
        case .send(let location, let from):
          try tus.http.rules.check(location)
          var request = tus.piece(location, from: from)
          if let (name, value) = try await tus.http.proof.current() { request.setValue(value, forHTTPHeaderField: name) }
          return try hand(request, file: try rest(of: saved, from: from), of: saved.id)
        case .done:
          return await end(.finished(saved.id, StoredObject(path: saved.order.path, sizeBytes: saved.file.sizeBytes, crc64: saved.crc64)), of: saved.id)
        case .fail(let error):
          throw Hopeless(error: error)
        }
      } catch let error as SluiceError where error.isRetryable {
        machine.take(error)
      }
    }
    throw SluiceError(.unavailable, SluiceError.Reason.unreachable, "the gateway does not answer as it should now")
  }

  /// Of an upload of which nothing is known but what was saved: how far it is must be asked.
  private func machine(of saved: SavedUpload, at tus: TusEndpoint) -> TusMachine {
    TusMachine(
      endpoint: tus.address, size: saved.file.sizeBytes, location: saved.location.flatMap { URL(string: $0.reveal()) },
      restarts: saved.restarts, rules: rules, patience: Self.patience)
  }

  /// All that is left, in one file: few requests, since the system makes each wait that is begun in the background.
  private func rest(of saved: SavedUpload, from offset: UInt64) throws -> URL {
    if offset == 0 { return saved.file.url }
    let slice = store.slice(of: saved.id)
    try saved.file.copyRest(from: offset, to: slice)
    return slice
  }

  private func hand(_ request: URLRequest, file: URL, of id: UUID) throws {
    try checkAlive(id)
    let task = session.uploadTask(with: request, fromFile: file)
    task.taskDescription = id.uuidString
    task.resume()
  }

  private func tasks() async -> [URLSessionTask] {
    await withCheckedContinuation { continuation in session.getAllTasks { continuation.resume(returning: $0) } }
  }

  private func checkAlive(_ id: UUID) throws {
    if live[id] == nil { throw CancellationError() }
  }

  // MARK: What the system tells

  private func listen() {
    if listening != nil { return }
    let news = watch.news
    listening = Task { [weak self] in
      for await one in news { await self?.take(one) }
    }
  }

  func take(_ news: TransferWatch.News) async {
    switch news {
    case .sent(let id, let bytes):
      guard let known = await known(id) else { return }
      let before = known.machine?.committed ?? 0
      tell.yield(.progress(id, UploadProgress(sentBytes: before + bytes, committedBytes: before, totalBytes: known.size)))
    case .ended(let id, let answer):
      // One that was given up meanwhile has had its end.
      guard await known(id) != nil, let saved = await store.upload(id) else { return }
      switch saved.way {
      case .put: await takePut(answer, of: saved)
      case .tus, .grpc: await takePiece(answer, of: saved)
      }
    case .allDelivered:
      let ends = wakeEnds
      wakeEnds = []
      await MainActor.run { for end in ends { end() } }
    }
  }

  /// An upload that was begun by another process becomes known by what is told of it.
  private func known(_ id: UUID) async -> Live? {
    if let known = live[id] { return known }
    guard let saved = await store.upload(id) else { return nil }
    var found = Live(size: saved.file.sizeBytes, isBusy: true)
    if let tus, let location = saved.location.flatMap({ URL(string: $0.reveal()) }) {
      found.machine = TusMachine(
        sending: location, from: saved.committedBytes, of: saved.file.sizeBytes, endpoint: tus.address, restarts: saved.restarts,
        rules: rules, patience: Self.patience)
    }
    live[id] = live[id] ?? found
    return live[id]
  }

  private func takePiece(_ answer: Result<HTTPAnswer, SluiceError>, of saved: SavedUpload) async {
    switch answer {
    case .success(let answer): live[saved.id]?.machine?.take(answer)
    case .failure(let error): live[saved.id]?.machine?.take(error)
    }
    await goOn(saved)
  }

  private func takePut(_ answer: Result<HTTPAnswer, SluiceError>, of saved: SavedUpload) async {
    let failure: SluiceError
    do {
      let object = try OSSAnswer.stored(answer.get(), path: saved.order.path, size: saved.file.sizeBytes, crc64: saved.crc64)
      return await end(.finished(saved.id, object), of: saved.id)
    } catch {
      failure = error as? SluiceError ?? SluiceError(.internal, SluiceError.Reason.answerInvalid, "OSS's answer could not be read")
    }
    live[saved.id]?.attempts += 1
    guard failure.isRetryable, let attempts = live[saved.id]?.attempts, attempts < rules.attempts else {
      return await end(.failed(saved.id, failure), of: saved.id)
    }
    await goOn(saved)
  }

  /// Tells an upload's one end. Whoever forgets it first has the say.
  private func end(_ event: Event, of id: UUID) async {
    guard live.removeValue(forKey: id) != nil else { return }
    await store.remove(id)
    tell.yield(event)
  }

  private func forget(_ id: UUID) async {
    live[id] = nil
    await store.remove(id)
  }

  private static func unusable(_ what: String) -> SluiceError {
    SluiceError(.failedPrecondition, SluiceError.Reason.formUnusable, "these background uploads were made without \(what)")
  }
}
