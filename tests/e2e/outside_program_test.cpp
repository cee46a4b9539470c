// The installed package is all that a program outside needs: install it into an empty folder,
// build a program against it with find_package alone, run it against a real server.
#include <gtest/gtest.h>

#include <filesystem>

#include "support/process.h"
#include "support/server_process.h"
#include "support/temp_dir.h"

namespace mlguard::e2e {
namespace {

constexpr std::int64_t kBuildTimeoutMs = 300'000;

support::CommandResult run(std::vector<std::string> arguments) {
  support::ProcessOptions options;
  options.arguments = std::move(arguments);
  return support::run_command(options, kBuildTimeoutMs);
}

TEST(OutsideProgramTest, BuildsAgainstTheInstalledPackageAndTalksToARealServer) {
  const support::TempDir folder;
  const std::string prefix = folder.path() + "/prefix";
  const std::string build = folder.path() + "/build";
  const auto installed = run({MLGUARD_CMAKE, "--install", MLGUARD_BUILD_DIR, "--component",
                              "etcd_client", "--prefix", prefix});
  ASSERT_TRUE(installed.exit.ok()) << installed.err;

  const auto configured =
      run({MLGUARD_CMAKE, "-S", std::string(MLGUARD_SOURCE_DIR) + "/tests/e2e/outside_program",
           "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_CXX_FLAGS=" MLGUARD_OUTSIDE_FLAGS,
           "-DCMAKE_CXX_COMPILER=" MLGUARD_CXX});
  ASSERT_TRUE(configured.exit.ok()) << configured.out << configured.err;
  const auto built = run({MLGUARD_CMAKE, "--build", build});
  ASSERT_TRUE(built.exit.ok()) << built.out << built.err;

  support::ServerProcess server;
  const auto started = server.start();
  ASSERT_TRUE(started.ok()) << started.error().message;
  const auto ran = run({build + "/outside_program", server.endpoint(), server.operator_key()});
  EXPECT_TRUE(ran.exit.ok()) << ran.exit.text() << ": " << ran.err;
  EXPECT_EQ(ran.out, "version 1 {\"capture\":{\"interfaces\":[\"lo\"]}}\n");
}

// A header that is installed must not include one that is not.
TEST(OutsideProgramTest, InstalledHeadersIncludeOnlyInstalledOnes) {
  const support::TempDir folder;
  const std::string prefix = folder.path() + "/prefix";
  const auto installed = run({MLGUARD_CMAKE, "--install", MLGUARD_BUILD_DIR, "--component",
                              "etcd_client", "--prefix", prefix});
  ASSERT_TRUE(installed.exit.ok()) << installed.err;
  const std::string include = prefix + "/include/mlguard";
  int headers = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(include)) {
    if (entry.path().extension() != ".h") continue;
    ++headers;
    const auto compiled = run({MLGUARD_CXX, "-std=c++20", "-fsyntax-only", "-x", "c++", "-I",
                               include, entry.path().string()});
    EXPECT_TRUE(compiled.exit.ok()) << entry.path() << ": " << compiled.err;
  }
  EXPECT_EQ(headers, 4);
}

}  // namespace
}  // namespace mlguard::e2e
