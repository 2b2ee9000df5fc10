// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/http/message.h"

namespace sluice::testing {

// A POST as a browser sends a form: the fields in order, then the file.
inline http::Request FormPost(const std::string& url,
                              const std::vector<std::pair<std::string, std::string>>& fields,
                              const std::string& file, const std::string& file_name = "cat.png",
                              const std::string& file_type = "application/octet-stream") {
  const std::string boundary = "----sluice-test-boundary";
  std::string body;
  for (const auto& [name, value] : fields)
    body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value +
            "\r\n";
  body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + file_name +
          "\"\r\nContent-Type: " + file_type + "\r\n\r\n" + file + "\r\n--" + boundary + "--\r\n";
  return {"POST", url,     {{"Content-Type", "multipart/form-data; boundary=" + boundary}},
          body,   nullptr, nullptr};
}

}  // namespace sluice::testing
