// Tracker: makes flow records out of packets, in user space, with the accounting that the kernel
// programs use (bpf/flow_account.h).
//
// Time is event time: the greatest time of any packet so far, and what advance() says. A flow ends
//  - kClosingLingerNs after both sides sent FIN or one side sent RST (packets that come meanwhile
//    still belong to it; a SYN without ACK ends it at once and begins the next one);
//  - idle_timeout_ns after its last packet;
//  - active_timeout_ns after it began, when its next packet comes: that packet begins the next
//  part,
//    which keeps the initiator;
//  - when the table is full and a new flow comes: one that is closing goes first, else the least
//    recently used one;
//  - at finish().
// Each packet is in exactly one record: packets() == packets in the records + packets in the table.
//
// With early_after_ns set, a flow that has not ended so long after it began is told once before it
// does, with CloseReason::early: whoever must act at once need not wait for the idle timeout, nor
// for a scanned port that refuses to be done lingering. Its packets are told again when it closes;
// early records are not part of the sum above.
//
// Memory: bytes_max(); with the defaults 36 MB for flows, and 118 MB for windows if all hosts scan.
// One thread at a time; the sink is called from within add(), advance() and finish(), and must not
// call the tracker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

#include "bpf/packet.h"
#include "flow/flow_record.h"
#include "flow/host_windows.h"
#include "flow/lru_table.h"

namespace mlguard::flow {

inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::uint64_t kClosingLingerNs = kNsPerSecond;

struct TrackerOptions {
  std::uint64_t idle_timeout_ns = 15 * kNsPerSecond;
  std::uint64_t active_timeout_ns = 60 * kNsPerSecond;
  std::size_t flows_max = 65'536;
  std::uint64_t early_after_ns = 0;  // 0: nothing is told early
  HostWindowsOptions windows;
  // Of the hash tables and sketches: random on a live wire, where others choose the addresses;
  // fixed for captures, so that one capture always gives the same estimates.
  std::uint64_t seed = 0;
};

class Tracker {
 public:
  using Sink = std::function<void(const FlowRecord&)>;
  // REQUIRES: 0 < flows_max < 2^31; timeouts above 0.
  Tracker(const TrackerOptions& options, Sink sink);
  // The most memory that it ever takes (but for the moment in which a table grows).
  static std::size_t bytes_max(const TrackerOptions& options);

  // REQUIRES: the packet was parsed with MLG_PARSE_OK.
  void add(const mlg_packet& packet, std::uint64_t time_ns);
  // Packets of one flow that were counted elsewhere (by the kernel programs), as if all had come at
  // the time of the first; its place among the others is exact, those within it are not looked at.
  // A boundary between two connections within it is not seen. REQUIRES: at least one packet.
  void add_counted(const mlg_flow_key& key, const mlg_flow_counters& counted);
  // Event time has come so far without a packet.
  void advance(std::uint64_t time_ns);
  // From now on, for the flows that are open as well. REQUIRES: above 0.
  void set_timeouts(std::uint64_t idle_timeout_ns, std::uint64_t active_timeout_ns) {
    options_.idle_timeout_ns = idle_timeout_ns;
    options_.active_timeout_ns = active_timeout_ns;
  }
  // Closes all flows that are left, the least recently used one first.
  void finish();

  std::uint64_t packets() const { return packets_; }
  std::uint64_t flows_begun() const { return flows_begun_; }
  std::size_t flows_open() const { return flows_.size(); }
  std::uint64_t records(CloseReason reason) const {
    return records_[static_cast<std::size_t>(reason)];
  }
  const HostWindows& windows() const { return windows_; }

 private:
  struct Flow {
    mlg_flow_counters counters = {};
    mlg_flow_direction first_sender = MLG_FROM_LOW;
    mlg_flow_direction kept_initiator = MLG_FROM_LOW;    // of the part before, when part > 0
    std::array<bool, MLG_FLOW_DIRECTIONS> fin_before{};  // sent in a part before
    std::uint32_t part = 0;
    bool opened = false;
    bool closing = false;
    CloseReason closing_reason = CloseReason::end;
    std::uint32_t begun_second = 0;
    std::uint64_t part_began_ns = 0;
    std::uint64_t last_packet_ns = 0;  // event time
    HostWindows::Handles handles;
    FlowWindows windows;
  };
  using Table = LruTable<mlg_flow_key, Flow>;
  // Something to do with a flow at its time, unless the flow is gone by then.
  struct Due {
    Table::Index index = 0;
    std::uint32_t generation = 0;
    std::uint64_t time_ns = 0;
  };

  std::uint32_t second() const { return static_cast<std::uint32_t>(now_ns_ / kNsPerSecond); }
  // The entry that packets of this flow are counted in now; `reconnects`: they begin a connection.
  Table::Index entry_for(const mlg_flow_key& key, mlg_flow_direction direction, bool reconnects);
  Table::Index begin_flow(const mlg_flow_key& key, mlg_flow_direction direction);
  void begin_next_part(Table::Index at);
  void counted(Table::Index at, std::uint64_t last_ns);
  void begin_closing(Table::Index at);
  void tell_early();
  void make_room();
  bool is_stale(const Due& due) const;
  void add_due(std::deque<Due>& queue, Table::Index at, std::uint64_t time_ns);
  mlg_flow_direction initiator_of(const Flow& flow) const;
  void emit(Table::Index at, CloseReason reason);
  void close(Table::Index at, CloseReason reason);

  TrackerOptions options_;
  Sink sink_;
  Table flows_;
  // By time; at most 2 * flows_max each.
  std::deque<Due> closing_;
  std::deque<Due> early_;
  HostWindows windows_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t flows_begun_ = 0;
  std::array<std::uint64_t, kCloseReasons> records_{};
};

}  // namespace mlguard::flow
