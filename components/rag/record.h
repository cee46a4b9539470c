// Record: one thing that rag knows, in the form in which it is kept, found and cited. Passive data.
//
// Secrets never get this far: rag/redaction.h is applied before a Record is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlguard::rag {

enum class Table {
  config,          // one value of one version: path and value
  config_version,  // one version as a whole: who, when, why
  rule,
  detection,
  health,     // one transition, or what a component's last heartbeat said
  component,  // as registered
  audit,
  change,  // an entry of the change log
  doc,     // a section of the product's documentation
};
const char* to_string(Table table);
std::optional<Table> parse_table(std::string_view text);

inline constexpr std::size_t kRecordTextBytesMax = 4 * 1024;  // longer text is cut, and says so

struct Record {
  Table table = Table::doc;
  // Unique within its table. config: "ml-detector@7 thresholds.block"; config_version:
  // "ml-detector@7"; rule, detection: the id; health: "sniffer@812" (revision) or "sniffer" (now);
  // component: the name; audit, change: the revision; doc: "docs/firewall.md#drift".
  std::string key;
  std::uint64_t revision = 0;  // Of the state that made it; 0: none.
  std::int64_t at_ms = 0;      // When; 0: no time.
  std::int64_t ends_at_ms =
      0;              // A rule's expiry or removal, a config version's replacement; 0: none.
  std::string title;  // One line. Weighs most in a search.
  std::string text;   // The passage: complete sentences or "name: value" lines.

  // What exact questions ask by. Empty or 0 where it does not apply.
  std::string component;      // Whom it concerns, or who reported it.
  std::uint64_t version = 0;  // config, config_version
  std::string path;           // config: "thresholds.block"; audit: the subject
  std::string
      value;  // config: the value as JSON; rule: "drop"|"allow"; health: "healthy", "dead", …
  std::string address;      // detection: the source; rule: the canonical network ("10.0.0.5/32")
  std::string destination;  // detection: "10.77.2.80:22"
  std::string kind;         // detection: "portscan"; audit: the action; change: the resource
  std::string actor;        // Author: a rule's source, a version's author, audit's actor.
  double score = 0;         // rule, detection
  std::string related;      // detection: the rule that followed; rule removed: by whom
  std::string detail;       // JSON object: a detection's explanation, a heartbeat's counters.
};

}  // namespace mlguard::rag
