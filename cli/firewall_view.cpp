#include "cli/firewall_view.h"

#include <nlohmann/json.hpp>

namespace mlguard::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kNamesShownMax = 3;

// What is missing or of another type reads as nothing.
const Json& at(const Json& json, const char* name) {
  static const Json nothing;
  const auto found = json.is_object() ? json.find(name) : json.end();
  return json.is_object() && found != json.end() ? *found : nothing;
}
std::string text_at(const Json& json, const char* name) {
  const Json& value = at(json, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}
std::uint64_t number_at(const Json& json, const char* name) {
  const Json& value = at(json, name);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

void read_detail(const Json& detail, FirewallView& view) {
  view.dry_run = text_at(detail, "data_plane") == "dry run";
  const Json& exceptions = at(detail, "exceptions");
  for (const Json& one : at(exceptions, "rules")) {
    const Json& partly = at(one, "partly");
    view.exceptions[text_at(one, "id")] = {text_at(one, "why"),
                                           partly.is_boolean() && partly.get<bool>()};
  }
  view.all_told = number_at(exceptions, "count") <= view.exceptions.size() &&
                  number_at(detail, "left_out") == 0;
  for (const Json& one : at(at(detail, "dropping"), "rules")) {
    view.packets[text_at(one, "id")] = number_at(one, "packets");
  }
}

std::vector<std::string> names_of_firewalls(std::string_view components) {
  std::vector<std::string> names;
  const Json json = Json::parse(components, nullptr, false);
  for (const Json& one : at(json, "components")) {
    if (text_at(one, "role") == base::to_string(base::Role::firewall)) {
      names.push_back(text_at(one, "name"));
    }
  }
  return names;
}

bool drops(const RuleThere& there) {
  return there.state == RuleState::in_force || there.state == RuleState::partly;
}

}  // namespace

bool read_firewall(std::string_view component_json, FirewallView& view) {
  const Json json = Json::parse(component_json, nullptr, false);
  view.name = text_at(json, "name");
  view.health = text_at(json, "status");
  bool reported = false;
  for (const Json& one : at(json, "applied")) {
    if (text_at(one, "resource") != "rules") continue;
    view.revision = number_at(one, "revision");
    reported = true;
  }
  read_detail(at(at(json, "heartbeat"), "detail"), view);
  return reported;
}

FirewallsView fetch_firewalls(Context& context) {
  FirewallsView view;
  const auto components = context.get("/components");
  if (!components.ok()) {
    view.problem = "where rules are in force is not known: " + components.error().message;
    return view;
  }
  const std::vector<std::string> names = names_of_firewalls(*components);
  for (const std::string& name : names) {
    if (view.all.size() == kFirewallsAskedMax) {
      view.problem = "only " + std::to_string(kFirewallsAskedMax) + " of " +
                     std::to_string(names.size()) + " firewalls were asked";
      break;
    }
    const auto page = context.get("/components/" + url_encode(name));
    if (!page.ok()) continue;  // Removed meanwhile.
    FirewallView one;
    read_firewall(*page, one);
    view.all.push_back(std::move(one));
  }
  return view;
}

const char* to_string(RuleState state) {
  switch (state) {
    case RuleState::in_force: return "yes";
    case RuleState::partly: return "partly";
    case RuleState::not_yet: return "not yet";
    case RuleState::refused: return "refused";
    case RuleState::dry_run: return "dry run";
    case RuleState::unknown: return "unknown";
  }
  return "unknown";
}

RuleThere rule_there(const FirewallView& firewall, const base::Rule& rule) {
  RuleThere there;
  const auto packets = firewall.packets.find(rule.id);
  if (packets != firewall.packets.end()) there.packets = packets->second;
  const auto exception = firewall.exceptions.find(rule.id);
  if (firewall.revision < rule.revision) {
    there.state = RuleState::not_yet;
    there.why = firewall.health == "healthy" ? "" : "the firewall is " + firewall.health;
  } else if (firewall.dry_run) {
    there.state = RuleState::dry_run;
    there.why = "it drops nothing";
    if (exception != firewall.exceptions.end()) there.why += "; " + exception->second.why;
  } else if (exception != firewall.exceptions.end()) {
    there.state = exception->second.partly ? RuleState::partly : RuleState::refused;
    there.why = exception->second.why;
  } else if (!firewall.all_told) {
    there.why = "it has more exceptions than it can tell";
  } else {
    there.state = RuleState::in_force;
  }
  return there;
}

std::string in_force_text(const FirewallsView& firewalls, const base::Rule& rule) {
  if (firewalls.all.empty()) return "-";
  std::string names;
  std::size_t count = 0;
  bool dry_run = false;
  for (const FirewallView& one : firewalls.all) {
    const RuleThere there = rule_there(one, rule);
    dry_run = dry_run || there.state == RuleState::dry_run;
    if (!drops(there)) continue;
    ++count;
    names += (names.empty() ? "" : ", ") + one.name;
    if (there.state == RuleState::partly) names += " (partly)";
  }
  if (count == 0) return dry_run ? "none (dry run)" : "none";
  if (count <= kNamesShownMax) return names;
  return std::to_string(count) + " of " + std::to_string(firewalls.all.size());
}

std::string with_firewalls(std::string_view json, const std::vector<base::Rule>& rules,
                           const FirewallsView& firewalls) {
  Json document = Json::parse(json, nullptr, false);
  const auto list = document.is_object() ? document.find("rules") : document.end();
  if (!document.is_object() || list == document.end() || list->size() != rules.size()) {
    return std::string(json);
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Json& told = (*list)[i]["firewalls"] = Json::array();
    for (const FirewallView& one : firewalls.all) {
      const RuleThere there = rule_there(one, rules[i]);
      Json item = {{"name", one.name}, {"in_force", to_string(there.state)}};
      if (!there.why.empty()) item["why"] = there.why;
      if (there.packets > 0) item["dropped_packets"] = there.packets;
      told.push_back(std::move(item));
    }
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mlguard::cli
