// Which value of a configuration is meant by "threshold", "block threshold", "heartbeat interval"
// or "ttl of rules": the words are compared with those of the paths that really exist.
//
// Pure functions over values that were read from the index; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "rag/index.h"
#include "rag/words.h"

namespace mlguard::rag {

// The values in force at that moment; of every component when `component` is empty.
base::Result<std::vector<Record>> values_at(const Index& index, const std::string& component,
                                            std::int64_t at_ms);

// The keys that the documentation knows and the components' configurations do not have: as records
// of Table::doc, of which `value` is the default.
base::Status add_defaults(const Index& index, const std::vector<std::string>& components,
                          std::vector<Record>& values);

struct PathMatch {
  std::vector<Record> values;  // The best first; several where the words mean a whole group.
  double score = 0;            // 0: none
  bool exact = false;          // The path was typed, or every word of it was.
};
PathMatch match_path(const std::vector<Record>& values, const Words& words);

}  // namespace mlguard::rag
