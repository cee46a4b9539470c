#include "firewall/rule_keeper.h"

#include "base/logging.h"

namespace mlguard::firewall {

void RuleKeeper::note(const base::Status& status) {
  const std::string problem = status.ok() ? std::string() : status.error().message;
  if (problem != problem_ && !problem.empty()) {
    base::log_warn("cannot keep the rules on disk", {{"problem", problem}});
  }
  problem_ = problem;
}

void RuleKeeper::load(std::int64_t now_ms) {
  const auto loaded = file_.load();
  if (!loaded.ok()) return note(loaded.error());
  if (!loaded->problem.empty()) {
    base::log_error("the kept rules are damaged", {{"problem", loaded->problem}});
  }
  // A digest that differs is settled with the control plane later.
  for (const base::RuleSet& set : loaded->sets) (void)table_.apply(set, now_ms).ok();
  if (!table_.knows_rules()) return;
  base::log_info("rules restored", {{"rules", table_.size()}, {"revision", table_.revision()}});
  is_open_ = file_.can_append();
  if (!is_open_) write_all();
}

void RuleKeeper::write_all() {
  const base::Status written = file_.write(table_.all());
  is_open_ = written.ok();
  note(written);
}

base::Status RuleKeeper::apply(const base::RuleSet& set, std::int64_t now_ms) {
  if (is_open_ && !set.full) {
    const base::Status appended = file_.append(set);
    unsynced_ = true;
    is_open_ = appended.ok();
    note(appended);
  }
  const bool is_first = !table_.knows_rules();
  const base::Status applied = table_.apply(set, now_ms);
  // The first time there is nothing on disk that could be mistaken for the truth: upkeep() writes,
  // and what was received is in force the sooner.
  if (!is_first && (set.full || !is_open_)) write_all();
  return applied;
}

void RuleKeeper::upkeep() {
  if (!table_.knows_rules()) return;
  if (!is_open_ || file_.wants_rewriting()) write_all();
  if (!unsynced_ || !is_open_) return;
  unsynced_ = false;
  note(file_.sync());
}

}  // namespace mlguard::firewall
