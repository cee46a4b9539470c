// What the two watches do at every poll: where they stand, what they ask next, how they catch up
// after a gap. Each is driven by a PollLoop's thread and belongs to it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/model.h"
#include "base/result.h"
#include "caller.h"

namespace mlguard::etcd_client {

inline constexpr milliseconds kLongPoll{25'000};

// A document as GET /v1/config/{c} answers it.
struct FetchedConfig {
  base::ConfigVersion config;
  std::uint64_t seen_revision = 0;  // Of the state that the answer saw; 0: not said.
};
base::Result<FetchedConfig> fetch_config(Caller& caller, const std::string& component,
                                         std::uint64_t version, Canceller* canceller);

base::Result<base::RuleSet> fetch_rules(Caller& caller, std::uint64_t after, milliseconds wait,
                                        Canceller* canceller);

// Follows the active configuration of one component: reads it, waits for a change after the
// revision that was read, and reads again. Several changes at once are seen as the last of them.
class ConfigWatch {
 public:
  using Changed = std::function<void(const base::ConfigVersion&)>;
  ConfigWatch(Caller& caller, std::string component, Changed changed);
  base::Status poll(Canceller& canceller);

 private:
  base::Status read(Canceller& canceller);
  base::Status wait(Canceller& canceller);

  Caller& caller_;
  const std::string component_;
  const Changed changed_;
  bool must_read_ = true;
  std::uint64_t after_ = 0;         // Changes up to this revision are known.
  std::uint64_t must_see_ = 0;      // A read that saw less is too old (another endpoint lags).
  std::uint64_t told_version_ = 0;  // The version of the last callback.
};

// Follows the rules: a full set first, then differences; full again after a gap.
class RulesWatch {
 public:
  using Changed = std::function<void(const base::RuleSet&)>;
  RulesWatch(Caller& caller, std::uint64_t after, Changed changed);
  base::Status poll(Canceller& canceller);

 private:
  Caller& caller_;
  const Changed changed_;
  std::uint64_t after_;
};

}  // namespace mlguard::etcd_client
