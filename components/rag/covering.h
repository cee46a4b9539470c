// Which rules and allowlists hold an address, and where a rule is in force. Errors: the index's.
// Threads: as the Index.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "rag/answers.h"

namespace mlguard::rag {

struct Covering {
  std::vector<Record> live;        // newest first; allow rules before others, as allow wins
  std::vector<Record> ended;       // newest first
  std::vector<Record> allowlists;  // configuration values
};

// Of the address or network, or of the rule that was named.
base::Result<Covering> covering(const Asked& asked);

// The detection that a rule followed from, else the newest one of its source.
base::Result<std::optional<Record>> detection_behind(const Asked& asked, const Record& rule);

struct InForce {
  Record firewall;       // its last heartbeat
  std::string sentence;  // "In force on firewall: 12 packets dropped."
};
base::Result<std::vector<InForce>> in_force(const Asked& asked, const Record& rule);

// Whether the network holds the address or network.
bool network_holds(const std::string& network, const std::string& address);

}  // namespace mlguard::rag
