// Small mounts for tests of full and read-only disks. They need root; is_root() asks first.
// Not for sharing between threads; unmounted in the destructor.
#pragma once

#include <cstddef>
#include <string>

namespace mlguard::support {

bool is_root();

class Mount {
 public:
  // A tmpfs of `bytes` over the folder `path`.
  static Mount tmpfs(const std::string& path, std::size_t bytes);
  // The folder `path` over itself, read-only (or writable again).
  static Mount read_only(const std::string& path);
  Mount(Mount&&) noexcept;
  Mount& operator=(Mount&&) = delete;
  ~Mount();

  // Empty when the mount succeeded, else why not.
  const std::string& problem() const { return problem_; }
  // Grows or shrinks a tmpfs.
  bool resize(std::size_t bytes);

 private:
  Mount() = default;
  std::string path_;
  std::string problem_;
};

}  // namespace mlguard::support
