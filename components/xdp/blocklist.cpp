#include "xdp/blocklist.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/logging.h"
#include "base/unique_fd.h"
#include "xdp/address_table.h"
#include "xdp/kernel_error.h"
#include "xdp/map_batches.h"
#include "xdp/pinned_map.h"
#include "xdp/pins.h"

namespace mlguard::xdp {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;
using base::UniqueFd;

constexpr MapKind kPrefixes = {"block_prefixes",         BPF_MAP_TYPE_LPM_TRIE,
                               sizeof(mlg_block_prefix), sizeof(mlg_block),
                               MLG_BLOCKED_PREFIXES_MAX, BPF_F_NO_PREALLOC};

// Where versions before the address table kept addresses, in a hash map, and the number of
// prefixes.
constexpr const char* kOlderAddresses = "block_addresses";
constexpr const char* kOlderState = "block_state";

Error full(std::uint64_t limit, const char* what) {
  return {ErrorCode::too_large, "blocklist_full",
          "the kernel's blocklist is full (" + std::to_string(limit) + " " + what +
              "): join neighbouring addresses into prefixes, or let rules end sooner"};
}

Address address_of(const std::uint8_t* bytes) {
  Address address;
  std::memcpy(address.data(), bytes, address.size());
  return address;
}

bool is_address(const BlockedNetwork& network) { return network.prefix_bits == kAddressBits; }

class PinnedBlocklist final : public Blocklist {
 public:
  PinnedBlocklist(AddressTable addresses, UniqueFd prefixes)
      : addresses_(std::move(addresses)), prefixes_(std::move(prefixes)) {}

  Status block(const std::vector<Block>& blocks) override;
  Status unblock(const std::vector<BlockedNetwork>& networks) override;
  base::Result<std::vector<BlockInForce>> list() override;
  // What an earlier process said of the number of prefixes is not relied on.
  Status count_prefixes();
  // The programs of an older version drop by its maps until they are replaced.
  Status take_over_older(const std::string& pin_folder);

 private:
  static mlg_block_prefix prefix_of(const BlockedNetwork& network);
  Status put_address(const Block& block);
  Status put_prefix(const Block& block);
  void set_prefixes(std::uint64_t count);

  AddressTable addresses_;
  UniqueFd prefixes_;
  std::uint64_t prefix_count_ = 0;
};

mlg_block_prefix PinnedBlocklist::prefix_of(const BlockedNetwork& network) {
  mlg_block_prefix prefix = {};
  prefix.prefix_bits = network.prefix_bits;
  std::memcpy(prefix.address, network.address.data(), network.address.size());
  return prefix;
}

Status PinnedBlocklist::put_address(const Block& block) {
  const base::Result<bool> fits =
      addresses_.put(block.network.address, {block.expires_boot_ns, 0, 0});
  if (!fits.ok()) return fits.error();
  if (!*fits) return full(MLG_BLOCKED_ADDRESSES_MAX, "addresses");
  return {};
}

Status PinnedBlocklist::put_prefix(const Block& block) {
  const mlg_block_prefix prefix = prefix_of(block.network);
  mlg_block value = {};
  const bool known = bpf_map_lookup_elem(prefixes_.get(), &prefix, &value) == 0;
  value.expires_boot_ns = block.expires_boot_ns;
  // Counted first: a number too high costs a search, one too low would let packets through.
  if (!known) set_prefixes(prefix_count_ + 1);
  if (bpf_map_update_elem(prefixes_.get(), &prefix, &value, BPF_ANY) == 0) return {};
  const int error = errno;
  if (error == E2BIG || error == ENOSPC) return full(MLG_BLOCKED_PREFIXES_MAX, "prefixes");
  return kernel_error("cannot add to the kernel's blocklist", error);
}

Status PinnedBlocklist::block(const std::vector<Block>& blocks) {
  for (const Block& one : blocks) {
    const Status put_one = is_address(one.network) ? put_address(one) : put_prefix(one);
    if (!put_one.ok()) return put_one;
  }
  return {};
}

Status PinnedBlocklist::unblock(const std::vector<BlockedNetwork>& networks) {
  for (const BlockedNetwork& network : networks) {
    if (is_address(network)) {
      addresses_.remove(network.address);
      continue;
    }
    const mlg_block_prefix prefix = prefix_of(network);
    if (bpf_map_delete_elem(prefixes_.get(), &prefix) == 0) {
      if (prefix_count_ > 0) set_prefixes(prefix_count_ - 1);
    } else if (errno != ENOENT) {
      return kernel_error("cannot remove from the kernel's blocklist", errno);
    }
  }
  return {};
}

base::Result<std::vector<BlockInForce>> PinnedBlocklist::list() {
  std::vector<BlockInForce> found;
  const auto add = [&](const Address& address, std::uint32_t bits, const mlg_block& block) {
    found.push_back({{{address, bits}, block.expires_boot_ns}, block.packets, block.bytes});
  };
  for (const BlockedAddress& one : addresses_.list()) add(one.address, kAddressBits, one.block);
  const Status read = read_map({prefixes_.get(), kPrefixes.key_bytes, kPrefixes.value_bytes},
                               [&](const std::uint8_t* key, const std::uint8_t* value) {
                                 mlg_block_prefix prefix;
                                 mlg_block block;
                                 std::memcpy(&prefix, key, sizeof prefix);
                                 std::memcpy(&block, value, sizeof block);
                                 add(address_of(prefix.address), prefix.prefix_bits, block);
                               });
  if (!read.ok()) return read.error();
  return found;
}

void PinnedBlocklist::set_prefixes(std::uint64_t count) {
  addresses_.set_prefixes(count);
  prefix_count_ = count;
}

Status PinnedBlocklist::count_prefixes() {
  std::uint64_t count = 0;
  const Status read = read_map({prefixes_.get(), kPrefixes.key_bytes, kPrefixes.value_bytes},
                               [&](const auto*, const auto*) { ++count; });
  if (!read.ok()) return read;
  set_prefixes(count);
  return {};
}

Status PinnedBlocklist::take_over_older(const std::string& pin_folder) {
  const std::string path = pin_folder + "/" + kOlderAddresses;
  const UniqueFd older(bpf_obj_get(path.c_str()));
  if (!older.valid()) return {};
  std::size_t taken = 0;
  const Status read = read_map({older.get(), MLG_ADDRESS_BYTES, sizeof(mlg_block)},
                               [&](const std::uint8_t* key, const std::uint8_t* value) {
                                 mlg_block block;
                                 std::memcpy(&block, value, sizeof block);
                                 const base::Result<bool> put =
                                     addresses_.put(address_of(key), block);
                                 if (put.ok() && *put) ++taken;
                               });
  if (!read.ok()) return read;
  unlink(path.c_str());
  unlink((pin_folder + "/" + kOlderState).c_str());
  base::log_info("took over the blocklist of an older version",
                 {{"addresses", std::to_string(taken)}});
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Blocklist>> Blocklist::open(const std::string& pin_folder) {
  const Status ready = prepare_pin_folder(pin_folder);
  if (!ready.ok()) return ready.error();
  base::Result<AddressTable> addresses = AddressTable::open(pin_folder);
  if (!addresses.ok()) return addresses.error();
  base::Result<UniqueFd> prefixes = open_pinned_map(pin_folder, kPrefixes);
  if (!prefixes.ok()) return prefixes.error();
  auto list = std::make_unique<PinnedBlocklist>(std::move(*addresses), std::move(*prefixes));
  Status done = list->count_prefixes();
  if (done.ok()) done = list->take_over_older(pin_folder);
  if (!done.ok()) return done.error();
  return base::Result<std::unique_ptr<Blocklist>>(std::move(list));
}

bool has_older_blocklist(const std::string& pin_folder) {
  return access((pin_folder + "/" + kOlderAddresses).c_str(), F_OK) == 0;
}

std::uint64_t boot_ns() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace mlguard::xdp
