#include "support/mounts.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mlguard::support {

bool is_root() { return geteuid() == 0; }

Mount Mount::tmpfs(const std::string& path, std::size_t bytes) {
  Mount result;
  const std::string options = "size=" + std::to_string(bytes) + ",mode=0700";
  if (mount("tmpfs", path.c_str(), "tmpfs", 0, options.c_str()) == 0) {
    result.path_ = path;
  } else {
    result.problem_ = std::strerror(errno);
  }
  return result;
}

Mount Mount::read_only(const std::string& path) {
  Mount result;
  if (mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    result.problem_ = std::strerror(errno);
    return result;
  }
  result.path_ = path;
  // A bind mount takes its flags only when it is mounted a second time.
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
  if (mount(nullptr, path.c_str(), nullptr, flags, nullptr) != 0) {
    result.problem_ = std::strerror(errno);
  }
  return result;
}

Mount::Mount(Mount&& other) noexcept
    : path_(std::exchange(other.path_, {})), problem_(std::move(other.problem_)) {}

Mount::~Mount() {
  if (!path_.empty()) umount2(path_.c_str(), MNT_DETACH);
}

bool Mount::resize(std::size_t bytes) {
  const std::string options = "size=" + std::to_string(bytes);
  return mount(nullptr, path_.c_str(), nullptr, MS_REMOUNT, options.c_str()) == 0;
}

}  // namespace mlguard::support
