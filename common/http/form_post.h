// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/message.h"

namespace sluice::http {

// The file of a form.
struct FormFile {
  std::string bytes;
  std::string name = "file";
  std::string type = "application/octet-stream";
};

// A POST of `multipart/form-data` as a browser sends it: the fields in order, then the file. Names and values
// are written as they are, so that a test can send what no browser would. Pure.
Request FormPost(std::string url, const std::vector<std::pair<std::string, std::string>>& fields,
                 const FormFile& file);

}  // namespace sluice::http
