// SPDX-License-Identifier: Apache-2.0
import SwiftUI

/// Picks a photo, uploads it, and shows it as OSS makes it smaller and writes on it. Needs iOS 17.
@main
struct SampleApp: App {
  @UIApplicationDelegateAdaptor private var delegate: SampleDelegate
  @Environment(\.scenePhase) private var phase

  var body: some Scene {
    WindowGroup {
      NavigationStack { UploadView() }
        .environment(delegate.model)
    }
    .onChange(of: phase) {
      if phase == .active { Task { await delegate.model.reconnect() } }
    }
  }
}

@MainActor
final class SampleDelegate: NSObject, UIApplicationDelegate {
  let model = UploadModel()

  /// The system has started the app since uploads of its background session have moved on.
  func application(
    _ application: UIApplication, handleEventsForBackgroundURLSession identifier: String,
    completionHandler: @escaping () -> Void
  ) {
    // The system's handler belongs to the main thread, where it is called.
    nonisolated(unsafe) let done = completionHandler
    Task { await model.wake { done() } }
  }
}
