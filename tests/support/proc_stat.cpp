#include "support/proc_stat.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "support/wait_until.h"

namespace mlguard::support {
namespace {

std::string proc_path(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::size_t status_kib(pid_t pid, const std::string& key) {
  std::ifstream file(proc_path(pid, "status"));
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(key + ":", 0) != 0) continue;
    std::istringstream rest(line.substr(key.size() + 1));
    std::size_t kib = 0;
    rest >> kib;
    return kib;
  }
  return 0;
}

}  // namespace

std::size_t resident_bytes(pid_t pid) { return status_kib(pid, "VmRSS") * 1024; }
std::size_t resident_bytes_peak(pid_t pid) { return status_kib(pid, "VmHWM") * 1024; }

std::int64_t cpu_ms(pid_t pid) {
  std::ifstream file(proc_path(pid, "stat"));
  std::string text;
  std::getline(file, text);
  // The name in parentheses may hold spaces; the fields after it are counted from "state".
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream fields(text.substr(close + 1));
  constexpr int kFieldsBeforeUtime = 11;
  std::string skipped;
  for (int i = 0; i < kFieldsBeforeUtime; ++i) fields >> skipped;
  std::int64_t user_ticks = 0;
  std::int64_t system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  return (user_ticks + system_ticks) * 1000 / sysconf(_SC_CLK_TCK);
}

std::size_t open_files(pid_t pid) {
  std::error_code error;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator it(proc_path(pid, "fd"), error), end;
       !error && it != end; it.increment(error)) {
    ++count;
  }
  return count;
}

std::size_t raise_open_files_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

double time_stretch() {
  constexpr double kWorkMs = 50;
  const auto cpu_now_ms = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1'000 + static_cast<double>(now.tv_nsec) / 1e6;
  };
  const Stopwatch watch;
  const double begin_ms = cpu_now_ms();
  while (cpu_now_ms() - begin_ms < kWorkMs) {
  }
  return std::max(1.0, watch.ms() / (cpu_now_ms() - begin_ms));
}

}  // namespace mlguard::support
