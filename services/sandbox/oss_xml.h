// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/sandbox/fault.h"

namespace sluice::sandbox {

// Builds a document element by element; text is escaped.
class XmlWriter {
 public:
  explicit XmlWriter(std::string_view root);
  XmlWriter& Text(std::string_view name, std::string_view value);
  XmlWriter& Open(std::string_view name);
  XmlWriter& Close();
  // Closes what is open and gives the document.
  std::string Finish();

 private:
  std::string out_;
  std::vector<std::string> open_;
};

std::string ErrorXml(const Fault& fault, std::string_view request_id, std::string_view host);

// The parts of a CompleteMultipartUpload body: number and ETag without quotes. Refuses DOCTYPE and anything
// of another shape.
std::optional<std::vector<std::pair<int, std::string>>> ParseComplete(std::string_view body);

}  // namespace sluice::sandbox
