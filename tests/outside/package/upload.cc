// SPDX-License-Identifier: Apache-2.0
// Puts a file through the gateway with the installed library.
#include <iostream>

#include "clients/cpp/upload_client.h"

int main(int argc, char** argv) {
  using namespace sluice;
  if (argc != 4) return 2;
  client::UploadClientOptions options;
  options.gateways = {argv[1]};
  options.jwt = [jwt = std::string(argv[2])] { return SecretString(jwt); };
  auto client = client::UploadClient::Make(std::move(options));
  auto file = client::SourceFile::Open(argv[3]);
  if (!client.ok() || !file.ok()) return 1;
  client::UploadOrder order;
  order.path = "from-the-package";
  std::string upload_id;
  const auto object = (*client)->Upload(*file, order, upload_id, nullptr, CancelToken());
  if (!object.ok()) {
    std::cerr << object.status() << "\n";
    return 1;
  }
  std::cout << object->key() << " " << object->size_bytes() << " " << object->whole_object_verified() << "\n";
}
