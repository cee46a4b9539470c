#include "replicator/settings.h"

#include <string>

namespace mlguard::replicator {
namespace {

constexpr std::int64_t kDurationMsMax = 60'000;
constexpr std::int64_t kPingsPerElectionTimeoutMin = 3;

struct Named {
  const char* name;
  std::int64_t value_ms;
};

base::Error invalid(const std::string& message) {
  return {base::ErrorCode::invalid_argument, "invalid_settings", message};
}

std::string with_value(const Named& named) {
  return std::string(named.name) + " (" + std::to_string(named.value_ms) + " ms)";
}

}  // namespace

base::Status validate(const Settings& s) {
  const Named ping{"ping_interval_ms", s.ping_interval_ms};
  const Named election{"election_timeout_ms", s.election_timeout_ms};
  const Named stagger{"rank_stagger_ms", s.rank_stagger_ms};
  const Named jitter{"election_jitter_ms", s.election_jitter_ms};
  const Named lost{"lost_leader_timeout_ms", s.lost_leader_timeout_ms};
  const Named ask{"pre_vote_retry_ms", s.pre_vote_retry_ms};
  const Named wait{"fetch_wait_ms", s.fetch_wait_ms};
  const Named retry{"fetch_retry_ms", s.fetch_retry_ms};
  const Named write{"write_timeout_ms", s.write_timeout_ms};
  const Named storage{"storage_retry_ms", s.storage_retry_ms};
  const Named transfer{"transfer_timeout_ms", s.transfer_timeout_ms};
  for (const Named& n :
       {ping, election, stagger, jitter, lost, ask, wait, retry, write, storage, transfer}) {
    if (n.value_ms >= 1 && n.value_ms <= kDurationMsMax) continue;
    return invalid(with_value(n) + " must be from 1 to " + std::to_string(kDurationMsMax) + " ms");
  }
  if (ping.value_ms * kPingsPerElectionTimeoutMin > election.value_ms) {
    return invalid(with_value(election) + " must be at least " +
                   std::to_string(kPingsPerElectionTimeoutMin) + " times " + with_value(ping) +
                   ", or one lost ping starts an election");
  }
  if (jitter.value_ms > stagger.value_ms) {
    return invalid(with_value(jitter) + " must not exceed " + with_value(stagger) +
                   ", or the lowest port would not be the first to stand for election");
  }
  if (lost.value_ms > election.value_ms) {
    return invalid(with_value(lost) + " must not exceed " + with_value(election) +
                   "; it is the faster of the two");
  }
  if (write.value_ms < election.value_ms) {
    return invalid(with_value(write) + " must be at least " + with_value(election) +
                   ", or writes time out before a lost leader is replaced");
  }
  if (retry.value_ms > wait.value_ms) {
    return invalid(with_value(retry) + " must not exceed " + with_value(wait));
  }
  if (transfer.value_ms < ping.value_ms) {
    return invalid(with_value(transfer) + " must be at least " + with_value(ping));
  }
  return {};
}

}  // namespace mlguard::replicator
