#include "xdp/blocklist.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/unique_fd.h"
#include "xdp/kernel_error.h"
#include "xdp/map_batches.h"
#include "xdp/pins.h"

namespace mlguard::xdp {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;
using base::UniqueFd;

constexpr __u32 kOnlyEntry = 0;

// As sniffer.bpf.c declares them: the loader refuses pins of another shape.
struct MapKind {
  const char* name;
  bpf_map_type type;
  __u32 key_bytes;
  __u32 value_bytes;
  __u32 entries_max;
  __u32 flags;
};
constexpr MapKind kAddresses = {"block_addresses",         BPF_MAP_TYPE_HASH,
                                sizeof(mlg_block_address), sizeof(mlg_block),
                                MLG_BLOCKED_ADDRESSES_MAX, BPF_F_NO_PREALLOC};
constexpr MapKind kPrefixes = {"block_prefixes",         BPF_MAP_TYPE_LPM_TRIE,
                               sizeof(mlg_block_prefix), sizeof(mlg_block),
                               MLG_BLOCKED_PREFIXES_MAX, BPF_F_NO_PREALLOC};
constexpr MapKind kState = {
    "block_state", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(mlg_blocklist_state), 1, 0};

base::Result<UniqueFd> open_map(const std::string& pin_folder, const MapKind& kind) {
  const std::string path = pin_folder + "/" + kind.name;
  UniqueFd map(bpf_obj_get(path.c_str()));
  if (map.valid()) return map;
  if (errno != ENOENT) return kernel_error("cannot open " + path, errno);
  LIBBPF_OPTS(bpf_map_create_opts, how);
  how.map_flags = kind.flags;
  map.reset(bpf_map_create(kind.type, kind.name, kind.key_bytes, kind.value_bytes, kind.entries_max,
                           &how));
  if (!map.valid()) return kernel_error(std::string("cannot make the map ") + kind.name, errno);
  if (bpf_obj_pin(map.get(), path.c_str()) == 0) return map;
  if (errno != EEXIST) return kernel_error("cannot pin " + path, errno);
  map.reset(bpf_obj_get(path.c_str()));  // another process was quicker
  if (!map.valid()) return kernel_error("cannot open " + path, errno);
  return map;
}

class PinnedBlocklist final : public Blocklist {
 public:
  PinnedBlocklist(UniqueFd addresses, UniqueFd prefixes, UniqueFd state)
      : addresses_(std::move(addresses)),
        prefixes_(std::move(prefixes)),
        state_(std::move(state)) {}

  Status block(const std::vector<Block>& blocks) override;
  Status unblock(const std::vector<BlockedNetwork>& networks) override;
  base::Result<std::vector<BlockInForce>> list() override;
  // What an earlier process said of the number of prefixes is not relied on.
  Status count_prefixes();

 private:
  struct Place {
    int map = -1;
    mlg_block_prefix prefix = {};  // the address alone is the key of the other map
    const void* key() const {
      return prefix.prefix_bits == kAddressBits ? static_cast<const void*>(prefix.address)
                                                : &prefix;
    }
  };

  Place place_of(const BlockedNetwork& network) const;
  Status put(const Block& block);
  Status set_prefixes(std::uint64_t count);

  UniqueFd addresses_;
  UniqueFd prefixes_;
  UniqueFd state_;
  std::uint64_t prefix_count_ = 0;
};

PinnedBlocklist::Place PinnedBlocklist::place_of(const BlockedNetwork& network) const {
  Place place;
  place.map = network.prefix_bits == kAddressBits ? addresses_.get() : prefixes_.get();
  place.prefix.prefix_bits = network.prefix_bits;
  std::memcpy(place.prefix.address, network.address.data(), network.address.size());
  return place;
}

Status PinnedBlocklist::put(const Block& block) {
  const Place place = place_of(block.network);
  mlg_block value = {};
  const bool known = bpf_map_lookup_elem(place.map, place.key(), &value) == 0;
  value.expires_boot_ns = block.expires_boot_ns;
  const bool is_prefix = block.network.prefix_bits != kAddressBits;
  // Counted first: a number too high costs a search, one too low would let packets through.
  if (is_prefix && !known) {
    const Status counted = set_prefixes(prefix_count_ + 1);
    if (!counted.ok()) return counted;
  }
  if (bpf_map_update_elem(place.map, place.key(), &value, BPF_ANY) == 0) return {};
  const int error = errno;
  if (error == E2BIG || error == ENOSPC) {
    return Error(
        ErrorCode::too_large, "blocklist_full",
        "the kernel's blocklist is full (" +
            std::to_string(is_prefix ? MLG_BLOCKED_PREFIXES_MAX : MLG_BLOCKED_ADDRESSES_MAX) +
            (is_prefix ? " prefixes" : " addresses") +
            "): join neighbouring addresses into prefixes, or let rules end sooner");
  }
  return kernel_error("cannot add to the kernel's blocklist", error);
}

Status PinnedBlocklist::block(const std::vector<Block>& blocks) {
  for (const Block& one : blocks) {
    const Status put_one = put(one);
    if (!put_one.ok()) return put_one;
  }
  return {};
}

Status PinnedBlocklist::unblock(const std::vector<BlockedNetwork>& networks) {
  for (const BlockedNetwork& network : networks) {
    const Place place = place_of(network);
    if (bpf_map_delete_elem(place.map, place.key()) == 0) {
      if (network.prefix_bits == kAddressBits || prefix_count_ == 0) continue;
      const Status counted = set_prefixes(prefix_count_ - 1);
      if (!counted.ok()) return counted;
    } else if (errno != ENOENT) {
      return kernel_error("cannot remove from the kernel's blocklist", errno);
    }
  }
  return {};
}

base::Result<std::vector<BlockInForce>> PinnedBlocklist::list() {
  std::vector<BlockInForce> found;
  const auto add = [&](const std::uint8_t* address, std::uint32_t bits, const std::uint8_t* value) {
    mlg_block block;
    std::memcpy(&block, value, sizeof block);
    BlockInForce entry;
    std::memcpy(entry.block.network.address.data(), address, MLG_ADDRESS_BYTES);
    entry.block.network.prefix_bits = bits;
    entry.block.expires_boot_ns = block.expires_boot_ns;
    entry.packets = block.packets;
    entry.bytes = block.bytes;
    found.push_back(entry);
  };
  Status read = read_map(
      {addresses_.get(), kAddresses.key_bytes, kAddresses.value_bytes},
      [&](const std::uint8_t* key, const std::uint8_t* value) { add(key, kAddressBits, value); });
  if (!read.ok()) return read.error();
  read = read_map({prefixes_.get(), kPrefixes.key_bytes, kPrefixes.value_bytes},
                  [&](const std::uint8_t* key, const std::uint8_t* value) {
                    mlg_block_prefix prefix;
                    std::memcpy(&prefix, key, sizeof prefix);
                    add(prefix.address, prefix.prefix_bits, value);
                  });
  if (!read.ok()) return read.error();
  return found;
}

Status PinnedBlocklist::set_prefixes(std::uint64_t count) {
  const mlg_blocklist_state state = {count};
  if (bpf_map_update_elem(state_.get(), &kOnlyEntry, &state, BPF_ANY) != 0) {
    return kernel_error("cannot change the blocklist's state", errno);
  }
  prefix_count_ = count;
  return {};
}

Status PinnedBlocklist::count_prefixes() {
  std::uint64_t count = 0;
  const Status read = read_map({prefixes_.get(), kPrefixes.key_bytes, kPrefixes.value_bytes},
                               [&](const auto*, const auto*) { ++count; });
  if (!read.ok()) return read;
  return set_prefixes(count);
}

}  // namespace

base::Result<std::unique_ptr<Blocklist>> Blocklist::open(const std::string& pin_folder) {
  const Status ready = prepare_pin_folder(pin_folder);
  if (!ready.ok()) return ready.error();
  base::Result<UniqueFd> addresses = open_map(pin_folder, kAddresses);
  if (!addresses.ok()) return addresses.error();
  base::Result<UniqueFd> prefixes = open_map(pin_folder, kPrefixes);
  if (!prefixes.ok()) return prefixes.error();
  base::Result<UniqueFd> state = open_map(pin_folder, kState);
  if (!state.ok()) return state.error();
  auto list = std::make_unique<PinnedBlocklist>(std::move(*addresses), std::move(*prefixes),
                                                std::move(*state));
  const Status counted = list->count_prefixes();
  if (!counted.ok()) return counted.error();
  return base::Result<std::unique_ptr<Blocklist>>(std::move(list));
}

std::uint64_t boot_ns() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace mlguard::xdp
