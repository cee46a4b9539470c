// TempDir: a folder of its own for one test, removed with everything in it afterwards.
// Not for sharing between threads; the owner removes the folder in its destructor.
#pragma once

#include <string>

namespace mlguard::support {

class TempDir {
 public:
  // Made below $TMPDIR (default /tmp), mode 0700. Aborts when that is impossible: a test cannot
  // mean anything without it.
  TempDir();
  // Made below `parent`; below $TMPDIR when that is empty.
  explicit TempDir(const std::string& parent);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Writes or reads a small file whole; aborts on an error, because the test is then meaningless.
void write_text(const std::string& path, const std::string& content);
std::string read_text(const std::string& path);

}  // namespace mlguard::support
