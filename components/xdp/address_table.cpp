#include "xdp/address_table.h"

#include <bpf/bpf.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "xdp/kernel_error.h"
#include "xdp/pinned_map.h"

namespace mlguard::xdp {
namespace {

using base::Result;
using base::Status;
using base::UniqueFd;

constexpr __u32 kOnlyEntry = 0;
// So many places wait at the most before the programs are waited for, which takes milliseconds.
constexpr std::size_t kLeftMax = 4'096;

constexpr MapKind array_of(const char* name, std::size_t value_bytes, __u32 entries) {
  return {name,    BPF_MAP_TYPE_ARRAY, sizeof(__u32), static_cast<__u32>(value_bytes),
          entries, BPF_F_MMAPABLE};
}
constexpr MapKind kState = array_of("blocked_state", sizeof(mlg_blocklist_state), 1);
constexpr MapKind kFilter = array_of("blocked_filter", sizeof(__u64), MLG_BLOCKED_LINES);
constexpr MapKind kIndex = array_of("blocked_index", sizeof(mlg_index_line), MLG_BLOCKED_LINES);
constexpr MapKind kAddresses =
    array_of("blocked_addresses", sizeof(mlg_blocked_address), MLG_BLOCKED_ADDRESSES_MAX);

constexpr MapKind kHeads =
    array_of("blocked_heads", sizeof(mlg_blocked_head), MLG_BLOCKED_ADDRESSES_MAX);

// The programs see each of these whole, and what was written before it.
template <class Word>
void publish(Word& word, Word value) {
  std::atomic_ref<Word>(word).store(value, std::memory_order_release);
}
template <class Word>
Word seen(Word& word) {
  return std::atomic_ref<Word>(word).load(std::memory_order_acquire);
}
template <class Word>
bool exchange(Word& word, Word expected, Word value) {
  return std::atomic_ref<Word>(word).compare_exchange_strong(expected, value);
}

// A map whose updates return when no program is running that began before: the kernel promises it
// of maps of maps.
Result<UniqueFd> make_grace_map(int inner) {
  LIBBPF_OPTS(bpf_map_create_opts, how);
  how.inner_map_fd = static_cast<__u32>(inner);
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "blocked_grace", sizeof(__u32),
                              sizeof(__u32), 1, &how));
  if (!map.valid()) return kernel_error("cannot make the map blocked_grace", errno);
  return map;
}

}  // namespace

Result<AddressTable> AddressTable::open(const std::string& pin_folder) {
  AddressTable table;
  struct Part {
    const MapKind* kind;
    MappedMap AddressTable::*member;
  };
  for (const Part& part :
       {Part{&kState, &AddressTable::state_}, Part{&kFilter, &AddressTable::filter_},
        Part{&kIndex, &AddressTable::index_}, Part{&kAddresses, &AddressTable::addresses_},
        Part{&kHeads, &AddressTable::heads_}}) {
    Result<UniqueFd> map = open_pinned_map(pin_folder, *part.kind);
    if (!map.ok()) return map.error();
    Result<MappedMap> mapped = MappedMap::map(map->get(), part.kind->bytes());
    if (!mapped.ok()) return mapped.error();
    table.*part.member = std::move(*mapped);
    if (part.kind == &kState) table.state_fd_ = std::move(*map);
  }
  Result<UniqueFd> grace = make_grace_map(table.state_fd_.get());
  if (!grace.ok()) return grace.error();
  table.grace_ = std::move(*grace);
  table.choose_secret();
  table.find_left();
  return table;
}

// The list is empty as long as there is none.
void AddressTable::choose_secret() {
  std::random_device random;
  const std::uint64_t secret = (std::uint64_t{random()} << 32) | random() | 1;
  exchange<__u64>(state().hash_secret, 0, secret);
}

// What an earlier process took out, or had no use for.
void AddressTable::find_left() {
  for (std::uint32_t i = 0; i < seen(state().addresses_begun); ++i) {
    const std::uint16_t use = seen(address_at(i).use);
    if (use == MLG_BLOCKED_LEFT) left_.push_back(i);
    if (use == MLG_BLOCKED_FREE) free_.push_back(i);
  }
}

Result<bool> AddressTable::put(const Address& address, const mlg_block& block) {
  const std::uint64_t hash = hash_of(address);
  if (const auto known = find(address, hash)) {
    publish(address_at(known->number).block.expires_boot_ns, block.expires_boot_ns);
    return true;
  }
  const std::optional<Place> place = free_place(hash);
  if (!place) return false;
  const auto number = take_number();
  if (!number.ok()) return number.error();
  if (!*number) return false;
  write_address(**number, address);
  address_at(**number).block = block;
  const std::uint32_t home = mlg_block_line_of(hash);
  publish(filter_of(home), filter_of(home) | mlg_block_filter_bit_of(hash));
  publish(entry_at(place->line, place->entry), mlg_index_tag_of(hash) | (**number + 1));
  return true;
}

bool AddressTable::remove(const Address& address) {
  const std::uint64_t hash = hash_of(address);
  const std::optional<Place> place = find(address, hash);
  if (!place) return false;
  // Behind a zero nothing is searched: only what is last in its line may become one, and not in a
  // line that is full, whose addresses may stand in the next.
  const bool last =
      place->entry + 1 < MLG_INDEX_ENTRIES && seen(entry_at(place->line, place->entry + 1)) == 0;
  publish(entry_at(place->line, place->entry), last ? 0U : MLG_INDEX_REMOVED);
  const std::uint32_t home = mlg_block_line_of(hash);
  publish<__u64>(filter_of(home), filter_bits(home));
  publish<std::uint16_t>(address_at(place->number).use, MLG_BLOCKED_LEFT);
  left_.push_back(place->number);
  return true;
}

std::vector<BlockedAddress> AddressTable::list() const {
  std::vector<BlockedAddress> found;
  for (std::uint32_t line = 0; line < MLG_BLOCKED_LINES; ++line) {
    for (std::uint32_t i = 0; i < MLG_INDEX_ENTRIES; ++i) {
      const std::uint32_t entry = seen(entry_at(line, i));
      if (entry == 0) break;
      if (entry == MLG_INDEX_REMOVED) continue;
      const std::uint32_t number = (entry & MLG_INDEX_NUMBER_MASK) - 1;
      mlg_block& block = address_at(number).block;
      found.push_back({read_address(number),
                       {seen(block.expires_boot_ns), seen(block.packets), seen(block.bytes)}});
    }
  }
  return found;
}

void AddressTable::set_prefixes(std::uint64_t count) { publish<__u64>(state().prefixes, count); }

// Numbers that have been used before come first, as far as that costs no waiting.
Result<std::optional<std::uint32_t>> AddressTable::take_number() {
  if (free_.empty() && (left_.size() >= kLeftMax ||
                        (!left_.empty() && state().addresses_begun >= MLG_BLOCKED_ADDRESSES_MAX))) {
    const Status settled = settle();
    if (!settled.ok()) return settled.error();
  }
  while (!free_.empty()) {
    const std::uint32_t number = free_.back();
    free_.pop_back();
    if (exchange<std::uint16_t>(address_at(number).use, MLG_BLOCKED_FREE, MLG_BLOCKED_IN_USE)) {
      return std::optional(number);
    }
  }
  std::atomic_ref<__u64> begun(state().addresses_begun);
  for (__u64 next = begun.load(); next < MLG_BLOCKED_ADDRESSES_MAX; next = begun.load()) {
    if (!begun.compare_exchange_strong(next, next + 1)) continue;
    const auto number = static_cast<std::uint32_t>(next);
    if (exchange<std::uint16_t>(address_at(number).use, MLG_BLOCKED_FREE, MLG_BLOCKED_IN_USE)) {
      return std::optional(number);
    }
  }
  return std::optional<std::uint32_t>();
}

Status AddressTable::settle() {
  const int any = state_fd_.get();
  if (bpf_map_update_elem(grace_.get(), &kOnlyEntry, &any, BPF_ANY) != 0) {
    return kernel_error("cannot wait for the kernel programs", errno);
  }
  for (const std::uint32_t number : left_) release(number);
  left_.clear();
  return {};
}

void AddressTable::release(std::uint32_t number) {
  if (exchange<std::uint16_t>(address_at(number).use, MLG_BLOCKED_LEFT, MLG_BLOCKED_FREE)) {
    free_.push_back(number);
  }
}

std::uint64_t AddressTable::hash_of(const Address& address) const {
  return mlg_block_hash(address.data(), seen(state().hash_secret));
}

std::optional<AddressTable::Place> AddressTable::find(const Address& address,
                                                      std::uint64_t hash) const {
  for (std::uint32_t step = 0; step < MLG_BLOCKED_LINES_AN_ADDRESS; ++step) {
    const std::uint32_t line = (mlg_block_line_of(hash) + step) % MLG_BLOCKED_LINES;
    for (std::uint32_t i = 0; i < MLG_INDEX_ENTRIES; ++i) {
      const std::uint32_t entry = seen(entry_at(line, i));
      if (entry == 0) return {};
      if (entry == MLG_INDEX_REMOVED) continue;
      if ((entry & ~MLG_INDEX_NUMBER_MASK) != mlg_index_tag_of(hash)) continue;
      const std::uint32_t number = (entry & MLG_INDEX_NUMBER_MASK) - 1;
      if (read_address(number) == address) return Place{line, i, number};
    }
  }
  return {};
}

std::optional<AddressTable::Place> AddressTable::free_place(std::uint64_t hash) const {
  for (std::uint32_t step = 0; step < MLG_BLOCKED_LINES_AN_ADDRESS; ++step) {
    const std::uint32_t line = (mlg_block_line_of(hash) + step) % MLG_BLOCKED_LINES;
    for (std::uint32_t i = 0; i < MLG_INDEX_ENTRIES; ++i) {
      const std::uint32_t entry = seen(entry_at(line, i));
      if (entry == 0 || entry == MLG_INDEX_REMOVED) return Place{line, i, 0};
    }
  }
  return {};
}

// The bits that addresses of this home need.
std::uint64_t AddressTable::filter_bits(std::uint32_t home) const {
  std::uint64_t bits = 0;
  for (std::uint32_t step = 0; step < MLG_BLOCKED_LINES_AN_ADDRESS; ++step) {
    const std::uint32_t line = (home + step) % MLG_BLOCKED_LINES;
    for (std::uint32_t i = 0; i < MLG_INDEX_ENTRIES; ++i) {
      const std::uint32_t entry = seen(entry_at(line, i));
      if (entry == 0) return bits;
      if (entry == MLG_INDEX_REMOVED) continue;
      const std::uint64_t hash = hash_of(read_address((entry & MLG_INDEX_NUMBER_MASK) - 1));
      if (mlg_block_line_of(hash) == home) bits |= mlg_block_filter_bit_of(hash);
    }
  }
  return bits;
}

// REQUIRES: no program uses that number.
void AddressTable::write_address(std::uint32_t number, const Address& address) {
  mlg_blocked_address& at = address_at(number);
  std::memcpy(at.tail, address.data() + MLG_ADDRESS_HEAD_BYTES, MLG_ADDRESS_TAIL_BYTES);
  at.has_head = mlg_is_ipv4_head(address.data()) ? 0 : 1;
  if (at.has_head != 0) std::memcpy(head_at(number).head, address.data(), MLG_ADDRESS_HEAD_BYTES);
}

Address AddressTable::read_address(std::uint32_t number) const {
  const mlg_blocked_address& at = address_at(number);
  Address address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (at.has_head != 0) std::memcpy(address.data(), head_at(number).head, MLG_ADDRESS_HEAD_BYTES);
  std::memcpy(address.data() + MLG_ADDRESS_HEAD_BYTES, at.tail, MLG_ADDRESS_TAIL_BYTES);
  return address;
}

mlg_blocklist_state& AddressTable::state() const {
  return *reinterpret_cast<mlg_blocklist_state*>(state_.data());
}
__u64& AddressTable::filter_of(std::uint32_t home) const {
  return reinterpret_cast<__u64*>(filter_.data())[home];
}
std::uint32_t& AddressTable::entry_at(std::uint32_t line, std::uint32_t entry) const {
  return reinterpret_cast<mlg_index_line*>(index_.data())[line].entry[entry];
}
mlg_blocked_address& AddressTable::address_at(std::uint32_t number) const {
  return reinterpret_cast<mlg_blocked_address*>(addresses_.data())[number];
}

mlg_blocked_head& AddressTable::head_at(std::uint32_t number) const {
  return reinterpret_cast<mlg_blocked_head*>(heads_.data())[number];
}

}  // namespace mlguard::xdp
