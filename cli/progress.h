// ProgressBar: one line on the error stream that fills up; silent when that is no terminal, with
// --quiet, and for transfers too small to wait for. Not for sharing between threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "cli/cli.h"

namespace mlguard::cli {

inline constexpr std::size_t kProgressBytesMin = 128 * 1024;
inline constexpr std::size_t kProgressBarColumns = 30;

class ProgressBar {
 public:
  enum class Show { on, off };
  ProgressBar(Streams& streams, std::string label, Show show);
  // Clears its line, so that the result stands alone.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(std::size_t done, std::size_t total);

  // "label [#####     ] 50%  2.0 MiB of 4.0 MiB"
  static std::string line(const std::string& label, std::size_t done, std::size_t total);

 private:
  Streams& streams_;
  std::string label_;
  Show show_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace mlguard::cli
