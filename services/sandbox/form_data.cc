// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/form_data.h"

#include <algorithm>

#include "common/http/message.h"

namespace sluice::sandbox {
namespace {

constexpr size_t kLongestName = 8 * 1024;
constexpr size_t kLongestValue = 2 * 1024 * 1024;
constexpr size_t kLongestHeaders = 16 * 1024;
constexpr size_t kMostFields = 128;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The value of `name=` among `; `-separated parameters, with or without quotes; in quotes a backslash takes
// the next byte as it is.
std::string Parameter(std::string_view text, std::string_view wanted, bool& found) {
  found = false;
  size_t at = text.find(';');
  while (at != std::string_view::npos && at < text.size()) {
    text.remove_prefix(at + 1);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view name = Trim(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    std::string value;
    if (text.starts_with('"')) {
      size_t i = 1;
      for (; i < text.size() && text[i] != '"'; ++i) {
        // Browsers write a quote as %22 and leave backslashes alone; only an escaped quote is one.
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') ++i;
        value += text[i];
      }
      if (i == text.size()) return {};
      text.remove_prefix(i + 1);
      at = text.find(';');
    } else {
      at = text.find(';');
      value = Trim(text.substr(0, at));
    }
    if (http::SameName(name, wanted)) {
      found = true;
      return value;
    }
  }
  return {};
}

}  // namespace

std::string FormDataReader::BoundaryOf(std::string_view content_type) {
  const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
  if (!http::SameName(type, "multipart/form-data")) return {};
  bool found = false;
  const std::string out = Parameter(content_type, "boundary", found);
  const bool permitted = std::all_of(out.begin(), out.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  });
  return found && permitted && out.size() <= 70 && !out.ends_with(' ') ? out : std::string();
}

// The form may begin with its delimiter without the line break before it.
FormDataReader::FormDataReader(std::string_view boundary)
    : delimiter_("\r\n--" + std::string(boundary)), buffer_("\r\n") {}

FormDataReader::Verdict FormDataReader::Feed(std::string_view piece) {
  if (verdict_ != Verdict::kFine || ended()) return verdict_;
  buffer_ += piece;
  while (verdict_ == Verdict::kFine && Step(verdict_)) {
  }
  return verdict_;
}

bool FormDataReader::Step(Verdict& verdict) {
  switch (state_) {
    case State::kPreamble:
    case State::kValue: {
      const size_t end = buffer_.find(delimiter_);
      const bool whole = end != std::string::npos;
      // Else the delimiter may begin in the last bytes.
      const size_t sure = whole ? end : buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1);
      verdict = Keep(std::string_view(buffer_).substr(0, sure));
      buffer_.erase(0, whole ? end + delimiter_.size() : sure);
      if (!whole) return false;
      if (state_ == State::kValue && files_ == 0) fields_.emplace_back(std::move(name_), std::move(value_));
      state_ = State::kDelimiter;
      return true;
    }
    case State::kDelimiter:
      if (buffer_.size() < 2) return false;
      if (buffer_.starts_with("--")) {
        state_ = State::kEpilogue;
      } else if (buffer_.starts_with("\r\n")) {
        buffer_.erase(0, 2);
        state_ = State::kHeaders;
      } else {
        verdict = Verdict::kMalformed;
      }
      return true;
    case State::kHeaders: {
      const size_t end = buffer_.find("\r\n\r\n");
      if (end == std::string::npos || end > kLongestHeaders) {
        if (buffer_.size() > kLongestHeaders) verdict = Verdict::kTooLong;
        return false;
      }
      verdict = ReadHeaders(std::string_view(buffer_).substr(0, end));
      buffer_.erase(0, end + 2);
      state_ = State::kValueStart;
      return true;
    }
    case State::kValueStart:
      // The empty line is still there: a part without a body (RFC 2046) shares it with the delimiter.
      if (buffer_.size() < delimiter_.size()) return false;
      if (!buffer_.starts_with(delimiter_)) buffer_.erase(0, 2);
      state_ = State::kValue;
      return true;
    case State::kEpilogue:
      return false;
  }
  return false;
}

FormDataReader::Verdict FormDataReader::ReadHeaders(std::string_view block) {
  std::string_view disposition;
  std::string type;
  while (!block.empty()) {
    const size_t end = block.find("\r\n");
    const std::string_view line = block.substr(0, end);
    block = end == std::string_view::npos ? std::string_view() : block.substr(end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Verdict::kMalformed;
    if (http::SameName(line.substr(0, colon), "Content-Disposition"))
      disposition = Trim(line.substr(colon + 1));
    if (http::SameName(line.substr(0, colon), "Content-Type")) type = Trim(line.substr(colon + 1));
  }
  if (!http::SameName(Trim(disposition.substr(0, disposition.find(';'))), "form-data"))
    return Verdict::kMalformed;
  bool named = false;
  bool has_file_name = false;
  name_ = Parameter(disposition, "name", named);
  std::string file_name = Parameter(disposition, "filename", has_file_name);
  if (!named || name_.empty()) return Verdict::kMalformed;
  if (name_.size() > kLongestName) return Verdict::kTooLong;
  if (name_ == "file") {
    if (++files_ == 1) {
      file_name_ = std::move(file_name);
      file_type_ = std::move(type);
    }
  } else if (fields_.size() >= kMostFields) {
    return Verdict::kTooLong;
  }
  value_.clear();
  return Verdict::kFine;
}

FormDataReader::Verdict FormDataReader::Keep(std::string_view bytes) {
  if (state_ == State::kPreamble) return Verdict::kFine;
  if (files_ == 1 && name_ == "file") file_.Add(bytes);
  if (files_ > 0) return Verdict::kFine;  // nothing after the file counts
  value_ += bytes;
  return value_.size() > kLongestValue ? Verdict::kTooLong : Verdict::kFine;
}

}  // namespace sluice::sandbox
