// Starts that must not go on: a taken port, a data folder in use, a damaged database, a key that
// is not this cluster's. Each ends with exit code 1 and one clear sentence, and changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "live.h"
#include "support/tcp.h"

namespace mlguard::e2e {
namespace {

using support::CommandResult;
using support::read_text;
using support::write_text;

class StartRefusalTest : public LiveServerTest {
 protected:
  // A start that is expected to fail by itself. All it wrote is in `err`.
  CommandResult refused_start(std::vector<std::string> arguments) {
    support::ProcessOptions options;
    options.arguments = {support::binary("etcd-server")};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = server_.environment();
    CommandResult result = support::run_command(options);
    result.err += result.out;
    return result;
  }
  void expect_clear(const CommandResult& result, const std::vector<std::string>& says) {
    EXPECT_EQ(result.exit.text(), "exit 1") << result.err;
    for (const std::string& part : says) {
      EXPECT_NE(result.err.find(part), std::string::npos) << "missing: " << part << "\n"
                                                          << result.err;
    }
    EXPECT_LT(std::count(result.err.begin(), result.err.end(), '\n'), 12) << result.err;
  }
  std::string port() const { return std::to_string(server_.port()); }

  // Runs once, stores a configuration, and stops cleanly.
  void make_state() {
    ASSERT_NO_FATAL_FAILURE(start());
    const auto admin = operator_client();
    ASSERT_TRUE(admin);
    for (int i = 1; i <= 50; ++i) {
      ASSERT_TRUE(admin->put_config("sniffer", config_document(4'000, i)).ok());
    }
    ASSERT_TRUE(server_.terminate().has_value());
  }
};

TEST_F(StartRefusalTest, APortInUseIsNamedAndTheFirstServerGoesOn) {
  ASSERT_NO_FATAL_FAILURE(start());
  const CommandResult second = refused_start({"--port", port(), "--data-dir", folder_ / "another"});
  expect_clear(second, {port(), "in use"});
  EXPECT_TRUE(server_is_well());

  const base::UniqueFd other_program = support::listen_on(0);
  const std::string taken = std::to_string(support::port_of(other_program));
  expect_clear(refused_start({"--port", taken}), {taken, "in use"});
}

TEST_F(StartRefusalTest, ASecondInstanceOnTheSameDataFolderIsRefused) {
  ASSERT_NO_FATAL_FAILURE(start());
  const CommandResult second = refused_start(
      {"--port", std::to_string(support::free_port()), "--data-dir", server_.data_dir()});
  expect_clear(second, {server_.data_dir(), "use"});
  EXPECT_TRUE(server_is_well());
}

TEST_F(StartRefusalTest, ADamagedDatabaseIsRefusedByNameAndLeftAsItIs) {
  ASSERT_NO_FATAL_FAILURE(make_state());
  const std::string good = read_text(server_.database());
  ASSERT_GT(good.size(), 100'000u);
  const auto refused_and_untouched = [&](const std::string& damaged) {
    write_text(server_.database(), damaged);
    expect_clear(refused_start({"--port", port()}), {server_.database()});
    EXPECT_TRUE(read_text(server_.database()) == damaged) << "the damaged file was changed";
  };
  std::string pages = good;
  for (std::size_t i = pages.size() / 3; i < pages.size() / 3 * 2; ++i) pages[i] = '\x5a';
  refused_and_untouched(pages);
  refused_and_untouched(good.substr(0, good.size() / 2));
  refused_and_untouched("this is not a database, it is a shopping list\n" +
                        std::string(8'192, '\n'));
  std::string header = good;
  header.replace(0, 16, "Sqlite format 9!");
  refused_and_untouched(header);

  // The undamaged file still starts: nothing else was spoilt on the way.
  write_text(server_.database(), good);
  ASSERT_NO_FATAL_FAILURE(start());
  const auto active = operator_client()->get_config("sniffer");
  ASSERT_TRUE(active.ok());
  EXPECT_EQ(active->version, 50u);
}

TEST_F(StartRefusalTest, ADamagedOrOpenClusterKeyIsRefusedByName) {
  ASSERT_NO_FATAL_FAILURE(make_state());
  const std::string path = server_.home() + "/cluster.key";
  const std::string good = read_text(path);
  write_text(path, good.substr(0, good.size() / 2));
  expect_clear(refused_start({"--port", port()}), {path});
  write_text(path, "");
  expect_clear(refused_start({"--port", port()}), {path});
  write_text(path, good);
  namespace fs = std::filesystem;
  EXPECT_EQ(fs::status(path).permissions() & fs::perms::mask,
            fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_NO_FATAL_FAILURE(start());
}

TEST_F(StartRefusalTest, ADataFolderThatIsAFileIsRefused) {
  write_text(folder_ / "file", "not a folder");
  expect_clear(refused_start({"--port", port(), "--data-dir", folder_ / "file"}),
               {folder_ / "file"});
}

TEST_F(StartRefusalTest, WhatTheServerKeepsIsForItsUserOnly) {
  ASSERT_NO_FATAL_FAILURE(make_state());
  namespace fs = std::filesystem;
  constexpr auto kOthers = fs::perms::group_all | fs::perms::others_all;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(server_.home())) {
    // Inside a folder that is closed to others, what matters are the folder and the keys.
    const std::string name = entry.path().filename();
    if (!entry.is_directory() && name.find(".key") == std::string::npos) continue;
    EXPECT_EQ(entry.status().permissions() & kOthers, fs::perms::none) << entry.path();
  }
}

}  // namespace
}  // namespace mlguard::e2e
