// Enforcement: keeps one enforcer in step with the table's targets: changes it, reads it back,
// finds what others did to it and repairs that, and adds up what it dropped.
//
// One thread at a time. Nothing here is fatal: problem() tells what does not work now, and it is
// tried again at every poll.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firewall/enforcer.h"
#include "firewall/rule_table.h"

namespace mlguard::firewall {

// Reading back takes at most one in so many milliseconds: a rule that comes meanwhile waits for it.
inline constexpr int kReadBackShare = 100;
// Without any reason it is read back so often, for what was dropped.
inline constexpr std::chrono::seconds kCountEvery{2};

// What somebody else did to what is ours.
struct Drift {
  bool frame = false;       // Table, chain or rules were gone or changed.
  std::size_t missing = 0;  // Entries that were gone.
  std::size_t foreign = 0;  // Entries that were not ours.
  bool any() const { return frame || missing + foreign > 0; }
  // "12 entries were missing" …
  std::string text() const;
};

// How the kernel differs from what is wanted.
struct Difference {
  TargetChange change;  // Makes it right.
  Drift drift;          // Of it, what only another can have done.
};
Difference difference_of(const Targets& wanted, const std::vector<HeldTarget>& held,
                         std::int64_t now_ms);

struct Dropped {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

class Enforcement {
 public:
  explicit Enforcement(std::unique_ptr<Enforcer> enforcer) : enforcer_(std::move(enforcer)) {}

  // At every poll and every change. `change` is what became different since the last call.
  void follow(const TargetChange& change, const Targets& wanted, std::int64_t now_ms);
  // The clock was set: all ends in the kernel are wrong.
  void clock_was_set() { in_step_ = false; }

  Enforcer& enforcer() { return *enforcer_; }
  const Enforcer& enforcer() const { return *enforcer_; }

  // What was read back last is of the targets as they are.
  bool is_read_back() const { return in_step_ && !unread_; }
  std::uint64_t listings() const { return listings_; }  // How often it was read back.
  bool holds(const Target& target) const;
  std::size_t held_count() const { return held_.size(); }
  // By network, since this process began; networks that dropped nothing are left out.
  const NetworkMap<Dropped>& dropped() const { return dropped_; }
  Dropped dropped_in_all() const { return dropped_in_all_; }
  // What was repaired since the last call.
  Drift take_drift() { return std::exchange(drift_, {}); }
  const std::string& problem() const { return problem_; }

 private:
  bool change(const TargetChange& change, std::int64_t now_ms);
  bool read_back(const Targets& wanted, std::int64_t now_ms);
  bool list(std::int64_t now_ms);
  void count(const HeldTarget& one);
  void set_problem(const base::Error& error);

  std::unique_ptr<Enforcer> enforcer_;
  bool prepared_ = false;
  bool in_step_ = false;  // The kernel was right once, and every change since was taken.
  bool unread_ = true;    // Something changed since the last listing.
  std::chrono::steady_clock::time_point may_list_at_;
  std::chrono::steady_clock::time_point must_list_at_;
  std::vector<HeldTarget> listed_;
  std::uint64_t listings_ = 0;
  Targets held_;
  NetworkMap<Dropped> seen_;  // The kernel's counts, last time.
  NetworkMap<Dropped> dropped_;
  Dropped dropped_in_all_;
  Drift drift_;
  std::string problem_;
};

}  // namespace mlguard::firewall
