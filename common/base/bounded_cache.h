// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/hash/hash.h"

namespace sluice {

// Values by name, as many as a bound allows; what was used longest ago goes first. Each value has a cost, in
// bytes or whatever the bound counts in, given by who puts it. Thread-safe: sixteen parts with a lock each, held
// for a lookup and never across a call; so the bound holds for each sixteenth, and a value that costs more than
// that is not kept.
template <typename Value>
class BoundedCache {
 public:
  using Pointer = std::shared_ptr<Value>;

  explicit BoundedCache(uint64_t most) : most_of_part_(most / kParts) {}

  // Null when it is not here.
  Pointer Find(std::string_view name) {
    Part& part = PartOf(name);
    std::lock_guard lock(part.mutex);
    const auto found = part.nodes.find(name);
    if (found == part.nodes.end()) return nullptr;
    part.used.splice(part.used.begin(), part.used, found->second);
    return found->second->value;
  }

  // In place of what had the name.
  void Put(std::string_view name, Pointer value, uint64_t cost) {
    std::list<Node> dropped;  // ends outside the lock
    Part& part = PartOf(name);
    std::lock_guard lock(part.mutex);
    Take(part, name, dropped);
    if (cost > most_of_part_) return;
    part.used.push_front({std::string(name), std::move(value), cost});
    part.nodes[part.used.front().name] = part.used.begin();
    part.cost += cost;
    while (part.cost > most_of_part_) Take(part, part.used.back().name, dropped);
  }

  void Erase(std::string_view name) {
    std::list<Node> dropped;
    Part& part = PartOf(name);
    std::lock_guard lock(part.mutex);
    Take(part, name, dropped);
  }

  uint64_t cost() const {
    return Sum([](const Part& part) { return part.cost; });
  }
  uint64_t size() const {
    return Sum([](const Part& part) { return part.nodes.size(); });
  }

 private:
  static constexpr size_t kParts = 16;
  using Hash = absl::Hash<std::string_view>;  // seeded, since names hold what callers chose
  struct Node {
    std::string name;
    Pointer value;
    uint64_t cost = 0;
  };
  struct alignas(64) Part {
    mutable std::mutex mutex;
    std::list<Node> used;  // guarded by mutex, as all below; latest first
    std::unordered_map<std::string_view, typename std::list<Node>::iterator, Hash> nodes;
    uint64_t cost = 0;
  };

  Part& PartOf(std::string_view name) { return parts_[(Hash()(name) >> 32) % kParts]; }

  static void Take(Part& part, std::string_view name, std::list<Node>& dropped) {
    const auto found = part.nodes.find(name);
    if (found == part.nodes.end()) return;
    const auto node = found->second;
    part.nodes.erase(found);
    part.cost -= node->cost;
    dropped.splice(dropped.begin(), part.used, node);
  }

  uint64_t Sum(uint64_t (*of)(const Part&)) const {
    uint64_t out = 0;
    for (const Part& part : parts_) {
      std::lock_guard lock(part.mutex);
      out += of(part);
    }
    return out;
  }

  const uint64_t most_of_part_;
  std::array<Part, kParts> parts_;
};

}  // namespace sluice
