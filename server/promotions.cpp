#include "server/promotions.h"

#include "base/logging.h"

namespace mlguard::server {

using replicator::AnswerKind;
using replicator::MemberKind;

void Promotions::want(const std::string& member) {
  const std::lock_guard lock(mutex_);
  wanted_.insert(member);
}

void Promotions::forget(const std::string& member) {
  const std::lock_guard lock(mutex_);
  wanted_.erase(member);
}

void Promotions::tick() {
  std::set<std::string> due;
  {
    const std::lock_guard lock(mutex_);
    if (replica_.ticket().term == 0) wanted_.clear();
    due = wanted_;
  }
  for (const std::string& member : due) {
    const replicator::Member* known = replica_.view()->core.membership.find(member);
    if (known == nullptr || known->kind == MemberKind::voter) {
      forget(member);
      continue;
    }
    // Refused while it lags: tried again at the next tick.
    replica_.change_members(
        replicator::MemberChange::promote, member, "server",
        [this, member](const replicator::Answer& answer) {
          if (answer.kind != AnswerKind::done) return;
          forget(member);
          base::log_info("a member has caught up and votes now", {{"member", member}});
        });
  }
}

}  // namespace mlguard::server
