#include "firewall/live_detail.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/model.h"
#include "base/rule_scope.h"

namespace mlguard::firewall {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kListMax = 24;
constexpr std::size_t kWhyCharsMax = 120;

struct RuleDrops {
  std::string id;
  Dropped dropped;
};

// The rules whose networks dropped most. A packet is dropped by one enforcer only, so they add up.
std::vector<RuleDrops> top_drops(const DetailInput& input) {
  std::map<std::string, Dropped> by_rule;
  for (const Enforcement* enforcement : input.enforcements) {
    for (const auto& [network, dropped] : enforcement->dropped()) {
      const Dropped& more = dropped;
      input.table->each_rule_of(network, [&](const std::string& id, const Network&) {
        by_rule[id].packets += more.packets;
        by_rule[id].bytes += more.bytes;
      });
    }
  }
  std::vector<RuleDrops> all;
  all.reserve(by_rule.size());
  for (const auto& [id, dropped] : by_rule) all.push_back({id, dropped});
  std::stable_sort(all.begin(), all.end(), [](const RuleDrops& a, const RuleDrops& b) {
    return a.dropped.packets > b.dropped.packets;
  });
  return all;
}

Json enforcer_json(const Enforcement& enforcement) {
  const Dropped dropped = enforcement.dropped_in_all();
  Json json = {{"name", enforcement.enforcer().name()},
               {"networks", enforcement.held_count()},
               {"packets", dropped.packets},
               {"bytes", dropped.bytes}};
  if (!enforcement.problem().empty()) {
    json["problem"] = enforcement.problem().substr(0, kWhyCharsMax);
  }
  return json;
}

// Their texts by why they are protected, so that each reason is told once.
Json guarded_json(const std::vector<ProtectedNetwork>& guarded) {
  Json networks = Json::object();
  std::set<Network> seen;
  for (const ProtectedNetwork& one : guarded) {
    if (is_never_blocked(one.network) || !seen.insert(one.network).second) continue;
    if (seen.size() > base::kProtectedToldMax) continue;
    Json& list = networks[one.why.substr(0, kWhyCharsMax)];
    list.push_back(to_text(one.network));
  }
  return {{"count", seen.size()}, {"networks", std::move(networks)}};
}

Json build(const DetailInput& input, const std::vector<RuleDrops>& drops, std::size_t list_max) {
  const RuleTable& table = *input.table;
  Json json = {{"data_plane", input.dry_run ? "dry run" : "enforcing"},
               {"rules", table.size()},
               {"networks", table.targets().size()},
               {"revision", table.revision()},
               {"digest", input.digest}};
  if (table.left_out() > 0) json["left_out"] = table.left_out();
  Json& enforcers = json["enforcers"] = Json::array();
  for (const Enforcement* one : input.enforcements) enforcers.push_back(enforcer_json(*one));
  json["repairs"] = input.repairs;
  if (!input.last_repair.empty()) json["last_repair"] = input.last_repair;
  if (input.guarded != nullptr) json["protected"] = guarded_json(*input.guarded);
  Json dropping = Json::array();
  for (std::size_t i = 0; i < drops.size() && i < list_max; ++i) {
    dropping.push_back({{"id", drops[i].id},
                        {"packets", drops[i].dropped.packets},
                        {"bytes", drops[i].dropped.bytes}});
  }
  json["dropping"] = {{"count", drops.size()}, {"rules", std::move(dropping)}};
  Json excepted = Json::array();
  for (const Exception& one : table.exceptions(list_max)) {
    excepted.push_back(
        {{"id", one.id}, {"partly", one.partly}, {"why", one.why.substr(0, kWhyCharsMax)}});
  }
  json["exceptions"] = {{"count", table.exception_count()}, {"rules", std::move(excepted)}};
  return json;
}

}  // namespace

std::string live_detail(const DetailInput& input) {
  const std::vector<RuleDrops> drops = top_drops(input);
  for (std::size_t list_max = kListMax;; list_max /= 2) {
    std::string text =
        build(input, drops, list_max).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() <= base::kDetailBytesMax || list_max == 0) return text;
  }
}

}  // namespace mlguard::firewall
