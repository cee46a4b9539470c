#include "rule_pages.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>

#include "replies.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

namespace {

constexpr std::size_t kRulesMax = 1'000'000;
constexpr int kJoinsMax = 3;

// Whom the pages of one set are read from, and how.
struct Source {
  Caller& caller;
  std::optional<Consistency> consistency;
  Canceller* canceller;

  base::Result<base::RuleSet> page(const std::string& query,
                                   milliseconds wait = milliseconds(0)) const {
    Call call;
    call.target = "/v1/rules/stream?" + query;
    if (wait.count() > 0) call.target += "&wait=" + std::to_string(wait.count()) + "ms";
    call.hold = wait;
    call.consistency = consistency;
    call.canceller = canceller;
    const auto message = expect_ok(caller.call(std::move(call)));
    if (!message.ok()) return message.error();
    return wire::decode_rule_set(message->body);
  }
};

void apply_difference(base::RuleSet& set, base::RuleSet difference) {
  std::unordered_map<std::string, std::size_t> places;
  places.reserve(set.rules.size());
  for (std::size_t i = 0; i < set.rules.size(); ++i) places[set.rules[i].id] = i;
  for (base::Rule& rule : difference.rules) {
    const auto [place, is_new] = places.try_emplace(rule.id, set.rules.size());
    if (is_new) {
      set.rules.push_back(std::move(rule));
    } else {
      set.rules[place->second] = std::move(rule);
    }
  }
  for (const std::string& id : difference.removed) {
    const auto place = places.find(id);
    if (place != places.end()) set.rules[place->second].id.clear();
  }
  std::erase_if(set.rules, [](const base::Rule& rule) { return rule.id.empty(); });
  set.revision = difference.revision;
  set.digest = std::move(difference.digest);
}

base::Error bad_pages() {
  return {base::ErrorCode::internal, "bad_answer",
          "the server sent pages of rules that do not follow each other"};
}

// Reads the pages after the first into `set`; the lowest revision that any page saw.
base::Result<std::uint64_t> read_on(const Source& source, base::RuleSet& set) {
  std::uint64_t lowest = set.revision;
  while (!set.next_id.empty()) {
    auto page = source.page("after=0&after_id=" + set.next_id);
    if (!page.ok()) return std::move(page).error();
    const bool follows = page->full && page->next_id != set.next_id &&
                         set.rules.size() + page->rules.size() <= kRulesMax;
    if (!follows) return bad_pages();
    lowest = std::min(lowest, page->revision);
    set.revision = std::max(set.revision, page->revision);
    set.rules.insert(set.rules.end(), std::make_move_iterator(page->rules.begin()),
                     std::make_move_iterator(page->rules.end()));
    set.next_id = std::move(page->next_id);
    set.digest = std::move(page->digest);
  }
  return lowest;
}

// True when `set` is whole now; false when it must be read anew.
base::Result<bool> join(const Source& source, base::RuleSet& set) {
  const auto lowest = read_on(source, set);
  if (!lowest.ok()) return lowest.error();
  if (*lowest != set.revision) {
    auto difference = source.page("after=" + std::to_string(*lowest));
    if (!difference.ok()) return std::move(difference).error();
    if (difference->full) return false;
    apply_difference(set, std::move(*difference));
  }
  return base::rule_set_digest(set.rules) == set.digest;
}

}  // namespace

base::Result<base::RuleSet> fetch_rules(Caller& caller, const RulesQuery& query,
                                        Canceller* canceller) {
  const Source source{caller, query.consistency, canceller};
  auto set = source.page("after=" + std::to_string(query.after), query.wait);
  for (int joins = 0; set.ok() && !set->next_id.empty(); ++joins) {
    if (joins == kJoinsMax) {
      return base::Error{base::ErrorCode::unavailable, "rules_moved",
                         "the rules changed while they were read; try again"};
    }
    const auto whole = join(source, *set);
    if (!whole.ok()) return whole.error();
    if (*whole) break;
    set = source.page("after=0");
  }
  return set;
}

}  // namespace mlguard::etcd_client
