// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/sandbox/object_shelf.h"

namespace sluice::sandbox {

// Reads `multipart/form-data` (RFC 7578) as it arrives: small fields, and one file that is kept in pieces.
// What comes after the file is read and ignored. One thread at a time.
class FormDataReader {
 public:
  // The boundary of a Content-Type; empty when it is no form or names none that RFC 2046 permits.
  static std::string BoundaryOf(std::string_view content_type);

  explicit FormDataReader(std::string_view boundary);

  enum class Verdict {
    kFine,
    // Not well-formed.
    kMalformed,
    // A name over 8 KB, a value over 2 MB, or more than 128 fields.
    kTooLong
  };
  // Once it is not fine it stays so.
  Verdict Feed(std::string_view piece);
  // Whether the form has come to its end. After it, no more Feed.
  bool ended() const { return state_ == State::kEpilogue; }

  // Fields before the file, in order.
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }
  bool has_file() const { return files_ > 0; }
  const std::string& file_name() const { return file_name_; }
  // As the file's own part says; empty where it says nothing.
  const std::string& file_type() const { return file_type_; }
  // The file's bytes. Once, at the end.
  ContentPtr TakeFile() { return file_.Finish(); }

 private:
  enum class State { kPreamble, kDelimiter, kHeaders, kValueStart, kValue, kEpilogue };
  // Goes on with what is buffered; false when more is needed.
  bool Step(Verdict& verdict);
  Verdict ReadHeaders(std::string_view block);
  Verdict Keep(std::string_view bytes);

  const std::string delimiter_;  // CR LF -- boundary
  State state_ = State::kPreamble;
  Verdict verdict_ = Verdict::kFine;
  std::string buffer_;
  // Of the part being read; the file is the part named `file`.
  std::string name_;
  std::string value_;
  std::vector<std::pair<std::string, std::string>> fields_;
  size_t files_ = 0;
  std::string file_name_;
  std::string file_type_;
  ContentWriter file_;
};

}  // namespace sluice::sandbox
