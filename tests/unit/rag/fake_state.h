// A control plane in memory for the Follower's tests: what is written to it makes entries, audit
// records and tombstones as the real one does. One thread.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rag/state_source.h"

namespace mlguard::rag {

class FakeState final : public StateSource {
 public:
  std::string cluster_id = "c1";
  std::uint64_t revision = 0;
  std::uint64_t compacted_to = 0;
  std::uint64_t term = 1;
  std::int64_t now_ms = 1'700'000'000'000;
  std::vector<base::Change> log;
  std::vector<base::AuditRecord> trail;                              // oldest first
  std::map<std::string, std::vector<base::ConfigVersion>> versions;  // oldest first
  std::map<std::string, base::Rule> live;
  std::map<std::string, std::uint64_t> tombstones;
  std::vector<StoredDetection> stored;
  std::vector<ComponentState> states;
  // Fails the call of that name, as a control plane that goes away.
  std::string broken;
  std::map<std::string, int> calls;

  void entry(const std::string& resource, const std::string& summary = "something") {
    now_ms += 1'000;
    log.push_back({++revision, term, now_ms, "server", resource, summary});
  }
  void audit_entry(const std::string& actor, const std::string& action, const std::string& subject,
                   const std::string& detail) {
    trail.push_back({revision, now_ms, actor, action, subject, detail});
  }
  void put_config(const std::string& component, const std::string& document,
                  const std::string& author = "alice", const std::string& comment = "") {
    entry("config/" + component);
    auto& history = versions[component];
    for (base::ConfigVersion& version : history) version.active = false;
    history.push_back(
        {component, history.size() + 1, document, "", author, comment, now_ms, revision, true});
    audit_entry(author, "config.put", "config/" + component,
                "version " + std::to_string(history.size()));
  }
  void delete_config(const std::string& component) {
    entry("config/" + component);
    for (base::ConfigVersion& version : versions[component]) version.active = false;
    audit_entry("alice", "config.delete", "config/" + component, "version was active");
  }
  void put_rule(const std::string& id, const std::string& cidr, std::int64_t expires_at_ms = 0,
                const std::string& source = "alice", const std::string& reason = "why not") {
    entry("rules");
    live[id] = {id, cidr, "drop", reason, 1.0, source, now_ms, expires_at_ms, revision};
    audit_entry(source, "rules.put", "rules/" + id, "rule " + id + " put: drop " + cidr);
  }
  void remove_rules(const std::vector<std::string>& ids, const std::string& actor = "bob",
                    const std::string& action = "rules.remove") {
    entry("rules");
    std::string shown;
    for (std::size_t at = 0; at < ids.size(); ++at) {
      live.erase(ids[at]);
      tombstones[ids[at]] = revision;
      if (at < 3) shown += (at > 0 ? ", " : "") + ids[at];
    }
    audit_entry(actor, action, ids.size() == 1 ? "rules/" + ids[0] : "rules",
                std::to_string(ids.size()) + " rules removed: " + shown);
  }
  void detect(const std::string& id, const std::string& source_ip) {
    entry("detections");
    StoredDetection one;
    one.detection.id = id;
    one.detection.kind = "portscan";
    one.detection.component = "ml-detector";
    one.detection.source_ip = source_ip;
    one.detection.detected_at_ms = now_ms;
    one.revision = revision;
    stored.push_back(one);
  }
  ComponentState& component(const std::string& name) {
    for (ComponentState& state : states) {
      if (state.component.name == name) return state;
    }
    entry("components/" + name);
    states.emplace_back();
    states.back().component.name = name;
    return states.back();
  }

  base::Result<StateHead> head() override {
    if (fails("head")) return broken_error();
    return StateHead{cluster_id, compacted_to + 1};
  }
  base::Result<std::vector<base::Change>> changes(std::uint64_t after) override {
    if (fails("changes")) return broken_error();
    if (after > revision) return base::Error{base::ErrorCode::not_found, "compacted", "ahead"};
    std::vector<base::Change> page;
    for (const base::Change& change : log) {
      if (change.revision <= std::max(after, compacted_to) || page.size() == kStatePageRows)
        continue;
      page.push_back(change);
    }
    return page;
  }
  base::Result<std::vector<base::ConfigVersion>> configs() override {
    if (fails("configs")) return broken_error();
    std::vector<base::ConfigVersion> active;
    for (const auto& [name, history] : versions) {
      for (const base::ConfigVersion& version : history) {
        if (version.active) active.push_back(version);
      }
    }
    return active;
  }
  base::Result<std::vector<base::ConfigVersion>> config_history(const std::string& name,
                                                                std::uint64_t below) override {
    if (fails("config_history")) return broken_error();
    std::vector<base::ConfigVersion> page;
    for (auto at = versions[name].rbegin(); at != versions[name].rend(); ++at) {
      if (below != 0 && at->version >= below) continue;
      page.push_back(*at);
      page.back().document.clear();
    }
    return page;
  }
  base::Result<std::string> config_document(const std::string& name,
                                            std::uint64_t version) override {
    if (fails("config_document")) return broken_error();
    return versions[name].at(version - 1).document;
  }
  base::Result<base::RuleSet> rules_since(std::uint64_t after) override {
    if (fails("rules_since")) return broken_error();
    base::RuleSet set;
    set.revision = revision;
    set.full = after == 0;
    for (const auto& [id, rule] : live) {
      if (rule.revision > after) set.rules.push_back(rule);
    }
    for (const auto& [id, when] : tombstones) {
      if (!set.full && when > after && live.count(id) == 0) set.removed.push_back(id);
    }
    return set;
  }
  base::Result<std::vector<StoredDetection>> detections(std::uint64_t after) override {
    if (fails("detections")) return broken_error();
    std::vector<StoredDetection> page;
    for (const StoredDetection& one : stored) {
      if (one.revision > after && page.size() < kStatePageRows) page.push_back(one);
    }
    return page;
  }
  base::Result<std::vector<base::AuditRecord>> audit(std::uint64_t below) override {
    if (fails("audit")) return broken_error();
    std::vector<base::AuditRecord> page;
    for (auto at = trail.rbegin(); at != trail.rend() && page.size() < kStatePageRows; ++at) {
      if (below == 0 || at->id < below) page.push_back(*at);
    }
    return page;
  }
  base::Result<std::vector<ComponentState>> components() override {
    if (fails("components")) return broken_error();
    return states;
  }

 private:
  bool fails(const std::string& call) {
    ++calls[call];
    return call == broken;
  }
  static base::Error broken_error() {
    return {base::ErrorCode::unavailable, "broken", "the control plane went away"};
  }
};

}  // namespace mlguard::rag
