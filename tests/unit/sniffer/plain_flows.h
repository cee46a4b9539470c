// The flow records of a capture by the words of docs/features.md and components/flow/tracker.h:
// every packet of a flow is kept, and each feature is worked out from that list. The last third of
// the reference for `sniffer --pcap`; see plain_packets.h.
//
// Flows are closed when their next packet comes or the capture ends, not when their time is over:
// the same, as long as no flow has to make room for another (kFlowsMax open at once).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plain_packets.h"

namespace mlguard::plain {

enum class Kind {
  exact,      // a count
  derived,    // rounded on its way
  faded,      // of weights that the program multiplies one after the other
  estimated,  // a count that the program may estimate
};

struct Feature {
  Kind kind = Kind::exact;
  double value = 0;  // NaN: not defined
};

struct Record {
  // source, destination, ports, protocol, first_ns, last_ns, closed, part: as they are written.
  std::map<std::string, std::string> identity;
  std::map<std::string, Feature> features;  // by name
};

struct Flows {
  std::uint64_t begun = 0;
  std::vector<Record> records;
};

// With an idle timeout of 15 s and an active timeout of 60 s.
Flows flows_of(const Capture& capture);

}  // namespace mlguard::plain
