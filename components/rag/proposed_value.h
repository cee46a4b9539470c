// What a proposed value must be: of the type that the value now has, and in the range that the
// documentation gives (docs/configuration.md, as it is in the index). The component checks again.
//
// Errors: the index's. Threads: as the Index.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "rag/index.h"

namespace mlguard::rag {

// "from 0 to 1": what the documentation's table says of the key.
struct KeyRange {
  double min = 0;
  double max = 0;
  Record doc;
};
base::Result<std::optional<KeyRange>> documented_range(const Index& index,
                                                       const std::string& component,
                                                       const std::string& path);

// What was typed as JSON of the same type as `current`, in the range if there is one. Error:
// invalid_argument, in words for the asker.
base::Result<std::string> value_like(const std::string& current, const std::string& typed,
                                     const std::optional<KeyRange>& range);

// For the shell: plain words as they are, all else in single quotes.
std::string shell_quoted(const std::string& text);

}  // namespace mlguard::rag
