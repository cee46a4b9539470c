// Talkers: the flows that carried the most bytes of late, for people who look at a sniffer. Windows
// follow one another; the last whole one is told. Memory: kTalkersMax flows a window; what came
// beyond is counted without a name. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "xdp/flow_round.h"

namespace mlguard::sniffer {

inline constexpr std::size_t kTalkersMax = 16'384;
inline constexpr std::size_t kTalkersTold = 10;
inline constexpr std::uint64_t kTalkersWindowNs = 2'000'000'000;

struct Talker {
  mlg_flow_key key = {};
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

class Talkers {
 public:
  void add(const xdp::FlowRound& round);

  // Of the last whole window, the most bytes first.
  const std::vector<Talker>& top() const { return top_; }
  double window_s() const { return window_s_; }

 private:
  void count(const mlg_flow_key& key, std::uint64_t packets, std::uint64_t bytes);
  void end_window(std::uint64_t now_ns);

  std::unordered_map<std::string, Talker> now_;  // by the key's bytes
  std::uint64_t began_ns_ = 0;
  std::vector<Talker> top_;
  double window_s_ = 0;
};

}  // namespace mlguard::sniffer
