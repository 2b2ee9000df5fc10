// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/sandbox/fault.h"

// An object's tags: at most 10, each key once, keys of 1 to 128 and values of 0 to 256 characters out of
// letters, digits, space and `+ - = . _ : /`. Pure.
namespace sluice::sandbox {

using Tags = std::vector<std::pair<std::string, std::string>>;

// `k1=v1&k2=v2`, each side percent-encoded, as x-oss-tagging has it.
OrFault<Tags> ParseTagHeader(std::string_view text);
// The body of PutObjectTagging.
OrFault<Tags> ParseTagXml(std::string_view body);
std::string TagXml(const Tags& tags);

}  // namespace sluice::sandbox
