#include "ml_detector/offline_mode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mlguard::ml_detector {
namespace {

int run(std::vector<std::string> words) {
  words.insert(words.begin(), "ml-detector");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int count = static_cast<int>(words.size());
  EXPECT_TRUE(wants_offline_mode(count, arguments.data()));
  return run_offline(count, arguments.data());
}

TEST(OfflineModeTest, OnlyItsOwnCommandsAreTaken) {
  std::string program = "ml-detector";
  std::string flag = "--endpoint";
  std::vector<char*> arguments = {program.data(), flag.data(), nullptr};
  EXPECT_FALSE(wants_offline_mode(2, arguments.data()));
  EXPECT_FALSE(wants_offline_mode(1, arguments.data()));
}

TEST(OfflineModeTest, WrongArgumentsAreToldApartFromFailures) {
  constexpr int kFailed = 1;
  constexpr int kWrongArguments = 2;
  EXPECT_EQ(run({"train"}), kWrongArguments) << "--data and --out are required";
  EXPECT_EQ(run({"train", "--data", "x", "--out", "y", "--folds", "1"}), kWrongArguments);
  EXPECT_EQ(run({"evaluate", "--data", "x", "--model", "y", "--hope", "z"}), kWrongArguments);
  EXPECT_EQ(run({"train", "--data", "/nonexistent", "--out", "/nonexistent/m.json"}), kFailed);
  EXPECT_EQ(run({"evaluate", "--data", "/nonexistent", "--model", "/nonexistent"}), kFailed);
  EXPECT_EQ(run({"evaluate", "--help"}), 0);
}

}  // namespace
}  // namespace mlguard::ml_detector
