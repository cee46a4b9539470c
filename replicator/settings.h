// Every duration of the protocol, checked against each other. Passive data.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace mlguard::replicator {

struct Settings {
  std::int64_t ping_interval_ms = 100;
  std::int64_t election_timeout_ms = 600;    // Silence of the leader that starts an election.
  std::int64_t rank_stagger_ms = 150;        // Added for each voter that sorts before this one.
  std::int64_t election_jitter_ms = 100;     // Random, from 0 to this.
  std::int64_t lost_leader_timeout_ms = 50;  // Instead of election_timeout_ms: connection refused.
  std::int64_t pre_vote_retry_ms = 100;      // Instead, after a pre-vote without majority.
  std::int64_t fetch_wait_ms = 5'000;        // The leader holds an idle fetch as long.
  std::int64_t fetch_retry_ms = 500;         // A fetch unanswered though there is something new.
  std::int64_t write_timeout_ms = 5'000;     // Then the client is told: outcome unknown.
  std::int64_t storage_retry_ms = 200;       // After the disk refused something.
  std::int64_t transfer_timeout_ms = 2'000;  // A transfer not done by then is given up.

  // How long a follower stands by a leader it heard from: it helps no other candidate meanwhile.
  // Shorter than the election timeout by one ping, so that the first to time out finds support.
  std::int64_t loyalty_ms() const { return election_timeout_ms - ping_interval_ms; }
};

// invalid_argument / "invalid_settings", naming the two that do not fit and what would.
base::Status validate(const Settings& settings);

}  // namespace mlguard::replicator
