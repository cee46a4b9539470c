// A question taken apart: its words, and what in them is a component, a value of a configuration,
// an address, a rule, a kind of attack, a version, a time. "it" is what the last answer was about.
//
// Names count only where the index knows them. Plain values; threads as the Index.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "rag/config_paths.h"
#include "rag/index.h"
#include "rag/time_phrase.h"
#include "rag/words.h"
#include "wire/ask.h"

namespace mlguard::rag {

struct Slots {
  Words words;    // all of them
  Words untimed;  // without those of the time
  std::optional<TimePhrase> time;
  std::vector<std::string> components;  // as they are called in the index, in the order said
  bool component_said = false;          // false: it is the last answer's
  std::string address;                  // as typed, without a port
  bool address_said = false;
  std::string no_address;  // "203.0.113.300": meant as one, and none
  std::string rule_id;
  bool rule_said = false;
  std::string kind;  // of detection
  std::vector<std::uint64_t> versions;
  PathMatch path;
  bool path_said = false;
  bool refers_back = false;  // "it", "that"
  std::string actor;

  std::string component() const { return components.empty() ? std::string() : components.front(); }
};

base::Result<Slots> read_question(const wire::Question& question, const Index& index);

// An address or network, without a port or brackets; empty for what is none.
std::string address_in(const std::string& word);

}  // namespace mlguard::rag
