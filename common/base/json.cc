// SPDX-License-Identifier: Apache-2.0
#include "common/base/json.h"

#include <set>
#include <string>
#include <vector>

// The one place where Boost.JSON is compiled.
#include "boost/json/basic_parser_impl.hpp"
#include "boost/json/src.hpp"
#include "common/base/status.h"

namespace sluice {
namespace {

// Walks the text once more for duplicate members; the DOM parser keeps the last one silently.
class DuplicateFinder {
 public:
  constexpr static std::size_t max_object_size = std::size_t(-1);
  constexpr static std::size_t max_array_size = std::size_t(-1);
  constexpr static std::size_t max_key_size = std::size_t(-1);
  constexpr static std::size_t max_string_size = std::size_t(-1);
  using string_view = boost::json::string_view;
  using error_code = boost::json::error_code;

  bool duplicate() const { return duplicate_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    members_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    members_.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(string_view s, std::size_t, error_code&) {
    key_.append(s.data(), s.size());
    return true;
  }
  bool on_key(string_view s, std::size_t, error_code&) {
    key_.append(s.data(), s.size());
    if (!members_.back().insert(std::move(key_)).second) duplicate_ = true;
    key_.clear();
    return true;
  }
  bool on_string_part(string_view, std::size_t, error_code&) { return true; }
  bool on_string(string_view, std::size_t, error_code&) { return true; }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, string_view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
  bool on_double(double, string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  std::vector<std::set<std::string>> members_;
  std::string key_;
  bool duplicate_ = false;
};

Failure Invalid(std::string_view why) {
  return Fail(absl::StatusCode::kInvalidArgument, "JSON_INVALID", why);
}

}  // namespace

absl::StatusOr<boost::json::value> ParseJson(std::string_view text) {
  boost::json::error_code error;
  boost::json::basic_parser<DuplicateFinder> finder(boost::json::parse_options{});
  std::size_t used = finder.write_some(false, text.data(), text.size(), error);
  if (error || used != text.size()) return Invalid("not a JSON document");
  if (finder.handler().duplicate()) return Invalid("a JSON member appears twice");
  auto value = boost::json::parse({text.data(), text.size()}, error);
  if (error) return Invalid("not a JSON document");
  return value;
}

std::string_view JsonText(const boost::json::object& object, std::string_view member) {
  const auto* value = object.if_contains({member.data(), member.size()});
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

}  // namespace sluice
