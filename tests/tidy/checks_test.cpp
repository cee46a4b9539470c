// Fixtures that each break one rule: a check that never bites protects nothing.
#include "tidy/checks.h"

#include <gtest/gtest.h>

#include <string>

namespace mlguard::tidy {
namespace {

const Tree& tree() {
  static const Tree files = {"components/base/result.h",
                             "components/wire/channel.h",
                             "components/etcd_client/include/etcd_client/client.h",
                             "components/agent/agent.h",
                             "components/flow/flow.h",
                             "components/pipeline/flow_sender.h",
                             "db/engine.h",
                             "db/store.h",
                             "replicator/replicator.h",
                             "server/routes.h",
                             "cli/cli.h",
                             "bpf/flow_types.h",
                             "tests/support/process.h"};
  return files;
}

std::size_t broken(const std::string& path, const std::string& include) {
  return check_dependencies(path, "#include " + include + "\n", tree()).size();
}

TEST(TidyDependencyTest, EachForbiddenDirectionIsFound) {
  EXPECT_EQ(broken("components/base/x.cpp", "\"wire/channel.h\""), 1u);
  EXPECT_EQ(broken("components/wire/x.cpp", "\"db/engine.h\""), 1u);
  EXPECT_EQ(broken("components/etcd_client/x.cpp", "\"agent/agent.h\""), 1u);
  EXPECT_EQ(broken("components/agent/x.cpp", "\"server/routes.h\""), 1u);
  EXPECT_EQ(broken("components/flow/x.cpp", "\"wire/channel.h\""), 1u);
  EXPECT_EQ(broken("components/pipeline/x.cpp", "\"agent/agent.h\""), 1u);
  EXPECT_EQ(broken("components/flow/x.cpp", "\"pipeline/flow_sender.h\""), 1u);
  EXPECT_EQ(broken("db/x.cpp", "\"wire/channel.h\""), 1u);
  EXPECT_EQ(broken("replicator/x.cpp", "\"server/routes.h\""), 1u);
  EXPECT_EQ(broken("server/x.cpp", "\"etcd_client/client.h\""), 1u);
  EXPECT_EQ(broken("server/x.cpp", "<etcd_client/client.h>"), 1u);
  EXPECT_EQ(broken("cli/x.cpp", "\"db/store.h\""), 1u);
  EXPECT_EQ(broken("cli/x.cpp", "\"../db/store.h\""), 1u);
  EXPECT_EQ(broken("bpf/x.bpf.c", "\"base/result.h\""), 1u);
  EXPECT_EQ(broken("server/x.cpp", "\"support/process.h\""), 1u);
}

TEST(TidyDependencyTest, EachAllowedDirectionPasses) {
  EXPECT_EQ(broken("components/wire/x.cpp", "\"base/result.h\""), 0u);
  EXPECT_EQ(broken("components/sniffer/x.cpp", "\"agent/agent.h\""), 0u);
  EXPECT_EQ(broken("components/sniffer/x.cpp", "\"bpf/flow_types.h\""), 0u);
  EXPECT_EQ(broken("components/pipeline/x.cpp", "\"wire/channel.h\""), 0u);
  EXPECT_EQ(broken("components/ml_detector/x.cpp", "\"pipeline/flow_sender.h\""), 0u);
  EXPECT_EQ(broken("replicator/x.cpp", "\"db/store.h\""), 0u);
  EXPECT_EQ(broken("server/x.cpp", "\"replicator/replicator.h\""), 0u);
  EXPECT_EQ(broken("db/x.cpp", "\"engine.h\""), 0u);
  EXPECT_EQ(broken("db/x.cpp", "<sqlite3.h>"), 0u);
  EXPECT_EQ(broken("tests/e2e/x.cpp", "\"server/routes.h\""), 0u);
}

TEST(TidyDependencyTest, AnUnknownFileOrFolderIsFound) {
  EXPECT_EQ(broken("db/x.cpp", "\"nowhere/file.h\""), 1u);
  EXPECT_EQ(broken("components/newcomer/x.cpp", "<string>"), 1u);
}

TEST(TidySizeTest, ALongFileLineOrFunctionIsFoundAndTheLimitItselfPasses) {
  std::string file;
  for (std::size_t i = 0; i < kFileLinesMax; ++i) file += "int a;\n";
  EXPECT_TRUE(check_sizes("db/x.cpp", file).empty());
  EXPECT_EQ(check_sizes("db/x.cpp", file + "int a;\n").size(), 1u);

  const std::string line = "int a;  // " + std::string(kLineColumnsMax - 11, 'x');
  EXPECT_TRUE(check_sizes("db/x.cpp", line + "\n").empty());
  EXPECT_EQ(check_sizes("db/x.cpp", line + "x\n").size(), 1u);

  std::string body;
  for (std::size_t i = 0; i < kFunctionLinesMax - 2; ++i) body += "  g();\n";
  EXPECT_TRUE(check_sizes("db/x.cpp", "void f() {\n" + body + "}\n").empty());
  EXPECT_EQ(check_sizes("db/x.cpp", "void f() {\n" + body + "  g();\n}\n").size(), 1u);
}

TEST(TidySizeTest, ACharacterOfSeveralBytesIsOneColumn) {
  std::string line = "//";
  for (std::size_t i = 0; i < kLineColumnsMax - 2; ++i) line += "→";
  EXPECT_TRUE(check_sizes("db/x.cpp", line + "\n").empty());
}

TEST(TidyHeaderTest, AHeaderWithoutAPurposeOrWithAThirdPartyHeaderIsFound) {
  const std::string good = "// What it is for.\n#pragma once\n\n#include <string>\n";
  EXPECT_TRUE(check_header("db/x.h", good + "#include <sys/types.h>\n").empty());
  EXPECT_EQ(check_header("db/x.h", "#pragma once\n").size(), 1u);
  EXPECT_EQ(check_header("db/x.h", "// What it is for.\n").size(), 1u);
  for (const char* theirs : {"<SQLiteCpp/SQLiteCpp.h>", "<sodium.h>", "<httplib.h>", "<sqlite3.h>",
                             "<event2/http.h>", "<nlohmann/json.hpp>", "<lz4.h>", "<zmq.h>",
                             "<spdlog/spdlog.h>", "<CLI/CLI.hpp>", "<xgboost/c_api.h>"}) {
    EXPECT_EQ(check_header("db/x.h", good + "#include " + theirs + "\n").size(), 1u) << theirs;
  }
  EXPECT_TRUE(check_header("db/x.cpp", "#include <sqlite3.h>\n").empty());
  EXPECT_EQ(check_header("db/x.h", good + "#include <gtest/gtest.h>\n").size(), 1u);
  EXPECT_TRUE(check_header("tests/e2e/x.h", good + "#include <gtest/gtest.h>\n").empty());
}

TEST(TidyTextTest, UnfinishedWorkAndStrayWhiteSpaceAreFound) {
  EXPECT_TRUE(check_text("db/x.cpp", "int a;\n").empty());
  EXPECT_TRUE(check_text("db/x.cpp", "").empty());
  EXPECT_EQ(check_text("db/x.cpp", "int a; \n").size(), 1u);
  EXPECT_EQ(check_text("db/x.cpp", "int a;\t\n").size(), 1u);
  EXPECT_EQ(check_text("db/x.cpp", "int a;\r\n").size(), 1u);
  EXPECT_EQ(check_text("db/x.cpp", "int a;").size(), 1u);
  EXPECT_EQ(check_text("db/x.cpp", std::string("// TO") + "DO: later\n").size(), 1u);
  EXPECT_EQ(check_text("db/x.cpp", std::string("// FIX") + "ME\n").size(), 1u);
}

TEST(TidyTestsTest, DisabledTestsAndSilentSkipsAreFound) {
  EXPECT_EQ(check_tests("tests/unit/db/x.cpp", "TEST(A, DISABLED_B) {}\n").size(), 1u);
  EXPECT_EQ(check_tests("tests/unit/db/x.cpp", "GTEST_SKIP();\n").size(), 1u);
  EXPECT_TRUE(check_tests("tests/unit/db/x.cpp", "GTEST_SKIP() << \"needs root\";\n").empty());
  EXPECT_TRUE(check_tests("db/x.cpp", "int DISABLED_;\n").empty());
}

}  // namespace
}  // namespace mlguard::tidy
