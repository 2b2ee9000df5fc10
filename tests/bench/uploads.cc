// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/uploads.h"

namespace sluice::bench {

void UploadTally::Done(std::chrono::nanoseconds took) {
  ++objects;
  durable.Add(took);
}

void UploadTally::Failed(const std::string& error) {
  ++failed;
  ++errors[error];
}

void UploadTally::Add(const UploadTally& other) {
  objects += other.objects;
  failed += other.failed;
  for (const auto& [error, count] : other.errors) errors[error] += count;
  durable.Add(other.durable);
}

}  // namespace sluice::bench
