#include "unit/sniffer/captures.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/process.h"

namespace mlguard::sniffer {

namespace fs = std::filesystem;

std::string given_captures() {
  const std::string archive = std::string(MLGUARD_SHARED_DIR) + "/data/pcap-given.tar.xz";
  if (!fs::exists(archive)) return {};
  const fs::path folder = fs::path(MLGUARD_BIN_DIR).parent_path() / "tests" / "pcap-given";
  if (fs::exists(folder)) return folder;
  const std::string part = folder.string() + ".part-" + std::to_string(getpid());
  fs::create_directories(part);
  support::ProcessOptions options;
  options.arguments = {"/usr/bin/tar", "-xJf", archive, "-C", part};
  const support::CommandResult unpacked = support::run_command(options);
  EXPECT_TRUE(unpacked.exit.ok()) << unpacked.err;
  std::error_code already_there;
  fs::rename(part, folder, already_there);
  if (already_there) fs::remove_all(part);
  return folder;
}

std::vector<std::string> captures_under(const std::string& folder) {
  std::vector<std::string> captures;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".pcap") captures.push_back(entry.path());
  }
  std::sort(captures.begin(), captures.end());
  return captures;
}

std::string end_to_end_captures() { return std::string(MLGUARD_SHARED_DIR) + "/data/e2e"; }

}  // namespace mlguard::sniffer
