#include "rag/wish.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "rag/time_phrase.h"

namespace mlguard::rag {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 27> kQuestionWords = {
    "why",  "who",  "what", "when",   "which",   "where", "how",   "is",    "are",
    "was",  "were", "did",  "does",   "has",     "have",  "list",  "show",  "tell",
    "give", "any",  "can",  "should", "explain", "find",  "count", "whose", "will"};

// What is never proposed, as first words of an order.
constexpr std::array<std::string_view, 47> kRefusedVerbs = {
    "delete",    "remove",   "shut",    "shutdown", "stop",       "kill",    "restart",
    "reboot",    "run",      "exec",    "execute",  "wipe",       "erase",   "clear",
    "flush",     "purge",    "destroy", "push",     "deploy",     "upgrade", "install",
    "uninstall", "revoke",   "rotate",  "transfer", "create",     "add",     "format",
    "reset",     "promote",  "demote",  "ignore",   "sudo",       "rm",      "curl",
    "ml-guard",  "poweroff", "halt",    "truncate", "disconnect", "evict",   "unregister",
    "enroll",    "enrol",    "forget",  "edit"};

constexpr std::array<std::string_view, 11> kPointing = {
    "it",         "that", "this",     "him",       "them", "her",
    "everything", "all",  "everyone", "everybody", "the"};

// How many polite words stand in front.
std::size_t polite_words(const Words& words) {
  constexpr std::array<std::string_view, 24> kPolite = {
      "please",        "can you",      "could you",     "would you",
      "will you",      "i want to",    "i want you to", "i would like to",
      "let us",        "go ahead and", "now",           "ok",
      "okay",          "then",         "just",          "and",
      "we should",     "we need to",   "you should",    "i need to",
      "i need you to", "yes",          "hey",           "also"};
  std::size_t place = 0;
  bool more = true;
  while (more && place < words.size()) {
    more = false;
    for (const std::string_view phrase : kPolite) {
      const Words here(std::vector<std::string>(
          words.all().begin() + static_cast<std::ptrdiff_t>(place), words.all().end()));
      if (!here.starts_with({phrase})) continue;
      place += 1 + static_cast<std::size_t>(std::count(phrase.begin(), phrase.end(), ' '));
      more = true;
      break;
    }
  }
  return place;
}

bool is_value(std::string_view word) {
  return !word.empty() && (word.front() == '-' || (word.front() >= '0' && word.front() <= '9'));
}

// Behind "to", "=" or "at": the last one, as "set x of y to 5" has it; else a bare number.
std::string value_in(const Words& words, std::size_t verb) {
  for (std::size_t i = words.size(); i-- > verb + 1;) {
    const std::string& word = words.at(i);
    if (word == "to" || word == "=" || word == "as" || word == "into") return words.at(i + 1);
  }
  for (std::size_t i = words.size(); i-- > verb + 1;) {
    if (is_value(words.at(i)) && address_in(words.at(i)).empty()) return words.at(i);
  }
  if (words.has("off")) return "false";
  if (words.has("on")) return "true";
  if (words.any({"true", "false"})) return words.has("true") ? "true" : "false";
  return {};
}

std::int64_t ttl_in(const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::size_t used = 0;
    if (words.at(i) != "for") continue;
    std::size_t place = i + 1;
    if (words.at(place) == "the" && words.at(place + 1) == "next") place += 2;
    if (const auto length = duration_at(words, place, used)) return *length;
  }
  return 0;
}

bool points_at_something(const Slots& slots, std::size_t verb) {
  return !slots.address.empty() || !slots.rule_id.empty() ||
         is_one_of(slots.words.at(verb + 1), kPointing);
}

bool is_everything(const Words& words) {
  return words.any({"everything", "all", "everyone", "everybody", "internet", "world"});
}

Wish plain_wish(WishKind kind, const Slots& slots, std::size_t verb) {
  Wish wish;
  wish.kind = kind;
  wish.verb = slots.words.at(verb);
  return wish;
}

std::optional<Wish> network_wish(const Slots& slots, std::size_t at) {
  const Words& words = slots.words;
  const std::string& verb = words.at(at);
  const bool block = verb == "block" || verb == "ban" || verb == "blacklist" || verb == "drop" ||
                     verb == "blocklist" || verb == "deny";
  const bool unblock =
      verb == "unblock" || verb == "unban" || verb == "release" || verb == "unblacklist";
  const bool allow = verb == "allow" || verb == "whitelist" || verb == "allowlist" ||
                     verb == "trust" || verb == "permit" || verb == "let";
  const bool never_block = verb == "never" && words.at(at + 1) == "block";
  const bool stop_blocking = (verb == "stop" || verb == "quit") &&
                             (words.at(at + 1) == "blocking" || words.at(at + 1) == "dropping");
  const bool removes = verb == "remove" || verb == "delete" || verb == "lift" || verb == "undo" ||
                       verb == "cancel" || verb == "drop";
  const bool takes_away = (verb == "take" || verb == "throw" || verb == "pull") &&
                          words.any({"away", "off", "out", "down"});
  const bool about_rule =
      words.any({"rule", "block", "ban", "allowlist", "whitelist", "blocklist"});
  const bool adds = verb == "add" || verb == "put" || verb == "create" || verb == "make";
  const bool has_target =
      !slots.address.empty() || !slots.rule_id.empty() || !slots.no_address.empty();
  if (!has_target || (is_everything(words) && !slots.address_said)) {
    const bool any = block || unblock || allow || never_block || stop_blocking;
    return any && points_at_something(slots, at) && (is_everything(words) || !has_target)
               ? std::optional(plain_wish(WishKind::refused, slots, at))
               : std::nullopt;
  }
  const bool takes_rule_away = (removes || takes_away) && about_rule;
  const bool adds_allowed = adds && words.any({"allowlist", "whitelist", "allow"});
  const bool adds_blocked = adds && words.any({"block", "blocklist", "blacklist", "ban"});
  std::optional<WishKind> kind;
  if (takes_rule_away || unblock || stop_blocking) {
    kind = WishKind::unblock;
  } else if (adds_allowed || allow || never_block) {
    kind = WishKind::allow;
  } else if (adds_blocked || block) {
    kind = WishKind::block;
  }
  if (!kind) return std::nullopt;
  Wish wish = plain_wish(*kind, slots, at);
  wish.ttl_ms = ttl_in(words);
  wish.until_said = wish.ttl_ms == 0 && words.any({"until", "till"});
  return wish;
}

std::optional<Wish> value_wish(const Slots& slots, std::size_t at) {
  const Words& words = slots.words;
  const std::string& verb = words.at(at);
  const bool up = verb == "raise" || verb == "increase" || verb == "bump" || verb == "up";
  const bool down = verb == "lower" || verb == "decrease" || verb == "reduce";
  const bool sets = verb == "set" || verb == "change" || verb == "make" || verb == "adjust" ||
                    verb == "put" || verb == "update" || verb == "turn" || verb == "switch";
  const bool enables =
      verb == "enable" || verb == "disable" || verb == "activate" || verb == "deactivate";
  if (!up && !down && !sets && !enables) return std::nullopt;
  const bool has_path = !slots.path.values.empty();
  Wish wish = plain_wish(WishKind::set_value, slots, at);
  wish.direction = up ? Direction::up : down ? Direction::down : Direction::none;
  wish.value = enables ? std::string(verb == "enable" || verb == "activate" ? "true" : "false")
                       : value_in(words, at);
  if (!has_path) {
    // "turn the firewall off": an act, and none of ours.
    const bool acts = enables || verb == "turn" || verb == "switch";
    if (acts) return plain_wish(WishKind::refused, slots, at);
    return wish.value.empty() && !up && !down ? std::nullopt : std::optional(wish);
  }
  return wish;
}

std::optional<Wish> version_wish(const Slots& slots, std::size_t at) {
  const Words& words = slots.words;
  const std::string& verb = words.at(at);
  const bool rolls = (verb == "roll" && words.has("back")) || verb == "revert" || verb == "undo" ||
                     (verb == "restore" && !slots.components.empty()) ||
                     (words.phrase("back to") && !slots.versions.empty());
  if (!rolls) return std::nullopt;
  const bool other = words.has("model") || slots.components.empty();
  return plain_wish(other ? WishKind::refused : WishKind::rollback, slots, at);
}

std::optional<Wish> model_wish(const Slots& slots, std::size_t at) {
  const Words& words = slots.words;
  const std::string& verb = words.at(at);
  const bool uses = verb == "activate" || verb == "use" ||
                    (verb == "switch" && words.has("model")) ||
                    (verb == "load" && words.has("model"));
  const bool named = words.has("model") || verb == "activate";
  if (!uses || !named || slots.path.score >= 3) return std::nullopt;
  Wish wish = plain_wish(WishKind::activate_model, slots, at);
  const bool is_name_after =
      words.at(words.size() - 1) != "model" && words.at(words.size() - 1) != verb;
  wish.model = is_name_after ? words.at(words.size() - 1) : words.at(words.size() - 2);
  return wish.model.empty() || wish.model == verb || wish.model == "the" ? std::nullopt
                                                                         : std::optional(wish);
}

std::optional<Wish> wish_at(const Slots& slots, std::size_t at) {
  for (const auto read : {network_wish, model_wish, version_wish, value_wish}) {
    if (auto wish = read(slots, at)) return wish;
  }
  return std::nullopt;
}

// REQUIRES: an address or a rule is meant.
std::optional<Wish> guess_network_wish(const Slots& slots) {
  const Words& words = slots.words;
  const bool unblocks =
      words.any({"unblock", "unban", "unblocked", "unbanned", "release", "free", "lift", "lifted",
                 "pardon", "forgive", "remove", "removed", "delete", "undo"}) ||
      words.any_phrase({"back in", "let in", "in again", "take off", "off the list", "let back"});
  const bool allows = words.any({"allow", "allowed", "whitelist", "whitelisted", "allowlist",
                                 "exempt", "exception", "trust", "trusted"});
  const bool blocks =
      words.any({"block", "blocked", "ban", "banned", "drop", "kick", "lock", "locked", "blacklist",
                 "deny", "jail", "isolate", "quarantine", "out", "away", "rid", "shut"});
  if (!unblocks && !allows && !blocks) return std::nullopt;
  Wish wish = plain_wish(unblocks ? WishKind::unblock
                         : allows ? WishKind::allow
                                  : WishKind::block,
                         slots, 0);
  wish.ttl_ms = ttl_in(words);
  wish.until_said = wish.ttl_ms == 0 && words.any({"until", "till"});
  return wish;
}

}  // namespace

std::optional<Wish> guess_wish(const Slots& slots) {
  const Words& words = slots.words;
  // "Never let it back in" has the words of its opposite: what is negated is not guessed.
  if (words.any({"not", "never", "no", "cannot", "nor"})) return std::nullopt;
  if (!slots.address.empty() || !slots.rule_id.empty()) return guess_network_wish(slots);
  const bool back = words.any(
      {"back", "revert", "rollback", "restore", "return", "undo", "previous", "old", "before"});
  if (back && !slots.components.empty() && slots.versions.size() <= 1 && !slots.path_said) {
    return plain_wish(WishKind::rollback, slots, 0);
  }
  if (slots.path.values.empty()) return std::nullopt;
  Wish wish = plain_wish(WishKind::set_value, slots, 0);
  wish.value = value_in(words, 0);
  if (words.any({"higher", "raise", "more", "increase", "longer", "up"})) {
    wish.direction = Direction::up;
  } else if (words.any({"lower", "less", "reduce", "decrease", "shorter", "down"})) {
    wish.direction = Direction::down;
  }
  return wish;
}

std::optional<Wish> read_wish(const Slots& slots) {
  const Words& words = slots.words;
  const std::size_t first = polite_words(words);
  if (first >= words.size() || is_one_of(words.at(first), kQuestionWords)) return std::nullopt;
  const bool asks = words.any_phrase(
      {"do we", "does it", "do you", "did we", "are we", "is it", "did you", "have we"});
  if (asks) return std::nullopt;
  if (auto wish = wish_at(slots, first)) return wish;
  if (is_one_of(words.at(first), kRefusedVerbs)) {
    return plain_wish(WishKind::refused, slots, first);
  }
  // "10.0.0.9 looks bad, block it": an order may stand at the end; a noun has an article before it.
  constexpr std::array<std::string_view, 16> kBeforeNouns = {
      "the",    "a",    "an",       "of",  "to", "is", "was", "last",
      "latest", "this", "detector", "for", "on", "in", "not", "be"};
  for (std::size_t i = first + 1; i + 1 < words.size(); ++i) {
    if (is_one_of(words.at(i - 1), kBeforeNouns)) continue;
    const bool points =
        is_one_of(words.at(i + 1), kPointing) || !address_in(words.at(i + 1)).empty();
    if (!points) continue;
    if (auto wish = wish_at(slots, i)) return wish;
  }
  return std::nullopt;
}

}  // namespace mlguard::rag
