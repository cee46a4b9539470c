#include "rag/covering.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rag/network_key.h"
#include "rag/record_view.h"

namespace mlguard::rag {
namespace {

using base::Result;
using Json = nlohmann::json;

constexpr std::size_t kRulesRead = 200;
constexpr std::size_t kFirewallsMax = 64;

Result<std::vector<Record>> rules_of(const Asked& asked) {
  Filter filter;
  filter.tables = {Table::rule};
  filter.limit = kRulesRead;
  if (!asked.slots.address.empty()) {
    filter.address = asked.slots.address;
  } else {
    filter.key = asked.slots.rule_id;
  }
  return asked.index.find(filter);
}

Result<std::vector<Record>> allowlists_of(const Asked& asked) {
  std::vector<Record> holding;
  if (asked.slots.address.empty()) return holding;
  auto values = values_at(asked.index, "", asked.now_ms());
  if (!values.ok()) return values;
  for (const Record& value : *values) {
    if (!value.path.ends_with("allowlist") && value.path.find("allowlist.") == std::string::npos) {
      continue;
    }
    const Json list = Json::parse(value.value, nullptr, false);
    const auto holds = [&](const Json& entry) {
      return entry.is_string() &&
             network_holds(entry.get_ref<const std::string&>(), asked.slots.address);
    };
    const bool found = list.is_array() ? std::any_of(list.begin(), list.end(), holds) : holds(list);
    if (found) holding.push_back(value);
  }
  return holding;
}

std::string packets_of(const Json& detail, const std::string& rule_id) {
  const auto dropping = detail.find("dropping");
  if (dropping == detail.end() || !dropping->is_object()) return {};
  const auto rules = dropping->find("rules");
  if (rules == dropping->end() || !rules->is_array()) return {};
  for (const Json& one : *rules) {
    if (!one.is_object() || one.value("id", Json()) != Json(rule_id)) continue;
    const auto packets = one.find("packets");
    if (packets != one.end() && packets->is_number_unsigned()) return packets->dump();
  }
  return {};
}

struct Exception {
  std::string why;
  bool partly = false;
};

Exception exception_of(const Json& detail, const std::string& rule_id) {
  const auto exceptions = detail.find("exceptions");
  if (exceptions == detail.end() || !exceptions->is_object()) return {};
  const auto rules = exceptions->find("rules");
  if (rules == exceptions->end() || !rules->is_array()) return {};
  for (const Json& one : *rules) {
    if (!one.is_object() || one.value("id", Json()) != Json(rule_id)) continue;
    const auto why = one.find("why");
    if (why != one.end() && why->is_string()) {
      return {why->get<std::string>(), one.value("partly", Json()) == Json(true)};
    }
  }
  return {};
}

std::string force_sentence(const std::string& name, const Json& detail, const Record& rule) {
  const auto plane = detail.find("data_plane");
  if (plane != detail.end() && *plane == Json("dry run")) {
    return "Not in force on " + name + ": it runs dry and drops nothing.";
  }
  const Exception exception = exception_of(detail, rule.key);
  if (exception.partly) {
    return "In force on " + name + ", but for a part: " + one_line(exception.why) + ".";
  }
  if (!exception.why.empty())
    return "Not in force on " + name + ": " + one_line(exception.why) + ".";
  const auto revision = detail.find("revision");
  if (revision == detail.end() || !revision->is_number_unsigned()) return {};
  if (revision->get<std::uint64_t>() < rule.revision) {
    return name + " has not reported it yet.";
  }
  const std::string packets = packets_of(detail, rule.key);
  return "In force on " + name +
         (packets.empty() ? std::string(".") : ", packets dropped: " + packets + ".");
}

}  // namespace

bool network_holds(const std::string& network, const std::string& address) {
  const auto outer = parse_network_key(network);
  const auto inner = parse_network_key(address);
  if (!outer || !inner) return false;
  if (*outer == *inner) return true;
  const std::vector<NetworkKey> wider = supernets(*inner);
  return std::find(wider.begin(), wider.end(), *outer) != wider.end();
}

Result<Covering> covering(const Asked& asked) {
  auto rules = rules_of(asked);
  if (!rules.ok()) return rules.error();
  Covering covering;
  const bool is_network = asked.slots.address.find('/') != std::string::npos;
  for (Record& rule : *rules) {
    // A rule inside the network that was asked for says nothing of the whole.
    const bool covers = asked.slots.address.empty() || is_network ||
                        network_holds(rule.address, asked.slots.address);
    if (!covers) continue;
    (is_live(rule, asked.now_ms()) ? covering.live : covering.ended).push_back(std::move(rule));
  }
  // What covers the whole decides before what covers a part of it; there, allow wins.
  const auto comes_first = [&](const Record& rule) {
    const bool whole = !is_network || network_holds(rule.address, asked.slots.address);
    return (whole ? 0 : 2) + (rule.value == "allow" ? 0 : 1);
  };
  std::stable_sort(
      covering.live.begin(), covering.live.end(),
      [&](const Record& a, const Record& b) { return comes_first(a) < comes_first(b); });
  std::stable_sort(covering.ended.begin(), covering.ended.end(),
                   [](const Record& a, const Record& b) { return a.ends_at_ms > b.ends_at_ms; });
  auto lists = allowlists_of(asked);
  if (!lists.ok()) return lists.error();
  covering.allowlists = std::move(*lists);
  return covering;
}

Result<std::optional<Record>> detection_behind(const Asked& asked, const Record& rule) {
  Filter filter;
  filter.tables = {Table::detection};
  filter.address = rule.address;
  filter.limit = kRulesRead;
  const auto found = asked.index.find(filter);
  if (!found.ok()) return found.error();
  for (const Record& one : *found) {
    if (one.related == rule.key) return std::optional<Record>(one);
  }
  if (!found->empty() && rule.key.starts_with("auto-"))
    return std::optional<Record>(found->front());
  return std::optional<Record>();
}

Result<std::vector<InForce>> in_force(const Asked& asked, const Record& rule) {
  Filter filter;
  filter.tables = {Table::component};
  filter.limit = kFindMax;
  const auto components = asked.index.find(filter);
  if (!components.ok()) return components.error();
  std::vector<InForce> all;
  for (const Record& component : *components) {
    if (!component.key.starts_with("firewall") || all.size() >= kFirewallsMax) continue;
    Filter beat;
    beat.tables = {Table::health};
    beat.key = component.key;
    const auto now = newest(asked.index, beat);
    if (!now.ok()) return now.error();
    if (!*now) continue;
    const Json detail = Json::parse((*now)->detail, nullptr, false);
    if (!detail.is_object()) continue;
    const std::string sentence = force_sentence(component.key, detail, rule);
    if (!sentence.empty()) all.push_back({**now, sentence});
  }
  return all;
}

}  // namespace mlguard::rag
