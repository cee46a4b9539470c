#include "cli/progress.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "cli/output.h"

namespace mlguard::cli {
namespace {

constexpr std::chrono::milliseconds kRedrawInterval{50};

}  // namespace

ProgressBar::ProgressBar(Streams& streams, std::string label, Show show)
    : streams_(streams),
      label_(std::move(label)),
      show_(streams.err_is_terminal ? show : Show::off) {}

ProgressBar::~ProgressBar() {
  if (drawn_) streams_.err << "\r\x1b[K" << std::flush;
}

void ProgressBar::update(std::size_t done, std::size_t total) {
  if (show_ == Show::off || total < kProgressBytesMin) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && done < total && now - last_ < kRedrawInterval) return;
  last_ = now;
  drawn_ = true;
  streams_.err << "\r" << line(label_, done, total) << "\x1b[K" << std::flush;
}

std::string ProgressBar::line(const std::string& label, std::size_t done, std::size_t total) {
  constexpr std::size_t kPercent = 100;
  const std::size_t whole = std::max<std::size_t>(total, 1);
  const std::size_t part = std::min(done, whole);
  const std::size_t filled = kProgressBarColumns * part / whole;
  return label + " [" + std::string(filled, '#') + std::string(kProgressBarColumns - filled, ' ') +
         "] " + std::to_string(kPercent * part / whole) + "%  " + human_bytes(part) + " of " +
         human_bytes(total);
}

}  // namespace mlguard::cli
