// Blocking rules: added or replaced by id, removed as tombstones that tell followers of the rule
// stream what went away.
#include <cmath>
#include <unordered_set>

#include "base/ids.h"
#include "db/cidr.h"
#include "db/commands.h"
#include "db/rule_scope.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;
using base::Rule;

constexpr std::size_t kRuleIdBytes = 8;  // of randomness in an id that the server makes
constexpr std::size_t kIdsShownMax = 3;  // in summaries

Error invalid_rule(const Rule& rule, const std::string& why) {
  const std::string name = is_valid_id(rule.id) ? "rule " + rule.id : "a rule";
  return {ErrorCode::invalid_argument, "invalid_rule", name + " " + why};
}

base::Status check_rule(const Rule& rule, std::int64_t now_ms) {
  if (!rule.id.empty() && !is_valid_id(rule.id)) {
    return invalid_rule(rule, "has a bad id; use 1 to 64 of a-z A-Z 0-9 _ . -");
  }
  if (rule.action != "drop" && rule.action != "allow") {
    return invalid_rule(rule, "has an unknown action; use drop or allow");
  }
  if (!std::isfinite(rule.score) || rule.score < 0 || rule.score > 1) {
    return invalid_rule(rule, "has a score outside 0 to 1");
  }
  if (rule.expires_at_ms < 0 || (rule.expires_at_ms > 0 && rule.expires_at_ms <= now_ms)) {
    return invalid_rule(rule, "expires in the past; give a later time, or 0 for never");
  }
  return check_text(rule.reason, base::kCommentCharsMax, "a rule's reason", "invalid_rule");
}

// The checked and completed rules, in the request's order.
base::Result<std::vector<Rule>> prepare(const CommandContext& context, const PutRules& command) {
  if (command.rules.empty()) {
    return Error{ErrorCode::invalid_argument, "invalid_rule", "the request holds no rule"};
  }
  if (command.rules.size() > base::kRulesPerWriteMax) {
    return Error{ErrorCode::too_large, "too_many_rules",
                 "the request holds " + std::to_string(command.rules.size()) +
                     " rules; send at most " + std::to_string(base::kRulesPerWriteMax) + " in one"};
  }
  std::vector<Rule> rules = command.rules;
  std::unordered_set<std::string> seen;
  for (Rule& rule : rules) {
    if (auto checked = check_rule(rule, context.now_ms); !checked.ok()) return checked.error();
    const auto cidr = parse_cidr(rule.cidr);
    if (!cidr.ok()) return cidr.error();
    if (rule.id.empty()) rule.id = base::random_hex(kRuleIdBytes);
    if (!seen.insert(rule.id).second) {
      return invalid_rule(rule, "stands twice in one request; send it once");
    }
    if (rule.source.empty()) rule.source = context.author;
    const base::Status scope = check_scope(rule, *cidr, context.membership);
    if (!scope.ok()) return scope.error();
    rule.cidr = to_text(*cidr);
    if (rule.created_at_ms == 0) rule.created_at_ms = context.now_ms;
  }
  return rules;
}

// Tells what a write of `rule` would do, and keeps when a live one was made first.
enum class Effect { adds, replaces, nothing };
Effect effect_of(const CommandContext& context, Rule& rule) {
  Query query = context.db.query(
      "SELECT cidr, action, reason, score, source, created_at, expires_at FROM rule WHERE id = ? "
      "AND deleted = 0");
  query.bind(rule.id);
  if (!query.step()) return Effect::adds;
  rule.created_at_ms = query.integer(5);
  const bool same = query.bytes(0) == rule.cidr && query.bytes(1) == rule.action &&
                    query.bytes(2) == rule.reason && query.real(3) == rule.score &&
                    query.bytes(4) == rule.source && query.integer(6) == rule.expires_at_ms;
  return same ? Effect::nothing : Effect::replaces;
}

std::string shown_ids(const std::vector<std::string>& ids) {
  std::string text;
  for (std::size_t i = 0; i < ids.size() && i < kIdsShownMax; ++i) {
    text += (i > 0 ? ", " : "") + ids[i];
  }
  return ids.size() > kIdsShownMax ? text + ", …" : text;
}

}  // namespace

Outcome run(const CommandContext& context, const PutRules& command) {
  auto prepared = prepare(context, command);
  if (!prepared.ok()) return prepared.error();

  CommandOutcome outcome;
  std::vector<const Rule*> changed;
  std::uint64_t added = 0;
  for (Rule& rule : *prepared) {
    outcome.ids.push_back(rule.id);
    const Effect effect = effect_of(context, rule);
    if (effect != Effect::nothing) changed.push_back(&rule);
    if (effect == Effect::adds) ++added;
  }
  if (context.state.rules_live + added > context.retention.rules_max) {
    return Error{ErrorCode::resource_exhausted, "too_many_rules",
                 "there are " + std::to_string(context.state.rules_live) + " rules, " +
                     std::to_string(added) + " more were sent, and at most " +
                     std::to_string(context.retention.rules_max) +
                     " are kept; remove some (ml-guard rules rm), write one prefix for many "
                     "addresses, give rules an expiry, or raise --rules-max of etcd-server"};
  }
  if (changed.empty()) return outcome;

  for (const Rule* rule : changed) {
    put_row(context, TableId::rule, rule->id, rule->cidr, rule->action, rule->reason, rule->score,
            rule->source, rule->created_at_ms, rule->expires_at_ms, context.revision);
  }
  const Rule& first = *changed.front();
  const std::string what =
      changed.size() == 1 ? "rule " + first.id + " put: " + first.action + " " + first.cidr
                          : count_of(changed.size(), "rule") + " put: " + shown_ids(outcome.ids);
  add_audit(context, "rules.put", changed.size() == 1 ? "rules/" + first.id : std::string("rules"),
            what);
  outcome.resource = "rules";
  outcome.summary = what;
  return outcome;
}

Outcome run(const CommandContext& context, const RemoveRules& command) {
  if (command.ids.empty() || command.ids.size() > base::kRulesPerWriteMax) {
    return Error{ErrorCode::invalid_argument, "invalid_rule",
                 "name 1 to " + std::to_string(base::kRulesPerWriteMax) + " rule ids"};
  }
  std::vector<std::string> ids;
  std::unordered_set<std::string_view> seen;
  for (const std::string& id : command.ids) {
    if (!seen.insert(id).second) continue;
    Query query = context.db.query("SELECT 1 FROM rule WHERE id = ? AND deleted = 0");
    query.bind(id);
    if (!query.step()) {
      return Error{ErrorCode::not_found, "no_rule",
                   "there is no rule '" + (is_valid_id(id) ? id : "?") +
                       "'; nothing was removed. See: ml-guard rules list"};
    }
    ids.push_back(id);
  }

  for (const std::string& id : ids) {
    context.db.run("UPDATE rule SET deleted = 1, revision = ?, hlc = ?, origin = ? WHERE id = ?",
                   context.revision, context.hlc, context.origin, id);
  }
  const std::string what = count_of(ids.size(), "rule") + " removed: " + shown_ids(ids);
  add_audit(context, "rules.remove",
            ids.size() == 1 ? "rules/" + ids.front() : std::string("rules"), what);
  return CommandOutcome{"rules", what, 0, {}};
}

}  // namespace mlguard::db
