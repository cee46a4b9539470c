// What hosts did in the last ten seconds and what is normal for them, by the words of
// docs/features.md and of components/flow/host_windows.h: counted exactly, with all that ever
// happened kept. Part of the reference for `sniffer --pcap`; see plain_packets.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "plain_packets.h"

namespace mlguard::plain {

struct Distinct {
  double count = 0;
  bool may_be_estimated = false;
};

// Different values in the window.
class DistinctValues {
 public:
  void add(const std::string& value, std::uint32_t second);
  Distinct look(std::uint32_t second) const;

 private:
  std::map<std::string, std::uint32_t> last_seen_;  // by value
  std::map<std::uint32_t, std::uint64_t> values_;   // by the second of their last sight
  std::uint32_t last_second_ = 0;
  bool may_be_estimated_ = false;
};

// NaN where nothing is defined.
struct Window {
  double flows = 0;
  Distinct ports;
  Distinct hosts;
  double half_open_share = 0;
  double packets_per_s = 0;
  double bytes_per_s = 0;
  double flows_vs_normal = 0;
  double packets_vs_normal = 0;
};

struct Second {
  double flows = 0;
  double opened = 0;
  double packets = 0;
  double bytes = 0;
};

struct Host {
  std::map<std::uint32_t, Second> seconds;  // since it was first seen; all of them
  DistinctValues ports;
  DistinctValues hosts;
  std::uint64_t turn = 0;  // the lower, the longer without traffic
  bool made_room = false;

  Window look(std::uint32_t second) const;
};

// Hosts in one role. Whoever made room stays with the flows that know it, and counts for nobody.
class Role {
 public:
  static constexpr std::size_t kHostsMax = 16'384;

  Window look(const Address& address, std::uint32_t second) const;
  std::shared_ptr<Host> begin_flow(const Address& address, const Address& peer, unsigned port,
                                   std::uint32_t second);
  void add_packet(Host& host, const Address& address, double bytes, std::uint32_t second);

 private:
  void note_traffic(Host& host, const Address& address);

  std::map<Address, std::shared_ptr<Host>> hosts_;
  std::map<std::uint64_t, Address> turns_;
  std::uint64_t next_turn_ = 1;
};

}  // namespace mlguard::plain
