// The rules of the house, held against our own tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tidy/checks.h"

namespace mlguard::tidy {
namespace {

namespace fs = std::filesystem;

// Every text file of ours below the folders of design.md section 2.
std::vector<std::string> our_files() {
  static const std::vector<std::string> kinds = {".h",   ".hpp",   ".c",  ".cpp",
                                                 ".sql", ".cmake", ".sh", ".txt"};
  const fs::path root = MLGUARD_SOURCE_DIR;
  std::vector<std::string> files;
  for (const char* top : {"server", "db", "replicator", "cli", "components", "bpf", "data", "tests",
                          "cmake", "packaging"}) {
    if (!fs::exists(root / top)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string kind = entry.path().extension().string();
      if (!entry.is_regular_file()) continue;
      if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) continue;
      files.push_back(fs::relative(entry.path(), root).string());
    }
  }
  return files;
}

std::string content(const std::string& path) {
  std::ifstream file(fs::path(MLGUARD_SOURCE_DIR) / path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(TidyTreeTest, OurTreeKeepsTheRulesOfTheHouse) {
  const std::vector<std::string> files = our_files();
  const Tree tree(files.begin(), files.end());
  ASSERT_GT(files.size(), 30u) << "the tree was not found below " << MLGUARD_SOURCE_DIR;
  for (const std::string& path : files) {
    for (const Violation& violation : check_file(path, content(path), tree)) {
      ADD_FAILURE() << violation.text();
    }
  }
}

TEST(TidyTreeTest, EveryFolderOfTheLayoutIsThere) {
  for (const char* folder : {"server",
                             "db",
                             "replicator",
                             "cli",
                             "components/base",
                             "components/wire",
                             "components/etcd_client/include",
                             "components/agent",
                             "components/flow",
                             "components/pipeline",
                             "components/sniffer",
                             "components/ml_detector",
                             "components/firewall",
                             "components/rag",
                             "bpf",
                             "data",
                             "tests/unit",
                             "tests/sim",
                             "tests/cluster",
                             "tests/e2e",
                             "tests/fuzz",
                             "tests/bench",
                             "tests/tidy",
                             "cmake"}) {
    EXPECT_TRUE(fs::is_directory(fs::path(MLGUARD_SOURCE_DIR) / folder)) << folder;
  }
}

}  // namespace
}  // namespace mlguard::tidy
