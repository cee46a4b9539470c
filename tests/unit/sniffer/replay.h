// Replay: one capture sent through a cable of its own by tcpreplay, both directions as on a real
// interface (packets of the clients come in at XDP, those of the servers go out at TC), watched by
// `sniffer --standalone` and, at the same time, by libpcap. The records of the live sniffer must be
// those that `sniffer --pcap` makes of libpcap's capture: equal, but for what depends on the
// microseconds between the two places where the kernel reads the clock. docs/data-plane.md has the
// tolerances.
//
// Needs root and a private network (support/private_network.h). An object belongs to one thread;
// several may work at once, with different numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/pin_folder.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "unit/sniffer/flow_rows.h"
#include "unit/sniffer/interface_dump.h"

namespace mlguard::sniffer {

using Differences = std::vector<std::string>;

struct BusiestRounds {
  std::uint64_t bytes = 0;
  std::uint64_t openings = 6;  // of flows
};

// How wait_for_the_end's answer begins when the cable itself lost packets: its ring holds 256, and
// the kernel empties it when it comes to it. Nothing can be compared then.
inline constexpr std::string_view kLostOnTheCable = "lost on the cable";

class Replay {
 public:
  // `number` names the cable. Lays it, and starts the two that watch.
  Replay(const std::string& capture, int number);
  ~Replay();

  bool attached() const { return sniffer_->err().find("attached") != std::string::npos; }
  // What went wrong; empty: the packets are on their way.
  std::string begin();
  // Waits until all `packets` of the capture have passed, and ends all. What went wrong.
  std::string wait_for_the_end(std::uint64_t packets);
  // Everything in which the live sniffer and the capture of the same wire differ by more than the
  // tolerances, and every packet that is in no account.
  // `busiest`: what one round of 100 ms may hold, which the live sniffer sees at once.
  Differences differences(std::uint64_t packets, const BusiestRounds& busiest = {}) const;

 private:
  nlohmann::json counters() const;  // What the live sniffer says at its end.
  Differences lost_packets(std::uint64_t packets, std::uint64_t& passed_over) const;

  std::string capture_;
  int number_;
  std::string inside_;
  std::string outside_;
  support::TempDir folder_;
  support::PinFolder pins_;
  std::unique_ptr<InterfaceDump> dump_;
  std::unique_ptr<support::Process> sniffer_;
  std::unique_ptr<support::Process> sender_;
};

}  // namespace mlguard::sniffer
