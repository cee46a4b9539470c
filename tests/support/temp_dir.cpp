#include "support/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace mlguard::support {
namespace {

[[noreturn]] void give_up(const std::string& what, const std::string& path) {
  std::perror((what + " " + path).c_str());
  std::abort();
}

}  // namespace

TempDir::TempDir() : TempDir(std::string()) {}

TempDir::TempDir(const std::string& parent) : path_(parent) {
  if (path_.empty()) {
    const char* base = std::getenv("TMPDIR");
    path_ = base != nullptr ? base : "/tmp";
  }
  path_ += "/mlguard-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) give_up("mkdtemp", path_);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_text(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.flush();
  if (!file) give_up("cannot write", path);
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up("cannot read", path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace mlguard::support
