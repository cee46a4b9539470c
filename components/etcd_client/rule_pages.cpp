#include "rule_pages.h"

#include <algorithm>
#include <future>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "replies.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

namespace {

constexpr std::size_t kRulesMax = 1'000'000;
constexpr int kJoinsMax = 3;
// Of a server that sends smaller pages than ours do.
constexpr std::size_t kPagesMax = 10'000;

// Whom the pages of one set are read from, and how.
struct Source {
  Caller& caller;
  std::optional<Consistency> consistency;
  Canceller* canceller;

  base::Result<std::string> text(const std::string& query,
                                 milliseconds wait = milliseconds(0)) const {
    Call call;
    call.target = "/v1/rules/stream?" + query;
    if (wait.count() > 0) call.target += "&wait=" + std::to_string(wait.count()) + "ms";
    call.hold = wait;
    call.consistency = consistency;
    call.canceller = canceller;
    auto message = expect_ok(caller.call(std::move(call)));
    if (!message.ok()) return message.error();
    return std::move(message->body);
  }
  base::Result<base::RuleSet> page(const std::string& query,
                                   milliseconds wait = milliseconds(0)) const {
    const auto body = text(query, wait);
    if (!body.ok()) return body.error();
    return wire::decode_rule_set(*body);
  }
};

// The set's digest is `digest` before, and what is returned after it. Differences are short, and
// sets are not.
std::uint64_t apply_difference(base::RuleSet& set, const base::RuleSet& difference,
                               std::uint64_t digest) {
  set.revision = difference.revision;
  set.digest = difference.digest;
  if (difference.rules.empty() && difference.removed.empty()) return digest;
  std::unordered_map<std::string_view, const base::Rule*> changes;  // nullptr: removed
  for (const base::Rule& rule : difference.rules) changes[rule.id] = &rule;
  for (const std::string& id : difference.removed) changes[id] = nullptr;
  std::erase_if(set.rules, [&](const base::Rule& rule) {
    if (changes.count(rule.id) == 0) return false;
    digest ^= base::rule_digest(rule);
    return true;
  });
  for (const base::Rule& rule : difference.rules) {
    // Of two for one id the last one counts.
    if (changes.at(rule.id) != &rule) continue;
    digest ^= base::rule_digest(rule);
    set.rules.push_back(rule);
  }
  return digest;
}

base::Error bad_pages() {
  return {base::ErrorCode::internal, "bad_answer",
          "the server sent pages of rules that do not follow each other"};
}

// Which page to ask for next, without reading this one. No text of a rule can look like it: quotes
// within texts are escaped.
std::string next_id_in(const std::string& body) {
  constexpr std::string_view kMember = "\"next_id\":\"";
  const std::size_t begin = body.rfind(kMember);
  if (begin == std::string::npos) return {};
  const std::size_t at = begin + kMember.size();
  return body.substr(at, body.find('"', at) - at);
}

std::uint64_t digest_of(const std::vector<base::Rule>& rules) {
  std::uint64_t digest = 0;
  for (const base::Rule& rule : rules) digest ^= base::rule_digest(rule);
  return digest;
}

struct ReadPage {
  base::RuleSet set;
  std::uint64_t digest = 0;  // of its rules
};
using Reading = std::future<base::Result<ReadPage>>;

// A page is read while the next one is on its way: with many rules each takes as long as the other.
Reading begin_reading(std::string body) {
  auto read = [text = std::move(body)]() -> base::Result<ReadPage> {
    auto set = wire::decode_rule_set(text);
    if (!set.ok()) return std::move(set).error();
    ReadPage page;
    page.digest = digest_of(set->rules);
    page.set = std::move(*set);
    return page;
  };
  return std::async(std::launch::async | std::launch::deferred, std::move(read));
}

// What was learned of the pages so far.
struct Pages {
  std::uint64_t lowest = 0;  // The lowest revision that any page saw.
  std::uint64_t digest = 0;  // Of all their rules.
};

base::Status add_page(Reading reading, const std::string& next_id, base::RuleSet& set,
                      Pages& pages) {
  auto read = reading.get();
  if (!read.ok()) return std::move(read).error();
  base::RuleSet* const page = &read->set;
  const bool follows = page->full && page->next_id != set.next_id && page->next_id == next_id &&
                       set.rules.size() + page->rules.size() <= kRulesMax;
  if (!follows) return bad_pages();
  pages.lowest = std::min(pages.lowest, page->revision);
  pages.digest ^= read->digest;
  set.revision = std::max(set.revision, page->revision);
  set.rules.insert(set.rules.end(), std::make_move_iterator(page->rules.begin()),
                   std::make_move_iterator(page->rules.end()));
  set.next_id = std::move(page->next_id);
  set.digest = std::move(page->digest);
  return {};
}

// Reads the pages after the first into `set`.
base::Result<Pages> read_on(const Source& source, base::RuleSet& set) {
  Pages pages = {set.revision, digest_of(set.rules)};
  Reading reading;
  std::string reading_next;  // What follows the page that is being read.
  std::string next = set.next_id;
  std::size_t count = 0;
  while (!next.empty()) {
    auto body = source.text("after=0&after_id=" + next);
    if (!body.ok()) return body.error();
    if (++count > kPagesMax) return bad_pages();
    if (reading.valid()) {
      const base::Status added = add_page(std::move(reading), reading_next, set, pages);
      if (!added.ok()) return added.error();
    }
    reading_next = next = next_id_in(*body);
    reading = begin_reading(std::move(*body));
  }
  if (!reading.valid()) return pages;
  const base::Status added = add_page(std::move(reading), reading_next, set, pages);
  if (!added.ok()) return added.error();
  return pages;
}

// True when `set` is whole now; false when it must be read anew.
base::Result<bool> join(const Source& source, base::RuleSet& set) {
  const auto pages = read_on(source, set);
  if (!pages.ok()) return pages.error();
  if (pages->lowest == set.revision) return base::format_digest(pages->digest) == set.digest;
  auto difference = source.page("after=" + std::to_string(pages->lowest));
  if (!difference.ok()) return std::move(difference).error();
  if (difference->full) return false;
  const std::uint64_t digest = apply_difference(set, *difference, pages->digest);
  return base::format_digest(digest) == set.digest;
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
