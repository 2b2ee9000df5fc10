// SPDX-License-Identifier: Apache-2.0

// For apps that use Alibaba's own OSS SDK (AliyunOSSiOS, from CocoaPods): copy this file into the app. It is no part of the package, which
// cannot depend on a pod.

#if canImport(AliyunOSSiOS)
import AliyunOSSiOS
import Foundation
import Sluice

extension TokenProvider {
  /// For `OSSClient(endpoint:credentialProvider:)`. The SDK asks on a thread of its own before its requests, and blocks it; all who ask at
  /// once share one request to the broker. Without a token the SDK's request fails, and asks again at the next.
  public nonisolated func federationCredentialProvider() -> OSSFederationCredentialProvider {
    OSSFederationCredentialProvider { [self] in
      guard let token = try? blockingToken() else { return nil }
      let federation = OSSFederationToken()
      federation.tAccessKey = token.credentials.accessKeyID
      federation.tSecretKey = token.credentials.accessKeySecret.reveal()
      federation.tToken = token.credentials.securityToken.reveal()
      // The SDK asks again once less than five minutes are left by its clock, which may be wrong. So it is told that none are: it asks
      // before every request, and has its answer from memory.
      federation.expirationTimeInMilliSecond = 0
      return federation
    }
  }
}
#endif
