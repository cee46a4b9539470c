// What the two watches do at every poll: where they stand, what they ask next, how they catch up
// after a gap. Each is driven by a PollLoop's thread and belongs to it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/model.h"
#include "base/result.h"
#include "caller.h"

namespace mlguard::etcd_client {

inline constexpr milliseconds kLongPoll{25'000};

// An instance that lags behind what a watch has seen already: not said in the log, it passes.
inline constexpr const char* kReasonBehind = "behind";

// Keeps a watch from going back in time. Watches ask whichever instance is near, and that one may
// lag behind the one asked before; what it says then is no news. It is asked again, and others are,
// until either one has caught up or the leader, confirmed by a majority, says the same: then the
// whole state was restored to an earlier one, and the watch begins anew from there.
class Lag {
 public:
  // How the next question is to be asked.
  Consistency consistency() const {
    return behind_ < kBehindMax ? Consistency::local : Consistency::linearizable;
  }
  // True: even an answer older than what is known is to be believed.
  bool asks_leader() const { return consistency() == Consistency::linearizable; }
  // The answer is older than what is known: what the poll ends with.
  base::Error wait(Caller& caller);
  // The next question goes to the leader, without waiting for others to catch up.
  base::Error ask_leader();
  void caught_up() { behind_ = 0; }

 private:
  static constexpr int kBehindMax = 3;
  int behind_ = 0;  // Answers in a row that were too old.
};

// A document as GET /v1/config/{c} answers it.
struct FetchedConfig {
  base::ConfigVersion config;
  std::uint64_t seen_revision = 0;  // Of the state that the answer saw; 0: not said.
};
base::Result<FetchedConfig> fetch_config(Caller& caller, const std::string& component,
                                         std::uint64_t version,
                                         std::optional<Consistency> consistency,
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
  base::Status read_again(const base::Error& error);

  Caller& caller_;
  const std::string component_;
  const Changed changed_;
  bool must_read_ = true;
  std::uint64_t after_ = 0;         // Changes up to this revision are known.
  std::uint64_t must_see_ = 0;      // A read that saw less is too old.
  std::uint64_t told_version_ = 0;  // The version of the last callback.
  Lag lag_;
};

// Follows the rules: a full set first, then differences; full again after a gap.
class RulesWatch {
 public:
  using Changed = std::function<void(base::RuleSet)>;
  RulesWatch(Caller& caller, std::uint64_t after, Changed changed);
  base::Status poll(Canceller& canceller);

 private:
  Caller& caller_;
  const Changed changed_;
  std::uint64_t after_;     // What is asked for; 0: a full set.
  std::uint64_t must_see_;  // An answer of less is too old.
  Lag lag_;
};

}  // namespace mlguard::etcd_client
