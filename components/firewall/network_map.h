// NetworkMap: a hash table of networks, for tables of hundreds of thousands. Entries lie in a row
// in one vector, so that going through all of them is cheap and none has memory of its own; an
// index of 8 bytes a place finds them.
//
// What is used of std::unordered_map is here under the same names; iterators are pointers into the
// vector: whatever adds or erases makes them invalid, and erasing moves the last entry into the
// gap. The hash is seeded, so that nobody who chooses addresses can choose ones that collide. One
// thread at a time. REQUIRES: less than 2^31 entries.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "firewall/network.h"

namespace mlguard::firewall {

template <class Value>
class NetworkMap {
 public:
  struct Entry {
    Network first;
    Value second;
  };
  using value_type = Entry;
  using iterator = typename std::vector<Entry>::iterator;
  using const_iterator = typename std::vector<Entry>::const_iterator;

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

  void clear() {
    entries_.clear();
    std::fill(index_.begin(), index_.end(), kFree);
  }
  void reserve(std::size_t entries) {
    entries_.reserve(entries);
    if (places_for(entries) > index_.size()) build_index(places_for(entries));
  }

  iterator find(const Network& network) { return begin() + offset_of(network); }
  const_iterator find(const Network& network) const { return begin() + offset_of(network); }
  std::size_t count(const Network& network) const { return find(network) == end() ? 0 : 1; }
  const Value& at(const Network& network) const {
    const auto found = find(network);
    if (found == end()) throw std::out_of_range("no such network");
    return found->second;
  }

  // False: it is there already, and `value` is not used.
  std::pair<iterator, bool> try_emplace(const Network& network, Value value = {}) {
    if (places_for(entries_.size() + 1) > index_.size()) {
      build_index(places_for(entries_.size() + 1));
    }
    const std::uint64_t tag = tag_of(network);
    const std::size_t place = place_of(network, tag);
    if (index_[place] != kFree) return {begin() + entry_at(place), false};
    index_[place] = tag | (entries_.size() + 1);
    entries_.push_back({network, std::move(value)});
    return {end() - 1, true};
  }
  Value& operator[](const Network& network) { return try_emplace(network).first->second; }

  std::size_t erase(const Network& network) {
    if (entries_.empty()) return 0;
    const std::size_t place = place_of(network, tag_of(network));
    if (index_[place] == kFree) return 0;
    const auto gap = static_cast<std::size_t>(entry_at(place));
    free_place(place);
    if (gap + 1 < entries_.size()) {
      const Network& moved = entries_.back().first;
      const std::uint64_t tag = tag_of(moved);
      index_[place_of(moved, tag)] = tag | (gap + 1);
      entries_[gap] = std::move(entries_.back());
    }
    entries_.pop_back();
    return 1;
  }

 private:
  // A place holds the upper half of the hash, and below it the entry's number from 1 on.
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::uint64_t kEntryMask = 0xffff'ffffU;
  static constexpr std::size_t kPlacesMin = 16;

  static std::size_t places_for(std::size_t entries) {
    return std::max(kPlacesMin, std::bit_ceil(entries + entries / 2));
  }
  static std::uint64_t tag_of(const Network& network) {
    return NetworkHash{}(network) & ~kEntryMask;
  }
  std::size_t home_of(std::uint64_t tag) const { return (tag >> 32U) & (index_.size() - 1); }
  std::ptrdiff_t entry_at(std::size_t place) const {
    return static_cast<std::ptrdiff_t>(index_[place] & kEntryMask) - 1;
  }

  // Where it is, or the free place where it belongs. REQUIRES: an index.
  std::size_t place_of(const Network& network, std::uint64_t tag) const {
    std::size_t place = home_of(tag);
    for (; index_[place] != kFree; place = (place + 1) & (index_.size() - 1)) {
      if ((index_[place] & ~kEntryMask) != tag) continue;
      if (entries_[static_cast<std::size_t>(entry_at(place))].first == network) break;
    }
    return place;
  }
  std::ptrdiff_t offset_of(const Network& network) const {
    const auto none = static_cast<std::ptrdiff_t>(entries_.size());
    if (entries_.empty()) return none;
    const std::size_t place = place_of(network, tag_of(network));
    return index_[place] == kFree ? none : entry_at(place);
  }

  // What follows without a gap moves up, unless it is before its home there.
  void free_place(std::size_t place) {
    const std::size_t mask = index_.size() - 1;
    std::size_t gap = place;
    for (std::size_t at = (gap + 1) & mask; index_[at] != kFree; at = (at + 1) & mask) {
      const std::size_t from_home = (at - home_of(index_[at])) & mask;
      if (from_home < ((at - gap) & mask)) continue;
      index_[gap] = index_[at];
      gap = at;
    }
    index_[gap] = kFree;
  }

  void build_index(std::size_t places) {
    std::vector<std::uint64_t> before = std::exchange(index_, {});
    index_.resize(places, kFree);
    for (const std::uint64_t one : before) {
      if (one == kFree) continue;
      std::size_t place = home_of(one);
      while (index_[place] != kFree) place = (place + 1) & (places - 1);
      index_[place] = one;
    }
  }

  std::vector<Entry> entries_;
  std::vector<std::uint64_t> index_;
};

}  // namespace mlguard::firewall
