#include "ml_detector/folds.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace mlguard::ml_detector {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kFolds = 5;

ExampleCapture capture(const std::string& repository, const std::string& main_class,
                       std::uint64_t first_s, std::uint64_t last_s) {
  static int count = 0;
  ExampleCapture one;
  one.name = one.group = "capture " + std::to_string(count++);
  one.repository = repository;
  one.main_class = main_class;
  one.first_ns = first_s * kSecond;
  one.last_ns = last_s * kSecond;
  one.flows[0] = 1;
  return one;
}

TEST(FoldsTest, CapturesOfOneRepositoryThatOverlapInTimeStayTogether) {
  std::vector<ExampleCapture> captures;
  for (std::uint64_t i = 0; i < 100; ++i) {
    // 0-15, 10-25, 100-115, 110-125 ...: pairs.
    captures.push_back(
        capture("a", "benign", i / 2 * 100 + i % 2 * 10, i / 2 * 100 + i % 2 * 10 + 15));
  }
  const auto folds = folds_of(captures, kFolds, HoldBack::captures, 1);
  for (std::size_t i = 0; i < 100; i += 2) EXPECT_EQ(folds[i], folds[i + 1]) << i;
  EXPECT_EQ(std::set<std::size_t>(folds.begin(), folds.end()).size(), kFolds);
}

TEST(FoldsTest, AtTheSameTimeElsewhereIsNotTheSameTraffic) {
  std::vector<ExampleCapture> captures;
  for (int i = 0; i < 50; ++i) {
    captures.push_back(capture("repository " + std::to_string(i), "benign", 0, 10));
  }
  const auto folds = folds_of(captures, kFolds, HoldBack::captures, 1);
  EXPECT_EQ(std::set<std::size_t>(folds.begin(), folds.end()).size(), kFolds);
}

TEST(FoldsTest, CapturesPutTogetherOverYearsDoNotHoldEverythingTogether) {
  std::vector<ExampleCapture> captures = {capture("a", "benign", 0, 400'000'000)};
  for (std::uint64_t i = 0; i < 50; ++i) {
    captures.push_back(capture("a", "benign", 1'000'000 * i, 1'000'000 * i + 60));
  }
  const auto folds = folds_of(captures, kFolds, HoldBack::captures, 1);
  EXPECT_EQ(std::set<std::size_t>(folds.begin(), folds.end()).size(), kFolds);
}

TEST(FoldsTest, VariantsAndMixesAreHeldBackWithTheirCaptures) {
  std::vector<ExampleCapture> captures;
  for (int group = 0; group < 20; ++group) {
    for (const Variant variant : {Variant::as_it_is, Variant::faster, Variant::mixed}) {
      captures.push_back(capture("a", "benign", static_cast<std::uint64_t>(group) * 1'000,
                                 static_cast<std::uint64_t>(group) * 1'000 + 1));
      captures.back().variant = variant;
      captures.back().group = "group " + std::to_string(group);
    }
  }
  const auto folds = folds_of(captures, kFolds, HoldBack::captures, 1);
  for (std::size_t i = 0; i < captures.size(); ++i) EXPECT_EQ(folds[i], folds[i / 3 * 3]) << i;
}

TEST(FoldsTest, EveryFoldHasSomeOfEachClassWhereThereAreEnough) {
  std::vector<ExampleCapture> captures;
  for (std::uint64_t i = 0; i < 60; ++i) {
    captures.push_back(capture("a", i % 6 == 0 ? "ddos" : "benign", i * 100, i * 100 + 1));
  }
  const auto folds = folds_of(captures, kFolds, HoldBack::captures, 7);
  std::array<std::size_t, kFolds> attacks{};
  for (std::size_t i = 0; i < captures.size(); i += 6) ++attacks[folds[i]];
  for (const std::size_t count : attacks) EXPECT_EQ(count, 2U);
  EXPECT_EQ(folds, folds_of(captures, kFolds, HoldBack::captures, 7)) << "the same seed";
  EXPECT_NE(folds, folds_of(captures, kFolds, HoldBack::captures, 8));
}

TEST(FoldsTest, RepositoriesCanBeHeldBackWhole) {
  std::vector<ExampleCapture> captures;
  for (std::uint64_t i = 0; i < 60; ++i) {
    captures.push_back(capture("repository " + std::to_string(i % 6), "benign", i * 100, i * 100));
  }
  const auto folds = folds_of(captures, kFolds, HoldBack::repositories, 1);
  for (std::size_t i = 0; i < captures.size(); ++i) EXPECT_EQ(folds[i], folds[i % 6]);
}

}  // namespace
}  // namespace mlguard::ml_detector
