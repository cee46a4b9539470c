// The Follower's reading of what has versions and ends: configurations and rules.
#include <algorithm>

#include "rag/follower.h"
#include "rag/follower_work.h"
#include "rag/records_of.h"

namespace mlguard::rag {
namespace {

using base::Result;
using base::Status;

constexpr std::string_view kConfigSubject = "config/";
constexpr std::string_view kRuleSubject = "rules/";
constexpr const char* kUnknownEnd = "nobody known";

std::string version_key(const std::string& component, std::uint64_t version) {
  return component + "@" + std::to_string(version);
}

// "rule auto-1 put: drop 10.0.0.1/32" → drop, 10.0.0.1/32.
std::optional<base::Rule> rule_in(const base::AuditRecord& audit) {
  if (audit.action != "rules.put" || audit.subject.rfind(kRuleSubject, 0) != 0) return std::nullopt;
  const std::size_t put = audit.detail.find(" put: ");
  if (put == std::string::npos) return std::nullopt;
  const std::string what = audit.detail.substr(put + std::string_view(" put: ").size());
  const std::size_t space = what.find(' ');
  if (space == std::string::npos) return std::nullopt;
  base::Rule rule;
  rule.id = audit.subject.substr(kRuleSubject.size());
  rule.action = what.substr(0, space);
  rule.cidr = what.substr(space + 1);
  rule.source = audit.actor;
  rule.score = -1;  // The trail does not say it.
  rule.created_at_ms = audit.at_ms;
  rule.revision = audit.id;
  return rule;
}

bool names_rule(const base::AuditRecord& audit, const std::string& id) {
  return audit.subject == std::string(kRuleSubject) + id ||
         audit.detail.find(" " + id) != std::string::npos;
}

struct FoundEnd {
  RuleEnd end;
  std::uint64_t record = 0;  // The audit record that tells it; 0: none does.
};

// Who ended a rule, and when: the first end that came after `revision`. `audit` is newest first.
FoundEnd end_of(const std::vector<base::AuditRecord>& audit, const std::string& id,
                std::uint64_t revision, std::int64_t expires_at_ms) {
  FoundEnd named;
  FoundEnd of_many;
  for (const base::AuditRecord& record : audit) {
    if (record.id <= revision) break;
    const bool expired = record.action == "rules.expire";
    if (!expired && record.action != "rules.remove") continue;
    const std::int64_t at_ms = expired && expires_at_ms != 0 ? expires_at_ms : record.at_ms;
    const FoundEnd found = {{at_ms, expired ? "expiry" : record.actor}, record.id};
    // A trail that names the first few of many: it may be among the others.
    const bool may_expire = expires_at_ms != 0 && expires_at_ms <= record.at_ms;
    if (names_rule(record, id)) {
      named = found;
    } else if (record.subject == "rules" && (!expired || may_expire)) {
      of_many = found;
    }
  }
  return named.record != 0 ? named : of_many;
}

}  // namespace

Result<std::string> Follower::document_of(Work& work, const std::string& component,
                                          std::uint64_t version) {
  const std::string key = version_key(component, version);
  const auto known = work.documents.find(key);
  if (known != work.documents.end()) return known->second;
  auto document = source_.config_document(component, version);
  if (document.ok()) work.documents[key] = *document;
  return document;
}

Status Follower::read_config(Work& work, const std::string& component) {
  work.documents.clear();
  std::vector<base::ConfigVersion> versions;  // newest first
  while (versions.size() < kVersionsFollowedMax) {
    if (Status time = in_time(work); !time.ok()) return time;
    auto page = source_.config_history(component, versions.empty() ? 0 : versions.back().version);
    if (!page.ok() && page.error().code == base::ErrorCode::not_found) break;
    if (!page.ok()) return page.error();
    versions.insert(versions.end(), page->begin(), page->end());
    if (page->size() < kStatePageRows) break;
  }
  if (versions.size() > kVersionsFollowedMax) versions.resize(kVersionsFollowedMax);
  Filter filter;
  filter.tables = {Table::config_version};
  filter.component = component;
  filter.limit = kFindMax;
  const auto known = index_.find(filter);
  if (!known.ok()) return known.error();
  std::map<std::uint64_t, std::int64_t> ends;
  for (const Record& record : *known) ends[record.version] = record.ends_at_ms;
  std::int64_t deleted_at = 0;
  for (const base::AuditRecord& audit : work.audit) {
    const bool of_it = audit.subject == std::string(kConfigSubject) + component;
    if (of_it && audit.action == "config.delete") deleted_at = std::max(deleted_at, audit.at_ms);
  }
  if (deleted_at == 0) deleted_at = work.anchor.at_ms;

  for (std::size_t at = versions.size(); at-- > 0;) {
    base::ConfigVersion& version = versions[at];
    VersionContext context;
    if (!version.active) {
      context.ends_at_ms = at > 0 ? versions[at - 1].created_at_ms : deleted_at;
      context.replaced_by = at > 0 ? versions[at - 1].version : 0;
    }
    const auto found = ends.find(version.version);
    if (found != ends.end() && found->second == context.ends_at_ms) continue;
    if (context.ends_at_ms != 0 && context.ends_at_ms < oldest_ms()) continue;
    if (Status time = in_time(work); !time.ok()) return time;
    auto document = document_of(work, component, version.version);
    if (!document.ok()) return document.error();
    version.document = std::move(*document);
    std::string before;
    if (at + 1 < versions.size()) {
      context.before = versions[at + 1].version;
      auto earlier = document_of(work, component, context.before);
      if (!earlier.ok()) return earlier.error();
      before = std::move(*earlier);
      context.document_before = &before;
    }
    if (Status written = put(work, records_of(version, context)); !written.ok()) return written;
    work.documents.erase(version_key(component, context.before));
  }
  return {};
}

Status Follower::read_configs(Work& work) {
  const auto active = source_.configs();
  if (!active.ok()) return active.error();
  std::set<std::string> names;
  for (const base::ConfigVersion& config : *active) names.insert(config.component);
  // Deleted ones have a history as well, which only the trail names.
  for (const base::AuditRecord& audit : work.audit) {
    const bool of_config = audit.subject.rfind(kConfigSubject, 0) == 0;
    if (of_config) names.insert(audit.subject.substr(kConfigSubject.size()));
  }
  for (const std::string& name : names) {
    if (Status done = read_config(work, name); !done.ok()) return done;
  }
  return {};
}

// The rule that is there under this id may be one that ended: it keeps its story under a key of its
// own.
Status Follower::set_aside_ended(Work& work, const base::Rule& rule) {
  Filter filter;
  filter.tables = {Table::rule};
  filter.key = rule.id;
  auto found = index_.find(filter);
  if (!found.ok()) return found.error();
  if (found->empty() || found->front().related.empty()) return {};
  Record old = std::move(found->front());
  old.key += "@" + std::to_string(old.revision);
  return put(work, {old});
}

Status Follower::end_rules(Work& work, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    Filter filter;
    filter.tables = {Table::rule};
    filter.key = id;
    auto found = index_.find(filter);
    if (!found.ok()) return found.error();
    // Made and removed since we looked last, or known to be gone.
    if (found->empty() || !found->front().related.empty()) continue;
    Record rule = std::move(found->front());
    RuleEnd end = end_of(work.audit, id, rule.revision, rule.ends_at_ms).end;
    if (end.at_ms == 0) end = {work.anchor.at_ms, kUnknownEnd};
    if (Status written = put(work, {ended(std::move(rule), end)}); !written.ok()) return written;
  }
  return {};
}

Status Follower::read_rules(Work& work, std::uint64_t after) {
  const auto set = source_.rules_since(after);
  if (!set.ok()) return set.error();
  // Too much for a difference: what went away is not told.
  if (set->full) {
    work.anew = true;
    return {};
  }
  if (Status done = end_rules(work, set->removed); !done.ok()) return done;
  for (const base::Rule& rule : set->rules) {
    if (Status done = set_aside_ended(work, rule); !done.ok()) return done;
    if (Status done = put(work, {record_of(rule)}); !done.ok()) return done;
  }
  return past_rules(work, *set);
}

Status Follower::read_all_rules(Work& work) {
  const auto set = source_.rules_since(0);
  if (!set.ok()) return set.error();
  std::vector<Record> records;
  for (const base::Rule& rule : set->rules) records.push_back(record_of(rule));
  if (Status written = put(work, records); !written.ok()) return written;
  return past_rules(work, *set);
}

// Rules that are not live any more and that the index does not know, as far as the trail tells.
Status Follower::past_rules(Work& work, const base::RuleSet& live) {
  std::set<std::uint64_t> live_since;
  for (const base::Rule& rule : live.rules) live_since.insert(rule.revision);
  std::map<std::string, std::uint64_t> newer;  // by id: the put that came next
  for (const base::AuditRecord& audit : work.audit) {
    const auto rule = rule_in(audit);
    if (!rule) continue;
    const std::uint64_t next_put = newer[rule->id];
    newer[rule->id] = audit.id;
    if (live_since.count(audit.id) != 0) continue;
    const FoundEnd found = end_of(work.audit, rule->id, audit.id, 0);
    // One that was put again while it was live is the same rule, changed.
    if (found.record == 0 || (next_put != 0 && next_put < found.record)) continue;
    Filter filter;
    filter.tables = {Table::rule};
    filter.key = rule->id;
    const auto known = index_.find(filter);
    if (!known.ok()) return known.error();
    if (!known->empty() && known->front().revision == audit.id) continue;
    Record record = ended(record_of(*rule), found.end);
    if (!known->empty()) record.key += "@" + std::to_string(audit.id);
    if (Status written = put(work, {record}); !written.ok()) return written;
  }
  return {};
}

}  // namespace mlguard::rag
