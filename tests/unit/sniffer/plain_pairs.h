// What one host did with one service of another, by the words of docs/features.md: all flows that
// ever began are kept, and each number is worked out from that list. Part of the reference for
// `sniffer --pcap`; see plain_packets.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "plain_packets.h"

namespace mlguard::plain {

// Source, destination, the port that is asked for (of ICMP: 0), protocol.
using PairName = std::tuple<Address, Address, unsigned, unsigned>;

// NaN where nothing is defined.
struct PairLook {
  double flows = 0;
  double flows_lately = 0;
  double half_open_share = 0;
  double gap_mean_s = 0;
  double gap_variation = 0;
};

struct BegunFlow {
  std::uint64_t begun_ns = 0;
  bool opened = false;
};

class Pairs {
 public:
  static constexpr std::size_t kPairsMax = 65'536;

  PairLook look(const PairName& name, std::uint32_t second) const;
  // To be marked when it is opened.
  std::shared_ptr<BegunFlow> begin_flow(const PairName& name, std::uint64_t now_ns);

 private:
  struct Pair {
    std::vector<std::shared_ptr<BegunFlow>> flows;
    std::uint64_t turn = 0;
  };

  std::map<PairName, Pair> pairs_;
  std::map<std::uint64_t, PairName> turns_;
  std::uint64_t next_turn_ = 1;
};

}  // namespace mlguard::plain
