#include "cli/instance_check.h"

#include <algorithm>

namespace mlguard::cli {

namespace {

using Verdict = InstanceCheck::Verdict;

// So many revisions are remembered: a state that changes fast shows a new one in every look.
constexpr std::size_t kSightsMax = 10'000;

}  // namespace

InstanceCheck::InstanceCheck(const std::vector<wire::MemberInfo>& members) {
  for (const wire::MemberInfo& member : members) instances_.push_back({member.address});
}

void InstanceCheck::observe(std::size_t instance, const base::Result<wire::NodeStatus>& status) {
  Instance& one = instances_[instance];
  if (!status.ok()) {
    one.verdict = Verdict::no_answer;
    one.problem = status.error().message;
    return;
  }
  if (one.verdict == Verdict::no_answer) one.verdict = Verdict::not_met;
  one.status = *status;
  if (first_seen_.size() >= kSightsMax) first_seen_.erase(first_seen_.begin());
  const Sight seen{instance, status->digest, status->state_digest};
  const auto [known, is_first] = first_seen_.try_emplace(status->revision, seen);
  if (!is_first && known->second.instance != instance) compare(instance, seen, known->second);
}

void InstanceCheck::compare(std::size_t instance, const Sight& seen, const Sight& other) {
  Instance& one = instances_[instance];
  Instance& reference = instances_[other.instance];
  const bool same_history = seen.digest == other.digest;
  if (same_history && seen.state_digest == other.state_digest) {
    one.verdict = Verdict::agrees;
    reference.verdict = Verdict::agrees;
    return;
  }
  one.verdict = Verdict::differs;
  one.problem = std::string(same_history ? "other rows" : "another history") + " than " +
                reference.address + " at revision " + std::to_string(one.status.revision);
}

bool InstanceCheck::all_agree() const {
  return std::all_of(instances_.begin(), instances_.end(),
                     [](const Instance& one) { return one.verdict == Verdict::agrees; });
}

bool InstanceCheck::any_differs() const {
  return std::any_of(instances_.begin(), instances_.end(),
                     [](const Instance& one) { return one.verdict == Verdict::differs; });
}

std::uint64_t InstanceCheck::highest_revision() const {
  std::uint64_t highest = 0;
  for (const Instance& one : instances_) highest = std::max(highest, one.status.revision);
  return highest;
}

const char* to_string(InstanceCheck::Verdict verdict) {
  switch (verdict) {
    case Verdict::agrees: return "agrees";
    case Verdict::differs: return "differs";
    case Verdict::not_met: return "not compared";
    case Verdict::no_answer: return "no answer";
  }
  return "";
}

}  // namespace mlguard::cli
