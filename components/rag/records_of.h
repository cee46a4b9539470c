// What the control plane says, as Records: sentences that a person can read and cite, and the
// columns that exact questions ask by. Every text goes through rag/redaction.h here and nowhere
// later.
//
// Pure functions; stateless; safe from any thread. Bounded by the limits below and the Index's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.h"
#include "base/model.h"
#include "rag/record.h"
#include "rag/state_source.h"

namespace mlguard::rag {

inline constexpr std::size_t kLeavesMax = 2'000;  // of one document; the rest is one remark
inline constexpr std::size_t kDifferencesShownMax = 20;

// ---- configurations

// One value of a document; `path` by names and numbers, joined by dots.
struct Leaf {
  std::string path;
  std::string value;  // JSON text, secrets hidden
};
// In the document's order. A list of plain values is one leaf. Empty for what is no JSON object.
std::vector<Leaf> leaves_of(std::string_view document);

struct VersionContext {
  std::int64_t ends_at_ms = 0;    // When it was replaced or deleted; 0: it is in force.
  std::uint64_t replaced_by = 0;  // 0: by none.
  std::uint64_t before = 0;       // The version before it, 0: there is none known.
  const std::string* document_before = nullptr;
};
// The version as a whole, and one record of each leaf.
std::vector<Record> records_of(const base::ConfigVersion& version, const VersionContext& context);

// ---- rules

// A negative score is one that is not known.
Record record_of(const base::Rule& rule);
struct RuleEnd {
  std::int64_t at_ms = 0;
  std::string by;  // "bob"; "expiry" when its time was over; empty: not known.
};
// What is said of a rule once it is gone. Its key stays the rule's id.
Record ended(Record rule, const RuleEnd& end);

// ---- what happened

Record record_of(const StoredDetection& stored);
Record record_of(const base::AuditRecord& audit);
// Of an audit record of a health transition; nothing of any other.
std::vector<Record> health_transitions(const base::AuditRecord& audit);
// Nothing of what is only noise: heartbeats, written every five seconds, and their like.
std::vector<Record> records_of(const base::Change& change);

// ---- components

// The component as it registered, and its present health.
std::vector<Record> records_of(const ComponentState& state);

// ---- documentation

// One record of each section: cut at headings, long ones in several parts. `folder`: "docs/" or "".
std::vector<Record> doc_records(const base::EmbeddedFile& file, const std::string& folder);

}  // namespace mlguard::rag
