// SPDX-License-Identifier: Apache-2.0
#include "common/base/config_file.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/units.h"
#include "google/protobuf/duration.pb.h"
#include "sluice/options/v1/field_options.pb.h"

namespace sluice {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kLongestFile = 1024 * 1024;
constexpr size_t kMostNodes = 100000;  // aliases could otherwise multiply a small file

bool IsSensitive(const FieldDescriptor& field) {
  return field.options().GetExtension(options::v1::sensitive);
}

std::string Names(const Descriptor& type) {
  std::string out;
  for (int i = 0; i < type.field_count(); ++i) out += (i == 0 ? "" : ", ") + type.field(i)->name();
  return out;
}

// `OPERATION_` of enum Operation.
std::string EnumPrefix(const google::protobuf::EnumDescriptor& type) {
  const std::string& zero = type.value(0)->name();
  return zero.substr(0, zero.size() - std::string_view("UNSPECIFIED").size());
}

// Takes no notice of anything.
class IgnoreEvents final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}
};

// Whether anything follows the first document, be it another one or junk. Asks for two and no more:
// yaml-cpp's LoadAll goes on for ever where a document makes no progress, as a lone `,` does.
bool HasSeveralDocuments(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  IgnoreEvents ignore;
  return parser.HandleNextDocument(ignore) && parser.HandleNextDocument(ignore);
}

}  // namespace

class ConfigReader {
 public:
  ConfigReader(std::string file, const Environment& environment) : environment_(environment) {
    source_.file_ = std::move(file);
  }

  absl::StatusOr<ConfigSource> ReadFrom(const std::optional<std::string>& text, Message& out) {
    if (!text || text->size() > kLongestFile)
      return source_.Error("", "the file cannot be read or is larger than 1 MiB; check path and permissions");
    try {
      if (HasSeveralDocuments(*text)) return source_.Error("", "the file must hold one YAML mapping");
      const YAML::Node document = YAML::Load(*text);
      if (!document.IsMap()) return source_.Error("", "the file must hold one YAML mapping");
      RETURN_IF_ERROR(ReadMessage(document, "", out));
    } catch (const YAML::Exception& error) {
      source_.places_[""] = {error.mark.line + 1, error.mark.column + 1};
      return source_.Error("", "not YAML: " + error.msg);
    }
    return std::move(source_);
  }

 private:
  absl::Status Count(const YAML::Node& node, const std::string& path) {
    source_.places_[path] = {node.Mark().line + 1, node.Mark().column + 1};
    if (++nodes_ > kMostNodes) return source_.Error(path, "the file has too many values");
    return absl::OkStatus();
  }

  absl::Status ReadMessage(const YAML::Node& node, const std::string& path, Message& out) {
    RETURN_IF_ERROR(Count(node, path));
    const Descriptor& type = *out.GetDescriptor();
    if (node.IsNull()) return absl::OkStatus();
    if (node.IsScalar() && type.FindFieldByName("address") != nullptr)
      return ReadValue(node, path, *type.FindFieldByName("address"), out);
    if (!node.IsMap()) return source_.Error(path, "must be a mapping with " + Names(type));
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return source_.Error(path, "a field's name must be plain text");
      const std::string& name = entry.first.Scalar();
      const std::string here = path.empty() ? name : path + "." + name;
      source_.places_[here] = {entry.first.Mark().line + 1, entry.first.Mark().column + 1};
      const FieldDescriptor* field = type.FindFieldByName(name);
      if (field == nullptr) return source_.Error(here, "unknown field; known here: " + Names(type));
      if (!seen.insert(name).second) return source_.Error(here, "given twice");
      if (const auto* oneof = field->real_containing_oneof();
          oneof != nullptr && out.GetReflection()->HasOneof(out, oneof))
        return source_.Error(here, "only one of the fields of " + oneof->name() + " may be given");
      RETURN_IF_ERROR(ReadField(entry.second, here, *field, out));
    }
    return absl::OkStatus();
  }

  absl::Status ReadField(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                         Message& out) {
    if (field.is_map()) return ReadMap(node, path, field, out);
    if (!field.is_repeated()) return ReadValue(node, path, field, out);
    RETURN_IF_ERROR(Count(node, path));
    if (!node.IsSequence()) return source_.Error(path, "must be a list");
    for (size_t i = 0; i < node.size(); ++i)
      RETURN_IF_ERROR(ReadValue(node[i], path + "[" + std::to_string(i) + "]", field, out));
    return absl::OkStatus();
  }

  absl::Status ReadMap(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                       Message& out) {
    RETURN_IF_ERROR(Count(node, path));
    if (!node.IsMap()) return source_.Error(path, "must be a mapping of names to texts");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return source_.Error(path, "a name must be plain text");
      const std::string& name = entry.first.Scalar();
      if (!seen.insert(name).second) return source_.Error(path + "." + name, "given twice");
      Message& pair = *out.GetReflection()->AddMessage(&out, &field);
      pair.GetReflection()->SetString(&pair, pair.GetDescriptor()->map_key(), name);
      RETURN_IF_ERROR(ReadValue(entry.second, path + "." + name, *pair.GetDescriptor()->map_value(), pair));
    }
    return absl::OkStatus();
  }

  // The text behind `${NAME}` and `file:PATH`.
  absl::StatusOr<std::string> Resolve(const YAML::Node& node, const std::string& path, bool secret) {
    const std::string& text = node.Scalar();
    if (text.starts_with("${") && text.ends_with("}")) {
      const std::string name = text.substr(2, text.size() - 3);
      auto value = environment_(name);
      if (!value) return source_.Error(path, "the environment variable " + name + " is not set");
      return *std::move(value);
    }
    if (text.find("$${") != std::string::npos) {
      // Somebody else's placeholders, such as those of a callback's body.
      std::string plain;
      for (size_t at = 0; at < text.size(); ++at) {
        if (text.compare(at, 3, "$${") == 0) continue;
        plain += text[at];
      }
      return plain;
    }
    if (text.find("${") != std::string::npos)
      return source_.Error(path, "${NAME} stands for a whole value, not for a part of one");
    if (text.starts_with("file:")) {
      const std::filesystem::path wanted(text.substr(5));
      const std::string full = wanted.is_absolute()
                                   ? wanted.string()
                                   : (std::filesystem::path(source_.file_).parent_path() / wanted).string();
      source_.files_.insert(full);
      auto value = ReadFile(full);
      if (!value) return source_.Error(path, "the file " + full + " cannot be read");
      if (value->ends_with('\n')) value->pop_back();
      if (value->ends_with('\r')) value->pop_back();
      return *std::move(value);
    }
    if (secret)
      return source_.Error(path, "a secret is written as ${NAME} or file:PATH, never in the config");
    return text;
  }

  absl::Status ReadValue(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                         Message& out) {
    const bool is_duration =
        field.message_type() != nullptr && field.message_type() == google::protobuf::Duration::descriptor();
    if (field.message_type() != nullptr && !is_duration) {
      const auto& reflection = *out.GetReflection();
      return ReadMessage(node, path,
                         field.is_repeated() ? *reflection.AddMessage(&out, &field)
                                             : *reflection.MutableMessage(&out, &field));
    }
    RETURN_IF_ERROR(Count(node, path));
    if (!node.IsScalar())
      return source_.Error(path, node.IsNull() ? "has no value" : "must be one plain value");
    ASSIGN_OR_RETURN(const std::string text, Resolve(node, path, IsSensitive(field)));
    return SetText(text, path, field, out);
  }

  template <typename T>
  absl::StatusOr<T> Number(const std::string& text, const std::string& path, const FieldDescriptor& field) {
    T value = 0;
    if (field.name().ends_with("_bytes")) {
      const auto bytes = ParseByteSize(text);
      if (!bytes || *bytes > static_cast<uint64_t>(std::numeric_limits<T>::max()))
        return source_.Error(path, "must be a size such as 256KiB, 5MiB, 1GiB or a number of bytes");
      return static_cast<T>(*bytes);
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
      return source_.Error(path, "must be a whole number");
    return value;
  }

  absl::Status SetText(const std::string& text, const std::string& path, const FieldDescriptor& field,
                       Message& out) {
    const auto& reflection = *out.GetReflection();
    const bool many = field.is_repeated();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        many ? reflection.AddString(&out, &field, text) : reflection.SetString(&out, &field, text);
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_BOOL:
        if (text != "true" && text != "false") return source_.Error(path, "must be true or false");
        reflection.SetBool(&out, &field, text == "true");
        return absl::OkStatus();
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto& type = *field.enum_type();
        const auto* value = type.FindValueByName(EnumPrefix(type) + text);
        if (value == nullptr || value->number() == 0) {
          std::string known;
          for (int i = 1; i < type.value_count(); ++i)
            known += (i == 1 ? "" : ", ") + type.value(i)->name().substr(EnumPrefix(type).size());
          return source_.Error(path, "must be one of " + known);
        }
        many ? reflection.AddEnum(&out, &field, value) : reflection.SetEnum(&out, &field, value);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        ASSIGN_OR_RETURN(const uint32_t value, Number<uint32_t>(text, path, field));
        many ? reflection.AddUInt32(&out, &field, value) : reflection.SetUInt32(&out, &field, value);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        ASSIGN_OR_RETURN(const uint64_t value, Number<uint64_t>(text, path, field));
        many ? reflection.AddUInt64(&out, &field, value) : reflection.SetUInt64(&out, &field, value);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_MESSAGE: {  // only durations come here
        const auto span = ParseDuration(text);
        if (!span) return source_.Error(path, "must be a duration such as 900s, 15m or 1h30m");
        Message& message =
            many ? *reflection.AddMessage(&out, &field) : *reflection.MutableMessage(&out, &field);
        static_cast<google::protobuf::Duration&>(message).set_seconds(span->count());
        return absl::OkStatus();
      }
      default:
        return source_.Error(path, "this kind of field cannot be written in YAML; a bug in the program");
    }
  }

  ConfigSource source_;
  const Environment& environment_;
  size_t nodes_ = 0;
};

absl::Status ConfigSource::Error(const std::string& field, std::string_view what) const {
  auto place = places_.end();
  for (std::string at = field;;) {
    place = places_.find(at);
    if (place != places_.end() || at.empty()) break;
    const size_t end = at.find_last_of(".[");
    at.resize(end == std::string::npos ? 0 : end);
  }
  std::string text = file_;
  if (place != places_.end())
    text += ":" + std::to_string(place->second.line) + ":" + std::to_string(place->second.column);
  text += ": " + (field.empty() ? "" : field + ": ");
  text += what;
  return Fail(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID", text).With("field", field);
}

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

absl::StatusOr<ConfigSource> LoadConfig(const std::string& path, Message& out,
                                        const Environment& environment) {
  return ConfigReader(path, environment).ReadFrom(ReadFile(path, kLongestFile), out);
}

absl::StatusOr<ConfigSource> ReadConfig(const std::string& path, const std::string& text, Message& out,
                                        const Environment& environment) {
  return ConfigReader(path, environment).ReadFrom(text, out);
}

}  // namespace sluice
