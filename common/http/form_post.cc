// SPDX-License-Identifier: Apache-2.0
#include "common/http/form_post.h"

namespace sluice::http {

Request FormPost(std::string url, const std::vector<std::pair<std::string, std::string>>& fields,
                 const FormFile& file) {
  const std::string boundary = "----sluice-form-boundary";
  const std::string part = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"";
  std::string body;
  for (const auto& [name, value] : fields) body += part + name + "\"\r\n\r\n" + value + "\r\n";
  body += part + "file\"; filename=\"" + file.name + "\"\r\nContent-Type: " + file.type + "\r\n\r\n" +
          file.bytes + "\r\n--" + boundary + "--\r\n";
  return {"POST",          std::move(url), {{"Content-Type", "multipart/form-data; boundary=" + boundary}},
          std::move(body), nullptr,        nullptr};
}

}  // namespace sluice::http
