// The figures of a text, in the order in which they stand, for fact_check. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rag/fact_check.h"

namespace mlguard::rag {

struct ScannedFact {
  FactKind kind = FactKind::number;
  std::string text;
  double number = 0;
  std::string address;       // canonical, with its length
  std::int64_t time_ms = 0;  // in UTC
  bool to_the_second = false;
};

std::vector<ScannedFact> scan_facts(std::string_view text);

}  // namespace mlguard::rag
