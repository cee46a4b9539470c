#include <string>
#include <utility>

#include "server/api_handlers.h"
#include "server/api_json.h"
#include "server/long_poll.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::string_view kAllow = "allow";
constexpr std::size_t kRuleIdCharsMax = 64;

Error not_own_rule(const std::string& id) {
  return {ErrorCode::permission_denied, "role_not_permitted",
          "the rule '" + id + "' was made by another: only an operator may change it"};
}

// A detector may replace or remove its own rules only, and never an allow rule: whoever could write
// those could switch blocking off.
Status may_change(ApiContext& api, const Exchange& exchange, const base::Rule& present) {
  if (present.action == kAllow) return authorize(api, exchange, Verb::rules_allow);
  if (reach(exchange.caller().role, Verb::rules_write) == Reach::any) return {};
  if (present.source == exchange.caller().name) return {};
  return not_own_rule(present.id);
}

Status may_put(ApiContext& api, const Exchange& exchange, db::Reader& reader,
               const base::Rule& rule) {
  if (rule.action == kAllow) {
    if (Status may = authorize(api, exchange, Verb::rules_allow); !may) return may;
  }
  if (rule.id.empty() || reach(exchange.caller().role, Verb::rules_write) == Reach::any) return {};
  Result<std::optional<base::Rule>> present = reader.rule(rule.id);
  if (!present) return present.error();
  if (!present->has_value()) return {};
  return may_change(api, exchange, **present);
}

// Everything live, one page of it from the id `after_id` on.
Result<base::RuleSet> full_page(db::Reader& reader, std::string after_id) {
  // What changed since now: nothing, but the digest of everything comes with it.
  Result<base::RuleSet> page = reader.rules_since(reader.revision());
  if (!page) return page;
  page->full = true;
  page->rules.clear();
  page->removed.clear();
  for (;;) {
    Result<std::vector<base::Rule>> rules = reader.rules(after_id, db::kPageRowsMax);
    if (!rules) return rules.error();
    for (base::Rule& rule : *rules) {
      if (page->rules.size() == base::kRuleStreamPageRules) {
        page->next_id = page->rules.back().id;
        return page;
      }
      page->rules.push_back(std::move(rule));
    }
    if (rules->size() < db::kPageRowsMax) return page;
    after_id = page->rules.back().id;
  }
}

Result<base::RuleSet> rules_after(db::Reader& reader, std::uint64_t after,
                                  const std::string& after_id) {
  // From the future: this state is not the one that the client knows. It gets everything.
  if (after == 0 || after > reader.revision()) return full_page(reader, after_id);
  Result<base::RuleSet> set = reader.rules_since(after);
  if (!set) return set;
  const bool fits = set->rules.size() + set->removed.size() <= base::kRuleStreamPageRules;
  if (!set->full && fits) return set;
  return full_page(reader, "");
}

Result<Look> look_for_rules(db::Reader& reader, std::uint64_t after, const std::string& after_id) {
  Result<base::RuleSet> set = rules_after(reader, after, after_id);
  if (!set) return set.error();
  Look look;
  look.something_new = set->full || !set->rules.empty() || !set->removed.empty();
  look.seen = reader.revision();
  look.answer = json_answer(wire::encode(*set));
  return look;
}

}  // namespace

void list_rules(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::rules_read); !may) {
    return exchange->fail(may.error());
  }
  const Query& query = exchange->request().query;
  Result<std::uint64_t> limit = query.number("limit", 100, db::kPageRowsMax);
  if (!limit) return exchange->fail(limit.error());
  const std::string after(query.get("after").value_or(""));
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::Rule>> rules = reader.rules(after, static_cast<std::size_t>(*limit));
    if (!rules) return rules.error();
    const bool more = !rules->empty() && rules->size() == *limit;
    return json_answer(encode_rules_page(*rules, more ? rules->back().id : std::string()));
  });
}

void get_rule(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::rules_read); !may) {
    return exchange->fail(may.error());
  }
  const std::string& id = exchange->request().parameters[0];
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::optional<base::Rule>> rule = reader.rule(id);
    if (!rule) return rule.error();
    if (!rule->has_value()) {
      return Error{ErrorCode::not_found, "no_rule", "there is no live rule '" + id + "'"};
    }
    return json_answer(wire::encode_rules({**rule}));
  });
}

void put_rules(ApiContext& api, const ExchangePtr& exchange) {
  const Identity& caller = exchange->caller();
  if (Status may = authorize(api, *exchange, Verb::rules_write, caller.name); !may) {
    return exchange->fail(may.error());
  }
  Result<std::vector<base::Rule>> rules =
      wire::decode_rules(exchange->request().message.body, api.clock.wall_ms());
  if (!rules) return exchange->fail(rules.error());
  Result<std::unique_ptr<db::Reader>> reader = api.engine.read();
  if (!reader) return exchange->fail(reader.error());
  for (base::Rule& rule : *rules) {
    if (Status may = may_put(api, *exchange, **reader, rule); !may) {
      return exchange->fail(may.error());
    }
    if (rule.action != kAllow) {
      if (Status safe = api.guarded.check(rule); !safe) return exchange->fail(safe.error());
    }
    rule.source = caller.name;
  }
  reader->reset();
  transact(api, exchange, db::PutRules{std::move(*rules)});
}

void remove_rule(ApiContext& api, const ExchangePtr& exchange) {
  const Identity& caller = exchange->caller();
  if (Status may = authorize(api, *exchange, Verb::rules_write, caller.name); !may) {
    return exchange->fail(may.error());
  }
  const std::string& id = exchange->request().parameters[0];
  Result<std::unique_ptr<db::Reader>> reader = api.engine.read();
  if (!reader) return exchange->fail(reader.error());
  Result<std::optional<base::Rule>> present = (*reader)->rule(id);
  if (!present) return exchange->fail(present.error());
  if (present->has_value()) {
    if (Status may = may_change(api, *exchange, **present); !may) {
      return exchange->fail(may.error());
    }
  }
  reader->reset();
  transact(api, exchange, db::RemoveRules{{id}});
}

void stream_rules(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::rules_read); !may) {
    return exchange->fail(may.error());
  }
  const Query& query = exchange->request().query;
  Result<std::uint64_t> after = query.number("after", 0, INT64_MAX);
  if (!after) return exchange->fail(after.error());
  const std::string after_id(query.get("after_id").value_or(""));
  if (after_id.size() > kRuleIdCharsMax) {
    return exchange->fail({ErrorCode::invalid_argument, "invalid_query",
                           "after_id must be the next_id of the page before"});
  }
  Result<std::int64_t> wait = query.duration_ms("wait", 0, kLongPollMsMax);
  if (!wait) return exchange->fail(wait.error());
  long_poll(api, exchange,
            {.resource = "rules",
             .wait_ms = *wait,
             .look = [after = *after, after_id](db::Reader& reader) {
               return look_for_rules(reader, after, after_id);
             }});
}

}  // namespace mlguard::server
