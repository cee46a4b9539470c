// ml-guard rules add|list|show|rm: what is blocked, and what never may be.
#include "cli/commands/rules.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <ostream>

#include "base/time_format.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/firewall_view.h"
#include "cli/listing.h"
#include "wire/messages.h"

namespace mlguard::cli {
namespace {

constexpr std::size_t kPageRows = 1'000;
// Looking a network up by its text reads at most so many rules.
constexpr std::size_t kLookupRulesMax = 1'000'000;

base::Result<std::vector<base::Rule>> fetch_page(Context& context, const std::string& after_id,
                                                 std::size_t limit, std::string* json = nullptr) {
  std::string target = "/v1/rules?limit=" + std::to_string(limit);
  if (!after_id.empty()) target += "&after=" + url_encode(after_id);
  auto answer = context.get(target);
  if (!answer.ok()) return answer.error();
  if (json != nullptr) *json = *answer;
  return wire::decode_rules(*answer, context.now_ms());
}

std::string expiry_text(const base::Rule& rule, std::int64_t now_ms) {
  return rule.expires_at_ms == 0 ? "never" : age(rule.expires_at_ms, now_ms);
}

Table rules_table(Context& context, const std::vector<base::Rule>& rules,
                  const FirewallsView& firewalls) {
  Table table({shrinking_column("ID"), text_column("ACTION"), text_column("NETWORK"),
               text_column("EXPIRES"), number_column("SCORE"), shrinking_column("SOURCE"),
               shrinking_column("REASON"), shrinking_column("IN FORCE ON")});
  for (const base::Rule& rule : rules) {
    std::array<char, 16> score{};
    std::snprintf(score.data(), score.size(), "%.2f", rule.score);
    const std::string expires =
        context.raw() ? base::iso_time(rule.expires_at_ms) : expiry_text(rule, context.now_ms());
    table.add_row({rule.id,
                   {rule.action, tone_of_word(rule.action)},
                   rule.cidr,
                   expires,
                   std::string(score.data()),
                   rule.source,
                   rule.reason,
                   in_force_text(firewalls, rule)});
  }
  return table;
}

base::Status run_list(Context& context, const RulesOptions& options) {
  std::string json;
  auto rules = fetch_page(context, options.after, options.limit, &json);
  if (!rules.ok()) return rules.error();
  const FirewallsView firewalls = fetch_firewalls(context);
  if (!firewalls.problem.empty()) context.note(firewalls.problem);
  if (context.json()) {
    context.out() << pretty_json(with_firewalls(json, *rules, firewalls));
  } else {
    const Table table = rules_table(context, *rules, firewalls);
    context.print(table,
                  "no rules yet: nothing is blocked. Add one with  "
                  "ml-guard rules add 203.0.113.7 --ttl 1h");
  }
  if (rules->size() == options.limit) {
    context.note("these are the first " + grouped(rules->size()) +
                 "; for more: ml-guard rules list --after " + rules->back().id);
  }
  return {};
}

base::Status run_show(Context& context, const RulesOptions& options) {
  const std::string& id = options.ids.front();
  auto body = context.get("/v1/rules/" + url_encode(id));
  if (!body.ok()) return body.error();
  auto rules = wire::decode_rules(*body, context.now_ms());
  if (!rules.ok()) return rules.error();
  const FirewallsView firewalls = fetch_firewalls(context);
  if (!firewalls.problem.empty()) context.note(firewalls.problem);
  if (context.json()) {
    context.out() << pretty_json(with_firewalls(*body, *rules, firewalls));
    return {};
  }
  Table table({shrinking_column("FIREWALL"), text_column("IN FORCE"), number_column("DROPPED"),
               shrinking_column("WHY NOT")});
  for (const FirewallView& one : firewalls.all) {
    const RuleThere there = rule_there(one, rules->front());
    const Tone tone = there.state == RuleState::in_force ? Tone::good : Tone::warning;
    table.add_row({one.name, {to_string(there.state), tone}, grouped(there.packets), there.why});
  }
  if (context.table()) {
    const base::Rule& rule = rules->front();
    context.out() << rule.action << " " << rule.cidr << ", expires "
                  << expiry_text(rule, context.now_ms()) << ", by " << rule.source << "\n";
  }
  context.print(table, "no firewall has reported yet: see  ml-guard status");
  return {};
}

// "203.0.113.7" and "203.0.113.7/32" are the same network.
bool same_network(const std::string& stored, const std::string& typed) {
  return stored == typed || stored == typed + "/32" || stored == typed + "/128";
}

// The rules that are in force for just this network.
base::Result<std::vector<base::Rule>> rules_of_network(Context& context, const std::string& typed) {
  std::vector<base::Rule> found;
  std::string after;
  for (std::size_t seen = 0; seen < kLookupRulesMax; seen += kPageRows) {
    auto page = fetch_page(context, after, kPageRows);
    if (!page.ok()) return page.error();
    for (const base::Rule& rule : *page) {
      if (same_network(rule.cidr, typed)) found.push_back(rule);
    }
    if (page->size() < kPageRows) break;
    after = page->back().id;
  }
  return found;
}

// No id has a '/' or a ':'; a dotted quad may be an id, and is one first.
bool may_be_id(const std::string& typed) { return typed.find_first_of("/:") == std::string::npos; }

base::Error no_rule(const std::string& typed) {
  return {base::ErrorCode::not_found, "no_rule",
          "no rule has the id or the network '" + typed + "'"};
}

base::Status remove_one(Context& context, etcd_client::Client& client, const std::string& id) {
  const auto removed = client.remove_rule(id);
  if (!removed.ok()) return removed;
  context.report("removed rule " + id, json_object({{"id", id}, {"status", "removed"}}), id);
  return {};
}

}  // namespace

base::Status rules_add(Context& context, const RulesOptions& options) {
  if (options.action != "drop" && options.action != "allow") {
    return usage_error("the action '" + options.action + "' is not drop or allow");
  }
  if (!options.id.empty() && options.cidrs.size() > 1) {
    return usage_error("--id names one rule, and " + std::to_string(options.cidrs.size()) +
                       " networks were given");
  }
  std::int64_t expires_at_ms = 0;
  if (!options.ttl.empty()) {
    auto ttl = base::parse_duration_ms(options.ttl);
    if (!ttl.ok() || *ttl <= 0) {
      return usage_error("--ttl '" + options.ttl + "' is not a duration such as 30m, 24h or 7d");
    }
    expires_at_ms = context.now_ms() + *ttl;
  }
  std::vector<base::Rule> rules;
  for (const std::string& cidr : options.cidrs) {
    base::Rule rule;
    rule.id = options.id;
    rule.cidr = cidr;
    rule.action = options.action;
    rule.reason = options.reason;
    rule.score = options.score;
    rule.expires_at_ms = expires_at_ms;
    rules.push_back(std::move(rule));
  }
  auto client = context.client();
  if (!client.ok()) return client.error();
  auto ids = (*client)->put_rules(rules);
  if (!ids.ok()) return ids.error();
  for (std::size_t i = 0; i < ids->size() && i < rules.size(); ++i) {
    const std::string verb = rules[i].action == "drop" ? "blocked: " : "always allowed: ";
    const std::string until =
        expires_at_ms == 0 ? "for good" : "until " + short_time(base::iso_time(expires_at_ms));
    context.report(
        verb + rules[i].cidr + " " + until + "; undo with  ml-guard rules rm " + (*ids)[i],
        json_object({{"id", (*ids)[i]}, {"cidr", rules[i].cidr}}), (*ids)[i]);
  }
  return {};
}

base::Status rules_rm(Context& context, const RulesOptions& options) {
  auto client = context.client();
  if (!client.ok()) return client.error();
  for (const std::string& typed : options.ids) {
    base::Status removed;
    if (may_be_id(typed)) {
      removed = remove_one(context, **client, typed);
      if (removed.ok()) continue;
      if (removed.error().code != base::ErrorCode::not_found) return removed;
    }
    auto rules = rules_of_network(context, typed);
    if (!rules.ok()) return rules.error();
    if (rules->empty()) return no_rule(typed);
    for (const base::Rule& rule : *rules) {
      removed = remove_one(context, **client, rule.id);
      if (!removed.ok()) return removed;
    }
  }
  return {};
}

base::Result<std::vector<base::Rule>> find_rules(Context& context, const std::string& typed) {
  if (may_be_id(typed)) {
    auto body = context.get("/v1/rules/" + url_encode(typed));
    if (body.ok()) return wire::decode_rules(*body, context.now_ms());
    if (body.error().code != base::ErrorCode::not_found) return body.error();
  }
  auto rules = rules_of_network(context, typed);
  if (rules.ok() && rules->empty()) return no_rule(typed);
  return rules;
}

void define_rules(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"rules add 203.0.113.7 --ttl 1h --reason 'port scan'", "rules list",
                     "rules rm 203.0.113.7"});
  const auto options = std::make_shared<RulesOptions>();

  CLI::App& add = add_subcommand(app, "add", "block networks, or allow them for good");
  add.add_option("CIDR", options->cidrs, "Address or network: 203.0.113.7, 2001:db8::/48")
      ->required();
  add.add_option("--reason", options->reason, "Why, for those who read it later")
      ->type_name("TEXT");
  add.add_option("--ttl", options->ttl, "Expires after this time (default: never)")
      ->type_name("1h");
  add.add_option("--action", options->action, "drop, or allow: never block it (default: drop)")
      ->type_name("drop|allow");
  add.add_option("--id", options->id, "Replace the rule of this id, or make it")->type_name("ID");
  add.add_option("--score", options->score, "How certain, 0 to 1 (default: 1)")->type_name("X");
  set_examples(add, {"rules add 203.0.113.7 --ttl 1h --reason 'port scan'",
                     "rules add 192.0.2.0/24 --action allow --reason 'our printers'"});
  set_action(add, context, [&context, options] { return rules_add(context, *options); });

  CLI::App& list = add_subcommand(app, "list", "rules in force");
  list.add_option("--limit", options->limit, "At most so many (default: 100)")->type_name("N");
  list.add_option("--after", options->after, "Go on behind this id")->type_name("ID");
  set_examples(list, {"rules list", "rules list --limit 1000 -o raw | cut -f3"});
  set_action(list, context, [&context, options] { return run_list(context, *options); });

  CLI::App& show = add_subcommand(app, "show", "one rule: where it is in force, and why not");
  show.add_option("ID", options->ids, "The rule's id")->required()->expected(1);
  set_examples(show, {"rules show 5f2c9a01"});
  set_action(show, context, [&context, options] { return run_show(context, *options); });

  CLI::App& rm = add_subcommand(app, "rm", "remove rules by id or by network");
  rm.add_option("ID", options->ids, "Ids or networks")->required();
  set_examples(rm, {"rules rm 5f2c9a01", "rules rm 203.0.113.7"});
  set_action(rm, context, [&context, options] { return rules_rm(context, *options); });
}

}  // namespace mlguard::cli
