// SPDX-License-Identifier: Apache-2.0
#include "common/base/file.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace sluice {

std::optional<std::string> ReadFile(const std::string& path, size_t limit) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) && !std::filesystem::is_fifo(path, error))
    return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string out;
  char piece[16384];
  while (in.read(piece, sizeof(piece)) || in.gcount() > 0) {
    out.append(piece, static_cast<size_t>(in.gcount()));
    if (out.size() > limit) return std::nullopt;
  }
  return out;
}

bool WriteFileWhole(const std::string& path, std::string_view text) {
  const std::string half = path + ".part";
  std::ofstream out(half, std::ios::binary);
  out << text;
  out.close();
  return out && std::rename(half.c_str(), path.c_str()) == 0;
}

}  // namespace sluice
