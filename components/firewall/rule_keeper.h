// RuleKeeper: the table of rules together with its copy on disk. One thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "firewall/rule_table.h"
#include "firewall/state_file.h"

namespace mlguard::firewall {

class RuleKeeper {
 public:
  RuleKeeper(std::string path, std::size_t rules_max) : file_(std::move(path)), table_(rules_max) {}

  // What was kept. A damaged or unreadable file is told in the log and in problem(): not fatal.
  void load(std::int64_t now_ms);
  // On disk first, so that what is enforced is known after a crash; but what is the first to be
  // known at all is written by upkeep(). Error: RuleTable::apply's.
  base::Status apply(const base::RuleSet& set, std::int64_t now_ms);
  // Durable, and written anew when that is worth it. Call it when there is nothing better to do.
  void upkeep();

  RuleTable& table() { return table_; }
  const RuleTable& table() const { return table_; }
  bool wants_upkeep() const { return table_.knows_rules() && !is_open_; }
  // Why the copy on disk is not up to date; empty: it is.
  const std::string& problem() const { return problem_; }

 private:
  void write_all();
  void note(const base::Status& status);

  StateFile file_;
  RuleTable table_;
  bool is_open_ = false;  // The file on disk is what append() can go on from.
  bool unsynced_ = false;
  std::string problem_;
};

}  // namespace mlguard::firewall
