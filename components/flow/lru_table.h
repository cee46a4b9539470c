// LruTable: a hash table with a fixed greatest size that knows which entry was used least recently.
// Entries lie in one vector that grows to the size that is needed and never beyond entries_max; an
// entry is named by its index, and by its generation where the name must outlive the entry.
//
// Keys are plain structures without uninitialised bytes, hashed and compared as bytes. The hash is
// seeded, so that nobody outside can choose keys that collide. One thread at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace mlguard::flow {

// Multiplies to 128 bits and folds: mixes every bit of both into every bit of the result.
inline std::uint64_t mix64(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Of `size` bytes, a multiple of 8.
inline std::uint64_t hash_bytes(const void* bytes, std::size_t size, std::uint64_t seed) {
  constexpr std::uint64_t kOdd1 = 0xa0761d6478bd642fU;
  constexpr std::uint64_t kOdd2 = 0xe7037ed1a0b428dbU;
  std::uint64_t hash = seed ^ kOdd1;
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, static_cast<const unsigned char*>(bytes) + at, sizeof word);
    hash = mix64(hash ^ word, kOdd2 ^ seed);
  }
  return mix64(hash ^ kOdd2, kOdd1);
}

template <class Key, class Value>
class LruTable {
  static_assert(std::has_unique_object_representations_v<Key> && sizeof(Key) % 8 == 0);

 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};

  // REQUIRES: 0 < entries_max < 2^31.
  LruTable(std::size_t entries_max, std::uint64_t seed)
      : entries_max_(entries_max), seed_(seed), heads_(std::bit_ceil(entries_max), kNone) {}

  // What a table takes when it is full, without what its values own.
  static std::size_t bytes_max(std::size_t entries_max) {
    return entries_max * sizeof(Entry) + std::bit_ceil(entries_max) * sizeof(Index);
  }

  std::size_t size() const { return size_; }
  bool full() const { return size_ == entries_max_; }

  Index find(const Key& key) const {
    Index at = heads_[slot_of(key)];
    while (at != kNone && std::memcmp(&entries_[at].key, &key, sizeof key) != 0) {
      at = entries_[at].chain;
    }
    return at;
  }

  // The new entry is the most recently used one. REQUIRES: !full(), and the key is not there.
  Index insert(const Key& key, Value value) {
    assert(!full());
    Index at = free_;
    if (at == kNone) {
      at = static_cast<Index>(entries_.size());
      if (entries_.size() == entries_.capacity()) grow();
      entries_.emplace_back();
    } else {
      free_ = entries_[at].chain;
    }
    Entry& entry = entries_[at];
    entry.key = key;
    entry.value = std::move(value);
    Index& head = heads_[slot_of(key)];
    entry.chain = std::exchange(head, at);
    link_newest(at);
    ++size_;
    return at;
  }

  void erase(Index at) {
    Entry& entry = entries_[at];
    Index* link = &heads_[slot_of(entry.key)];
    while (*link != at) link = &entries_[*link].chain;
    *link = entry.chain;
    unlink(at);
    entry.value = Value{};
    ++entry.generation;
    entry.chain = std::exchange(free_, at);
    --size_;
  }

  // Makes it the most recently used one.
  void touch(Index at) {
    if (newest_ == at) return;
    unlink(at);
    link_newest(at);
  }
  // The least recently used one, or kNone.
  Index oldest() const { return oldest_; }

  // What follows it in the order of use, or kNone.
  Index newer_than(Index at) const { return entries_[at].newer; }

  const Key& key(Index at) const { return entries_[at].key; }
  Value& operator[](Index at) { return entries_[at].value; }
  const Value& operator[](Index at) const { return entries_[at].value; }
  std::uint32_t generation(Index at) const { return entries_[at].generation; }

 private:
  struct Entry {
    Key key{};
    Value value{};
    Index chain = kNone;  // the next of the same slot, or the next free one
    Index older = kNone;
    Index newer = kNone;
    std::uint32_t generation = 0;
  };

  // Twice as large, but never larger than it may become.
  void grow() {
    constexpr std::size_t kFirstEntries = 64;
    entries_.reserve(std::min(entries_max_, std::max(kFirstEntries, 2 * entries_.size())));
  }
  std::size_t slot_of(const Key& key) const {
    return static_cast<std::size_t>(hash_bytes(&key, sizeof key, seed_)) & (heads_.size() - 1);
  }
  void link_newest(Index at) {
    entries_[at].older = newest_;
    entries_[at].newer = kNone;
    if (newest_ != kNone) entries_[newest_].newer = at;
    newest_ = at;
    if (oldest_ == kNone) oldest_ = at;
  }
  void unlink(Index at) {
    const Entry& entry = entries_[at];
    if (entry.older != kNone) entries_[entry.older].newer = entry.newer;
    if (entry.newer != kNone) entries_[entry.newer].older = entry.older;
    if (oldest_ == at) oldest_ = entry.newer;
    if (newest_ == at) newest_ = entry.older;
  }

  std::size_t entries_max_;
  std::uint64_t seed_;
  std::size_t size_ = 0;
  std::vector<Index> heads_;
  std::vector<Entry> entries_;
  Index free_ = kNone;
  Index oldest_ = kNone;
  Index newest_ = kNone;
};

}  // namespace mlguard::flow
