// PacketSource: where a LiveSniffer's packets come from: the interfaces of this machine
// (interface_source.h), or a capture that is played again (capture_source.h).
//
// One thread at a time; LiveSniffer calls it with its mutex held.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "sniffer/live_config.h"
#include "xdp/data_plane.h"

namespace mlguard::sniffer {

// Whether anybody takes records now. A wire cannot wait for that; a capture does.
enum class Demand { open, held };

// What follows the last round.
enum class RoundEnd {
  goes_on,
  pass,  // the capture came to its end, and begins again
  all,   // nothing comes any more
};

class PacketSource {
 public:
  virtual ~PacketSource() = default;

  // Before all else, and again when is_lost(). Counting begins anew. Errors: data_plane.h's.
  virtual base::Status load(std::uint32_t flows_max) = 0;
  // What was recorded can wait (Demand::held holds it), and is to give the same records each time.
  virtual bool is_recorded() const = 0;
  // Now, and whenever the configuration changes. What cannot be done yet is no error of this call:
  // health() says it, and keep_up() tries again.
  virtual base::Status apply(const LiveConfig& config) = 0;
  virtual void keep_up() = 0;
  // Somebody took away what load() made.
  virtual bool is_lost() const = 0;
  // No new packets from now on. What was counted can still be read.
  virtual void close() = 0;

  virtual base::Result<xdp::Counters> counters() = 0;
  virtual base::Status read_round(xdp::FlowRound& round, Demand demand) = 0;
  virtual RoundEnd round_end() const = 0;

  // From the time of rounds to event time, which features are made of: fixed while there is a
  // source. Modulo 2^64, as the next one.
  virtual std::uint64_t event_offset_ns() const = 0;
  // From event time to what records tell, as things stand now.
  virtual std::uint64_t told_offset_ns() const = 0;

  virtual base::Status health() const = 0;
  // A JSON object: what a heartbeat says of it.
  virtual std::string json() const = 0;
};

}  // namespace mlguard::sniffer
