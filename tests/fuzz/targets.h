// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>

// One function per parser of outside bytes. Each takes any bytes, and ends the process where a promise of the
// parser is broken; the sanitizers watch the rest. `./dev fuzz` searches, the tests replay tests/fuzz/corpus.
namespace sluice::fuzz {

// A token, a line break, a JWKS.
void FuzzJwt(std::string_view input);
// A ticket for a ring that has never sealed one.
void FuzzTicket(std::string_view input);
// A path, a line break, a subject: what compiles is proven, and the sandbox's own evaluator agrees with ours.
void FuzzPolicy(std::string_view input);
// A broker's config.
void FuzzConfig(std::string_view input);
// A request target, and the path, process and durations in it.
void FuzzQuery(std::string_view input);
// A multipart form and the policy in it.
void FuzzForm(std::string_view input);
// A file of profiles, of either kind, or the answer of whoever gives keys.
void FuzzKeys(std::string_view input);
// A message of the upload gateway, cut into pieces as its first byte says: read as protobuf reads it.
void FuzzFrame(std::string_view input);
// An upload id, for a ring that has never sealed one.
void FuzzUploadId(std::string_view input);
// What OSS answers: parts, a finished upload, an error.
void FuzzOss(std::string_view input);
// A tus client's Upload-Metadata, a line break, its Upload-Checksum, a line break, its Upload-Length.
void FuzzTus(std::string_view input);

using Target = void (*)(std::string_view);
inline constexpr std::pair<const char*, Target> kTargets[] = {
    {"jwt", FuzzJwt},       {"ticket", FuzzTicket}, {"policy", FuzzPolicy},
    {"config", FuzzConfig}, {"query", FuzzQuery},   {"form", FuzzForm},
    {"keys", FuzzKeys},     {"frame", FuzzFrame},   {"upload-id", FuzzUploadId},
    {"oss", FuzzOss},       {"tus", FuzzTus}};

}  // namespace sluice::fuzz
