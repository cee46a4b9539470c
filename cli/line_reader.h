// LineReader: lines that a person types, with editing and a history that outlives the program;
// plain lines of the input where nobody types. Not for sharing between threads; one at a time in a
// process (libedit's).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cli/cli.h"

namespace mlguard::cli {

inline constexpr int kHistoryLinesMax = 1'000;
inline constexpr std::size_t kLineBytesMax = 16 * 1024;

class LineReader {
 public:
  // `history_path`: a file of its own, made with mode 0600; empty: no history.
  LineReader(Streams& streams, std::string prompt, std::string history_path);

  // Nothing at the end of the input.
  std::optional<std::string> next();

 private:
  std::optional<std::string> edited();

  Streams& streams_;
  const std::string prompt_;
  const std::string history_path_;
  bool edits_ = false;  // A terminal that is really there.
};

}  // namespace mlguard::cli
