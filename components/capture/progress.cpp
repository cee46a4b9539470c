#include "capture/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace mlguard::capture {

Progress::Progress()
    : terminal_(isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + kProgressAfter) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

bool Progress::due() const { return terminal_ && std::chrono::steady_clock::now() >= next_; }

void Progress::show(std::uint64_t done_bytes, std::uint64_t size_bytes, std::uint64_t packets) {
  next_ = std::chrono::steady_clock::now() + kProgressInterval;
  if (size_bytes == 0) return;
  drawn_ = true;
  std::fprintf(stderr, "\r%s\x1b[K", line(done_bytes, size_bytes, packets).c_str());
}

std::string Progress::line(std::uint64_t done_bytes, std::uint64_t size_bytes,
                           std::uint64_t packets) {
  constexpr std::uint64_t kColumns = 30;
  constexpr std::uint64_t kPercent = 100;
  const std::uint64_t whole = std::max<std::uint64_t>(size_bytes, 1);
  const std::uint64_t part = std::min(done_bytes, whole);
  const std::uint64_t filled = kColumns * part / whole;
  const std::string percent = std::to_string(kPercent * part / whole);
  return "[" + std::string(filled, '#') + std::string(kColumns - filled, ' ') + "] " +
         std::string(3 - percent.size(), ' ') + percent + "%  " + grouped(packets) + " packets";
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

}  // namespace mlguard::capture
