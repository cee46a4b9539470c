#include "cli/line_reader.h"

#include <editline/readline.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "base/unique_fd.h"

namespace mlguard::cli {
namespace {

constexpr mode_t kPrivateFileMode = 0600;

// Who reads the history reads what was asked: it is nobody else's.
bool make_private(const std::string& path) {
  const base::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kPrivateFileMode));
  return file.get() >= 0 && ::fchmod(file.get(), kPrivateFileMode) == 0;
}

}  // namespace

LineReader::LineReader(Streams& streams, std::string prompt, std::string history_path)
    : streams_(streams),
      prompt_(std::move(prompt)),
      history_path_(std::move(history_path)),
      edits_(streams.in_is_terminal && &streams.in == &std::cin && ::isatty(STDIN_FILENO) == 1) {
  if (!edits_) return;
  using_history();
  stifle_history(kHistoryLinesMax);
  if (!history_path_.empty()) read_history(history_path_.c_str());
}

std::optional<std::string> LineReader::edited() {
  const std::unique_ptr<char, decltype(&std::free)> line(readline(prompt_.c_str()), &std::free);
  if (!line) return std::nullopt;
  std::string text = line.get();
  if (text.empty()) return text;
  add_history(text.c_str());
  if (!history_path_.empty() && make_private(history_path_)) write_history(history_path_.c_str());
  return text;
}

std::optional<std::string> LineReader::next() {
  if (edits_) return edited();
  if (streams_.in_is_terminal) streams_.err << prompt_ << std::flush;
  std::string line;
  if (!std::getline(streams_.in, line)) return std::nullopt;
  if (line.size() > kLineBytesMax) line.resize(kLineBytesMax);
  return line;
}

}  // namespace mlguard::cli
