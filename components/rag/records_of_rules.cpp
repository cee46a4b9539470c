#include <algorithm>
#include <array>
#include <cstdio>

#include "base/time_format.h"
#include "rag/records_of.h"
#include "rag/redaction.h"

namespace mlguard::rag {
namespace {

std::string score_text(double score) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", score);
  return text.data();
}

}  // namespace

Record record_of(const base::Rule& rule) {
  Record record;
  record.table = Table::rule;
  record.key = rule.id;
  record.revision = rule.revision;
  record.at_ms = rule.created_at_ms;
  record.ends_at_ms = rule.expires_at_ms;
  record.address = rule.cidr;
  record.value = rule.action;
  record.actor = redacted(rule.source);
  record.component = record.actor;
  record.score = std::max(rule.score, 0.0);
  record.kind = rule.action;
  record.title = rule.action + " " + rule.cidr;
  const std::string what = rule.action == "allow"
                               ? " allows " + rule.cidr + ": it is never blocked."
                               : " drops everything from " + rule.cidr + ".";
  record.text = "Rule " + rule.id + what;
  if (!record.actor.empty()) record.text += " Made by " + record.actor;
  if (rule.created_at_ms != 0) record.text += " at " + base::iso_time(rule.created_at_ms);
  record.text += rule.score < 0 ? "." : ", with score " + score_text(rule.score) + ".";
  if (!rule.reason.empty()) record.text += "\nReason: " + redacted(rule.reason);
  record.text += rule.expires_at_ms == 0
                     ? "\nIt never expires."
                     : "\nIt expires at " + base::iso_time(rule.expires_at_ms) + ".";
  return record;
}

Record ended(Record rule, const RuleEnd& end) {
  rule.ends_at_ms = end.at_ms;
  rule.related = end.by;
  const std::string moment = base::iso_time(end.at_ms);
  // The sentence of its expiry is not true any more.
  const std::size_t expiry = rule.text.rfind("\nIt ");
  if (expiry != std::string::npos) rule.text.erase(expiry);
  if (end.by == "expiry") {
    rule.text += "\nIt expired at " + moment + " and is not in force any more.";
  } else {
    rule.text += "\nIt was removed at " + moment +
                 (end.by.empty() ? std::string() : " by " + redacted(end.by)) +
                 " and is not in force any more.";
  }
  return rule;
}

}  // namespace mlguard::rag
