// A pin folder of its own for one test, removed with everything that is pinned in it. Nothing is
// there before something is pinned.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace mlguard::support {

class PinFolder {
 public:
  PinFolder()
      : path_("/sys/fs/bpf/mlguard-test-" + std::to_string(getpid()) + "-" +
              std::to_string(++made())) {}
  ~PinFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PinFolder(const PinFolder&) = delete;
  PinFolder& operator=(const PinFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  static int& made() {
    static int count = 0;
    return count;
  }
  std::string path_;
};

}  // namespace mlguard::support
