// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What OSS makes of a picture as it answers it, for `SignURLRequest.process`. The grant says which of it is allowed.
public struct ImageProcess: Sendable, Hashable, CustomStringConvertible {
  private var actions: [String] = []

  public init() {}

  /// Fits into that many pixels each way, never enlarged.
  public func resized(to pixels: Int) -> ImageProcess {
    adding("resize,m_lfit,w_\(pixels),h_\(pixels)")
  }

  /// White text in the lower right corner.
  public func watermarked(_ text: String, size: Int = 40) -> ImageProcess {
    let encoded = Data(text.utf8).base64EncodedString()
      .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    return adding("watermark,text_\(encoded),size_\(size),color_FFFFFF,g_se")
  }

  public var description: String { "image/" + actions.joined(separator: "/") }

  private func adding(_ action: String) -> ImageProcess {
    var out = self
    out.actions.append(action)
    return out
  }
}
