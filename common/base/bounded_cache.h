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
// bytes or whatever the bound counts in, given by who puts it. Thread-safe: sixteen parts with a lock each,
// held for a lookup and never across a call; so the bound holds for each sixteenth, and a value that costs
// more than that is not kept.
template <typename Value>
class BoundedCache {
 public:
  using Pointer = std::shared_ptr<Value>;

  explicit BoundedCache(uint64_t most) : most_of_part_(most / kParts) {}

  // Null when it is not here.
  Pointer Find(std::string_view name) {
    const Key key(name);
    Part& part = PartOf(key);
    std::lock_guard lock(part.mutex);
    const auto found = part.nodes.find(key);
    if (found == part.nodes.end()) return nullptr;
    part.used.splice(part.used.begin(), part.used, found->second);
    return found->second->value;
  }

  // In place of what had the name.
  void Put(std::string_view name, Pointer value, uint64_t cost) {
    std::list<Node> dropped;  // ends outside the lock
    const Key key(name);
    Part& part = PartOf(key);
    std::lock_guard lock(part.mutex);
    Take(part, key, dropped);
    if (cost > most_of_part_) return;
    part.used.push_front({std::string(name), std::move(value), cost});
    part.nodes[Key(part.used.front().name, key.hash)] = part.used.begin();
    part.cost += cost;
    while (part.cost > most_of_part_) Take(part, Key(part.used.back().name), dropped);
  }

  void Erase(std::string_view name) {
    std::list<Node> dropped;
    const Key key(name);
    Part& part = PartOf(key);
    std::lock_guard lock(part.mutex);
    Take(part, key, dropped);
  }

  uint64_t cost() const {
    return Sum([](const Part& part) { return part.cost; });
  }
  uint64_t size() const {
    return Sum([](const Part& part) { return part.nodes.size(); });
  }

 private:
  static constexpr size_t kParts = 16;
  // A name and its hash, computed once a call; seeded, since names hold what callers chose.
  struct Key {
    explicit Key(std::string_view text) : Key(text, absl::Hash<std::string_view>()(text)) {}
    Key(std::string_view text, size_t of) : name(text), hash(of) {}
    bool operator==(const Key& other) const { return hash == other.hash && name == other.name; }

    std::string_view name;
    size_t hash;
  };
  struct HashOfKey {
    size_t operator()(const Key& key) const { return key.hash; }
  };
  struct Node {
    std::string name;
    Pointer value;
    uint64_t cost = 0;
  };
  struct alignas(64) Part {
    mutable std::mutex mutex;
    std::list<Node> used;  // guarded by mutex, as all below; latest first
    std::unordered_map<Key, typename std::list<Node>::iterator, HashOfKey> nodes;
    uint64_t cost = 0;
  };

  Part& PartOf(const Key& key) { return parts_[(key.hash >> 32) % kParts]; }

  static void Take(Part& part, const Key& key, std::list<Node>& dropped) {
    const auto found = part.nodes.find(key);
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
