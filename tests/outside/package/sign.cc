// SPDX-License-Identifier: Apache-2.0
// Signs a GET with the installed library, and prints the URL.
#include <iostream>

#include "common/aliyun/oss_address.h"
#include "common/aliyun/oss_signer.h"

int main(int argc, char** argv) {
  using namespace sluice;
  if (argc != 5) return 2;
  const std::string endpoint = argv[1];
  const aliyun::Credentials key{argv[2], SecretString(argv[3]), SecretString(), std::nullopt};
  aliyun::OssSigner signer("cn-hangzhou");
  const aliyun::OssRequest request{"GET", "sluice-demo", argv[4], {}, {}, {}};
  const auto query = signer.Presign(request, key, SystemClock().Now(), std::chrono::minutes(1));
  if (!query.ok()) return 1;
  std::cout << aliyun::OssObjectUrl(aliyun::OssBucketUrl(endpoint, request.bucket), request.key, *query)
            << "\n";
}
