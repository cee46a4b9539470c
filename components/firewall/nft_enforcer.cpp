#include "firewall/nft_enforcer.h"

#include <arpa/inet.h>
#include <nftables/libnftables.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "firewall/nft_link.h"

namespace mlguard::firewall {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr const char* kChain = "early";
// The kernel lists a set in pieces and counts from its beginning for each: 300,000 addresses in one
// set take seconds, in many sets a fraction of one.
constexpr unsigned kShards = 32;
constexpr std::size_t kSetElementsMax = 1'048'576;
// Added since the last listing, which follows within a hundred times what it takes.
constexpr std::size_t kAddedMax = 8'192;
constexpr std::size_t kTableCharsMax = 63;
constexpr std::size_t kIpv4Bytes = 4;
constexpr std::size_t kMappedBytes = kMappedBits / 8;

// The prefixes of one length are in one set; single addresses in kShards of them, by their last
// bits.
struct Kind {
  bool four = true;
  unsigned bits = 0;  // As written: 32 and 128 are single addresses.
  unsigned shard = 0;
  auto operator<=>(const Kind&) const = default;

  bool whole() const { return bits == (four ? 32U : 128U); }
  std::string family() const { return four ? "v4_" : "v6_"; }
  std::string set() const {
    const std::string length = family() + std::to_string(bits);
    return whole() ? length + "_" + std::to_string(shard) : length;
  }
  std::string chain() const { return family() + std::to_string(shard); }
};

Kind kind_of(const Network& network) {
  Kind kind = {is_ipv4(network), written_bits(network)};
  if (kind.whole()) kind.shard = network.address.back() % kShards;
  return kind;
}

std::set<Kind> kinds_of_addresses() {
  std::set<Kind> kinds;
  for (unsigned shard = 0; shard < kShards; ++shard) {
    kinds.insert({true, 32, shard});
    kinds.insert({false, 128, shard});
  }
  return kinds;
}

// Elements of one set travel together.
using BySet = std::map<Kind, std::vector<NftElement>>;
std::vector<NftElements> named(BySet&& sets) {
  std::vector<NftElements> all;
  all.reserve(sets.size());
  for (auto& [kind, elements] : sets) all.push_back({kind.set(), std::move(elements)});
  return all;
}

// "v4_24"; nothing for a set that is not ours, and for those of single addresses.
std::optional<Kind> kind_of_set(std::string_view name) {
  Kind kind;
  if (name.substr(0, 3) != "v4_" && name.substr(0, 3) != "v6_") return std::nullopt;
  kind.four = name[1] == '4';
  const auto [at, failure] = std::from_chars(name.data() + 3, name.data() + name.size(), kind.bits);
  if (failure != std::errc() || at != name.data() + name.size()) return std::nullopt;
  if (kind.bits >= (kind.four ? 32U : 128U)) return std::nullopt;
  return kind;
}

std::string mask_text(const Kind& kind) {
  Network ones;
  ones.address.fill(0xff);
  const Network mask = shortened(ones, kind.four ? kind.bits + kMappedBits : kind.bits);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(kind.four ? AF_INET : AF_INET6, mask.address.data() + (kind.four ? kMappedBytes : 0),
            text.data(), text.size());
  return text.data();
}

NftKey key_of(const Network& network) {
  const std::size_t skip = is_ipv4(network) ? kMappedBytes : 0;
  return std::string_view{reinterpret_cast<const char*>(network.address.data()) + skip,
                          kAddressBytes - skip};
}

std::optional<Network> network_of(const Kind& kind, std::string_view key) {
  if (key.size() != (kind.four ? kIpv4Bytes : kAddressBytes)) return std::nullopt;
  Network network;
  network.bits = static_cast<std::uint8_t>(kind.four ? kind.bits + kMappedBits : kind.bits);
  if (kind.four) network.address[10] = network.address[11] = 0xff;
  std::memcpy(network.address.data() + (kind.four ? kMappedBytes : 0), key.data(), key.size());
  return network;
}

// libnftables; every call is one transaction.
class Nft {
 public:
  Nft() : context_(nft_ctx_new(NFT_CTX_DEFAULT)) {
    if (context_ == nullptr) return;
    nft_ctx_buffer_output(context_);
    nft_ctx_buffer_error(context_);
  }
  ~Nft() {
    if (context_ != nullptr) nft_ctx_free(context_);
  }
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;

  Status run(const std::string& commands) {
    if (context_ == nullptr) return Error(ErrorCode::resource_exhausted, "no memory for nftables");
    if (nft_run_cmd_from_buffer(context_, commands.c_str()) == 0) return {};
    const std::string said = nft_ctx_get_error_buffer(context_);
    const std::string what = "nftables refused: " + said.substr(0, said.find('\n'));
    if (said.find("not permitted") != std::string::npos) {
      return Error(ErrorCode::permission_denied, "missing_capability",
                   what +
                       ": run as root, or give the binary its capability with "
                       "'setcap cap_net_admin+ep'");
    }
    return Error(ErrorCode::io, "kernel", what);
  }

 private:
  nft_ctx* context_;
};

class NftEnforcer final : public Enforcer {
 public:
  NftEnforcer(NftOptions options, NftLink link)
      : options_(std::move(options)), link_(std::move(link)) {}

  const char* name() const override { return "nftables"; }
  base::Result<bool> prepare() override;
  Status change(const TargetChange& change, std::int64_t now_ms) override;
  base::Result<std::vector<HeldTarget>> list(std::int64_t now_ms) override;
  Drifted drifted() override;
  Status clear() override;

 private:
  Status build();
  std::string commands() const;
  base::Result<bool> is_whole();

  const NftOptions options_;
  NftLink link_;
  Nft nft_;
  std::set<Kind> kinds_;
  bool may_be_there(const Network& network) const;
  void note_added(const TargetChange& change);

  // What is added for the first time needs no removal before. Those that were listed, sorted, and
  // those added since; when these are too many to be kept in mind, any may be there.
  std::vector<Network> listed_;
  NetworkMap<bool> added_;  // A set.
  bool any_may_be_there_ = false;
  std::vector<std::uint64_t> handles_;  // Of our rules, as they were made.
  bool built_ = false;
  std::uint32_t generation_ = 0;  // Up to here all changes are ours, or were looked at.
};

// The jumps to the shards' chains, by the last bits of the source.
std::string shard_rule(bool four) {
  std::string text = four ? " ip saddr & 0.0.0.31 vmap {" : " ip6 saddr & ::1f vmap {";
  static_assert(kShards == 32, "the masks above are of 32 shards");
  for (unsigned shard = 0; shard < kShards; ++shard) {
    std::array<char, 16> address{};
    std::snprintf(address.data(), address.size(), four ? "0.0.0.%u" : "::%x", shard);
    text += std::string(shard > 0 ? ", " : " ") + address.data() + " : jump " +
            Kind{four, 0, shard}.chain();
  }
  return text + " }\n";
}

// Idempotent: what is there already stays, with its elements; the rules are made anew.
std::string NftEnforcer::commands() const {
  const std::string table = "inet " + options_.table + " ";
  const std::string chain = table + kChain;
  std::string text = "add table inet " + options_.table + "\nadd chain " + chain +
                     "\nflush chain " + chain + "\ndelete chain " + chain + "\nadd chain " + chain +
                     " { type filter hook prerouting priority " +
                     std::to_string(options_.priority) + "; policy accept; }\n";
  std::string rules;
  for (const Kind& kind : kinds_) {
    text += "add set " + table + kind.set() + " { type ipv" + (kind.four ? "4" : "6") +
            "_addr; size " + std::to_string(kSetElementsMax) + "; flags timeout; counter; }\n";
    const std::string source = kind.four ? " ip saddr " : " ip6 saddr ";
    if (kind.whole()) {
      text += "add chain " + table + kind.chain() + "\nflush chain " + table + kind.chain() + "\n";
      rules += "add rule " + table + kind.chain() + source + "@" + kind.set() + " drop\n";
    } else {
      rules +=
          "add rule " + chain + source + "& " + mask_text(kind) + " @" + kind.set() + " drop\n";
    }
  }
  for (const bool four : {true, false}) rules += "add rule " + chain + shard_rule(four);
  return text + rules;
}

Status NftEnforcer::build() {
  const Status made = nft_.run(commands());
  if (!made.ok()) return made;
  auto handles = link_.rule_handles(options_.table);
  if (!handles.ok()) return handles.error();
  handles_ = std::move(*handles);
  built_ = true;
  const auto generation = link_.generation();
  if (!generation.ok()) return generation.error();
  generation_ = *generation;
  return {};
}

base::Result<bool> NftEnforcer::is_whole() {
  const auto sets = link_.sets(options_.table);
  if (!sets.ok()) return sets.error();
  for (const Kind& kind : kinds_) {
    if (std::find(sets->begin(), sets->end(), kind.set()) == sets->end()) return false;
  }
  const auto handles = link_.rule_handles(options_.table);
  if (!handles.ok()) return handles.error();
  return *handles == handles_;
}

base::Result<bool> NftEnforcer::prepare() {
  if (built_) {
    const auto whole = is_whole();
    if (!whole.ok()) return whole;
    if (*whole) return false;
  } else {
    const auto sets = link_.sets(options_.table);
    if (!sets.ok()) return sets.error();
    kinds_ = kinds_of_addresses();
    for (const std::string& set : *sets) {
      if (const auto kind = kind_of_set(set)) kinds_.insert(*kind);
    }
  }
  const bool was_there = built_;
  const Status made = build();
  if (!made.ok()) return made.error();
  return was_there;
}

bool NftEnforcer::may_be_there(const Network& network) const {
  return any_may_be_there_ || added_.count(network) > 0 ||
         std::binary_search(listed_.begin(), listed_.end(), network);
}

void NftEnforcer::note_added(const TargetChange& change) {
  if (added_.size() + change.block.size() > kAddedMax) {
    any_may_be_there_ = true;
    added_.clear();
  }
  if (any_may_be_there_) return;
  for (const Target& target : change.block) added_.try_emplace(target.network);
}

Status NftEnforcer::change(const TargetChange& change, std::int64_t now_ms) {
  BySet add;
  BySet again;
  BySet remove;
  std::set<Kind> kinds = kinds_;
  for (const Target& target : change.block) {
    const Kind kind = kind_of(target.network);
    NftElement element = {key_of(target.network)};
    if (target.expires_at_ms != kNeverMs) {
      element.timeout_ms =
          static_cast<std::uint64_t>(std::max<std::int64_t>(target.expires_at_ms - now_ms, 1));
    }
    (may_be_there(target.network) ? again : add)[kind].push_back(element);
  }
  for (const BySet* both : {&add, &again}) {
    for (const auto& [kind, elements] : *both) kinds.insert(kind);
  }
  for (const Network& network : change.unblock) {
    const Kind kind = kind_of(network);
    if (kinds.count(kind) == 0) continue;
    remove[kind].push_back({key_of(network)});
  }
  if (kinds != kinds_) {
    kinds_ = std::move(kinds);
    const Status made = build();
    if (!made.ok()) return made;
  }
  const bool changes = !add.empty() || !again.empty() || !remove.empty();
  const Status changed = link_.change(options_.table, named(std::move(add)),
                                      named(std::move(again)), named(std::move(remove)));
  note_added(change);
  // Our own transaction; one of another's in between makes the numbers differ.
  if (changed.ok() && changes) ++generation_;
  return changed;
}

base::Result<std::vector<HeldTarget>> NftEnforcer::list(std::int64_t now_ms) {
  const auto generation = link_.generation();
  if (!generation.ok()) return generation.error();
  std::vector<HeldTarget> held;
  for (const Kind& kind : kinds_) {
    const auto elements = link_.list(options_.table, kind.set());
    if (!elements.ok() && elements.error().code == ErrorCode::not_found) continue;
    if (!elements.ok()) return elements.error();
    for (const NftElement& element : *elements) {
      const auto network = network_of(kind, element.key.bytes());
      if (!network) continue;
      HeldTarget one;
      one.target.network = *network;
      if (element.timeout_ms != 0) {
        one.target.expires_at_ms = now_ms + static_cast<std::int64_t>(element.timeout_ms);
      }
      one.packets = element.packets;
      one.bytes = element.bytes;
      held.push_back(one);
    }
  }
  listed_.clear();
  listed_.reserve(held.size());
  for (const HeldTarget& one : held) listed_.push_back(one.target.network);
  std::sort(listed_.begin(), listed_.end());
  added_.clear();
  any_may_be_there_ = false;
  generation_ = *generation;
  return held;
}

Drifted NftEnforcer::drifted() {
  const auto generation = link_.generation();
  if (!generation.ok()) return Drifted::perhaps;
  return *generation == generation_ ? Drifted::no : Drifted::surely;
}

Status NftEnforcer::clear() {
  built_ = false;
  const std::string table = "inet " + options_.table;
  return nft_.run("add table " + table + "\ndelete table " + table + "\n");
}

}  // namespace

Status check_nft_table(const std::string& name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  const bool good = !name.empty() && name.size() <= kTableCharsMax && letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), fits);
  if (good) return {};
  return Error(ErrorCode::invalid_argument, "invalid_table",
               "nftables.table must be 1 to 63 of a-z A-Z 0-9 _, and begin with no digit");
}

base::Result<std::unique_ptr<Enforcer>> make_nft_enforcer(const NftOptions& options) {
  const Status named = check_nft_table(options.table);
  if (!named.ok()) return named.error();
  auto link = NftLink::open();
  if (!link.ok()) return link.error();
  return std::unique_ptr<Enforcer>(std::make_unique<NftEnforcer>(options, std::move(*link)));
}

}  // namespace mlguard::firewall
