// The text of a rule set, written and read without building a JSON document of it: a starting
// firewall reads 300,000 rules, and a document costs several times what its rules do.
//
// Reading here takes only what write_rule_set() writes of plain rules: compact, members in order,
// texts without escapes. Whatever else is JSON, and what is wrong with it, is for the general
// reader (messages.h), which this one agrees with on all that it takes. Internal to wire/.
// Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/model.h"

namespace mlguard::wire {

inline constexpr std::size_t kCidrCharsMax = 49;  // an IPv6 address with embedded IPv4, "/128"

std::string write_rule_set(const base::RuleSet& set);

// Nothing: ask the general reader. REQUIRES: no more than kPlainBodyBytesMax.
std::optional<base::RuleSet> read_plain_rule_set(std::string_view text);

}  // namespace mlguard::wire
