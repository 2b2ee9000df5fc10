// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/http/client.h"

namespace sluice::http {

struct CurlOptions {
  // PEM authorities to trust instead of the system's; empty for the system's.
  std::string ca_file;
  // Largest body kept in Response::body; a sink is not limited.
  size_t max_response_bytes = 4 * 1024 * 1024;
  std::chrono::milliseconds connect_timeout{5000};
};

// A Client on libcurl with one thread of its own; connections are kept alive and shared. Destroying it
// cancels what is under way.
std::unique_ptr<Client> MakeCurlClient(CurlOptions options);

}  // namespace sluice::http
