// Vocabulary: the words of this product and what people say instead: components and their
// nicknames, kinds of attacks, synonyms for searching, and the words that carry no meaning.
// Constant tables; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rag/words.h"

namespace mlguard::rag {

// The role that a nickname at `place` means: "fw" → "firewall", "ml detector" → "ml-detector".
// Empty: none. `used` says how many words it took.
std::string role_at(const Words& words, std::size_t place, std::size_t& used);

// The kind of detection: "port scans" → "portscan", "c2" → "botnet_c2". Empty: none.
std::string attack_kind_at(const Words& words, std::size_t place, std::size_t& used);
// "port scan", "brute force", …: the singular for sentences; an unknown kind as it is.
std::string attack_name(std::string_view kind);

bool is_stop_word(std::string_view word);
// A word of this product's world: a question that has none is about something else.
bool is_domain_word(std::string_view word);
// The word and what means the same; never empty.
std::vector<std::string> synonyms(std::string_view word);

// What typing mistakes are corrected to, and what is never taken for one.
const Spelling& spelling();

}  // namespace mlguard::rag
