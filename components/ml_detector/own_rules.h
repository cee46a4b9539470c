// OwnRules: what became of the rules that this detector made. It follows the control plane's rules,
// and says which of its own an operator took away before their time, so that the policy neither
// takes their source for blocked nor blocks it again at once.
//
// A rule counts as taken away only if it was seen to be in force, or was delivered before the start
// (expect()): one that is still queued is not there either. What goes in the last
// kRemovalMarginMs of its time has expired: clocks differ. A control plane that was restored to an
// earlier state has lost rules, which is nobody's decision.
//
// Bounded: kOffendersMax rules; of more, those that come later are not followed. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/model.h"
#include "ml_detector/policy.h"

namespace mlguard::ml_detector {

inline constexpr std::int64_t kRemovalMarginMs = 15'000;

struct RuleNews {
  enum class What {
    in_force,    // until `until_ms`
    taken_away,  // by an operator
    lost,        // the control plane went back to an earlier state
  };
  What what = What::in_force;
  flow::Address address;
  std::int64_t until_ms = 0;
};

// Tells the policy. What is to be kept of sources that are left alone from now on.
std::vector<Offender> heed(const std::vector<RuleNews>& news, Policy& policy, Now now);

class OwnRules {
 public:
  explicit OwnRules(std::string detector) : detector_(std::move(detector)) {}

  // Before the first set: sources that were blocked when the detector ended, and the ids of rules
  // that have not been told to anybody yet.
  void expect(const std::vector<Offender>& offenders, const std::vector<std::string>& queued,
              std::int64_t now_ms);
  std::size_t in_force() const { return seen_.size(); }
  // What is new of own rules with these.
  std::vector<RuleNews> look(const base::RuleSet& set, std::int64_t now_ms);

 private:
  struct Seen {
    flow::Address address;
    std::int64_t until_ms = 0;
  };

  void take(const base::Rule& rule, std::vector<RuleNews>& news);
  void gone(const std::string& id, RuleNews::What what, std::int64_t now_ms,
            std::vector<RuleNews>& news);

  std::string detector_;
  std::unordered_map<std::string, Seen> seen_;  // by id
  std::uint64_t revision_ = 0;
};

}  // namespace mlguard::ml_detector
