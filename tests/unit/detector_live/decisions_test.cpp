// Real attacks and real everyday traffic through rules, shipped model and policy as they are
// configured by default: MLGUARD_SHARED_DIR/data/e2e says what each capture should raise.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "capture/feed.h"
#include "flow/flow_text.h"
#include "ml_detector/judge.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

struct Expected {
  std::string file;
  std::string kind;
  std::string source;
};

std::string shared_folder() {
  const char* folder = std::getenv("MLGUARD_SHARED_DIR");
  return std::string(folder != nullptr ? folder : MLGUARD_SHARED_DIR) + "/data/e2e";
}

std::vector<Expected> expectations() {
  std::vector<Expected> all;
  std::ifstream file(shared_folder() + "/expected.tsv");
  std::string line;
  std::getline(file, line);  // the names of the columns
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    Expected row;
    std::getline(columns, row.file, '\t');
    std::getline(columns, row.kind, '\t');
    std::getline(columns, row.source, '\t');
    all.push_back(row);
  }
  return all;
}

struct Raised {
  std::map<std::string, std::set<std::string>> by_kind;  // kind → sources ("": many)
  std::set<std::string> blocked;
};

Raised raised_by(const std::string& path, const std::shared_ptr<const LoadedModel>& model) {
  Raised raised;
  Judge judge({}, {}, 1, {});
  judge.set_model(model);
  const auto take = [&](const std::vector<ToldReport>& told) {
    for (const ToldReport& each : told) {
      const Verdict& verdict = each.report.verdict;
      const std::string source = flow::address_text(verdict.source.bytes.data());
      raised.by_kind[verdict.kind].insert(verdict.has_source ? source : "");
      if (each.report.block) raised.blocked.insert(source);
    }
  };
  flow::TrackerOptions options;
  options.early_after_ns = 250 * kNsPerMs;  // as the live sniffer
  flow::Tracker tracker(options, [&](const flow::FlowRecord& record) {
    const auto at_ms = static_cast<std::int64_t>(record.last_ns() / kNsPerMs);
    take(judge.due({at_ms, at_ms}));
    take(judge.look({record}, {at_ms, at_ms}));
  });
  auto reader = capture::CaptureReader::open(path);
  EXPECT_TRUE(reader.ok());
  if (reader.ok()) capture::feed(**reader, tracker, [](const auto&) { return true; });
  tracker.finish();
  return raised;
}

void check_attack(const Expected& row, const Raised& raised) {
  const bool flood = row.kind == "ddos";
  const auto kind = raised.by_kind.find(row.kind);
  ASSERT_NE(kind, raised.by_kind.end());
  EXPECT_EQ(kind->second.count(flood ? std::string() : row.source), 1U);
  // Forged or borrowed sources are nobody's fault.
  if (flood) {
    EXPECT_TRUE(raised.blocked.empty());
  }
  if (row.kind == "portscan" || row.kind == "bruteforce") {
    EXPECT_EQ(raised.blocked, std::set<std::string>{row.source});
  }
}

class DecisionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(shared_folder())) GTEST_SKIP() << "no " << shared_folder();
  }
};

TEST_F(DecisionsTest, RulesAndModelRaiseTheAttacksAndEverydayTrafficRaisesNothing) {
  auto loaded = Model::load(std::string(MLGUARD_SOURCE_DIR) + "/data/models/flows-v3.json");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const auto model = std::make_shared<const LoadedModel>(std::move(*loaded));
  ASSERT_GE(expectations().size(), 17U);
  for (const Expected& row : expectations()) {
    SCOPED_TRACE(row.file);
    const Raised raised = raised_by(shared_folder() + "/" + row.file, model);
    if (row.kind != "none") {
      check_attack(row, raised);
    } else {
      EXPECT_TRUE(raised.by_kind.empty());
      EXPECT_TRUE(raised.blocked.empty());
    }
  }
}

TEST_F(DecisionsTest, WithoutAModelTheRulesFindWhatNeedsNoneAndNothingElse) {
  for (const Expected& row : expectations()) {
    SCOPED_TRACE(row.file);
    const Raised raised = raised_by(shared_folder() + "/" + row.file, nullptr);
    const bool for_rules = row.kind == "portscan" || row.file.find("syn") != std::string::npos ||
                           row.file.find("ftp") != std::string::npos ||
                           row.kind == "smb_propagation" || row.kind == "botnet_c2";
    if (for_rules) {
      check_attack(row, raised);
    } else {
      EXPECT_TRUE(raised.by_kind.empty());
      EXPECT_TRUE(raised.blocked.empty());
    }
  }
}

}  // namespace
}  // namespace mlguard::ml_detector
