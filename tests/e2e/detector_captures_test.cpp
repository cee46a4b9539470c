// The captures of ../shared/data/e2e through the flow tracker (told early, as the live sniffer
// does) and the shipped model, without the fast rules: what each should raise, from whom, by
// expected.tsv. Most of them were trained on: this holds the way from packets to verdicts, not the
// quality of the model, which is docs/model-card.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flow/flow_text.h"
#include "flow/tracker.h"
#include "ml_detector/corpus.h"
#include "ml_detector/evaluation.h"
#include "ml_detector/examples.h"
#include "ml_detector/inputs.h"
#include "ml_detector/model_file.h"
#include "ml_detector/served.h"
#include "ml_detector/variants.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::uint64_t kEarlyAfterNs = 250'000'000;  // as in sniffer/live_sniffer.h

const std::string& data_folder() {
  static const std::string folder = std::string(MLGUARD_SHARED_DIR) + "/data/e2e";
  return folder;
}

struct Expected {
  std::string file;
  std::string class_name;  // "none": nothing
  std::string host;        // the source, or of ddos the victim
  std::size_t flows = 0;   // of the attack
};

std::vector<Expected> read_expected() {
  std::ifstream file(data_folder() + "/expected.tsv");
  std::vector<Expected> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    Expected row;
    std::getline(columns, row.file, '\t');
    std::getline(columns, row.class_name, '\t');
    std::getline(columns, row.host, '\t');
    columns >> row.flows;
    const std::string victim = "victim ";
    if (row.host.rfind(victim, 0) == 0) row.host.erase(0, victim.size());
    rows.push_back(row);
  }
  return rows;
}

// By class and accused host: how many records were judged so.
using Accusations = std::map<std::pair<std::string, std::string>, std::size_t>;

Accusations accusations_of(const std::string& file, const Model& model, float score) {
  Accusations accusations;
  std::vector<float> row(model.input_places().size());
  std::vector<float> probabilities(model.classes());
  flow::TrackerOptions options;
  options.early_after_ns = kEarlyAfterNs;
  flow::Tracker tracker(options, [&](const flow::FlowRecord& record) {
    const InputRow inputs = inputs_of(record);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = inputs[model.input_places()[i]];
    model.probabilities(row.data(), probabilities.data());
    const Judgement judgement = model.judge(probabilities.data());
    if (judgement.class_index == 0 || judgement.score < score) return;
    const std::string& name = model.info().classes[judgement.class_index];
    const std::uint8_t* accused = name == "ddos" ? record.destination() : record.source();
    ++accusations[{name, flow::address_text(accused)}];
  });
  const auto packets = read_packets(data_folder() + "/" + file);
  EXPECT_TRUE(packets.ok()) << file;
  if (!packets.ok()) return accusations;
  for (const TimedPacket& one : *packets) tracker.add(one.packet, one.time_ns);
  tracker.finish();
  return accusations;
}

class DetectorCapturesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(data_folder())) {
      GTEST_SKIP() << "no captures at " << data_folder() << " (MLGUARD_SHARED_DIR)";
    }
    expected_ = read_expected();
    ASSERT_EQ(expected_.size(), 17U);
    auto model = Model::load(std::string(MLGUARD_SOURCE_DIR) + "/data/models/flows-v3.json");
    ASSERT_TRUE(model.ok()) << model.error().message;
    model_ = std::make_unique<Model>(std::move(*model));
  }

  std::vector<Expected> expected_;
  std::unique_ptr<Model> model_;
};

TEST_F(DetectorCapturesTest, EachAttackIsRaisedFromItsSourceByMostOfItsFlows) {
  std::size_t attacks = 0;
  for (const Expected& expected : expected_) {
    if (expected.class_name == "none") continue;
    ++attacks;
    const Accusations accusations = accusations_of(expected.file, *model_, 0.5F);
    ASSERT_FALSE(accusations.empty()) << expected.file;
    const auto most =
        std::max_element(accusations.begin(), accusations.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    EXPECT_EQ(most->first.first, expected.class_name) << expected.file;
    EXPECT_EQ(most->first.second, expected.host) << expected.file;
    EXPECT_GE(most->second, expected.flows / 2) << expected.file;
  }
  EXPECT_EQ(attacks, 12U);
}

TEST_F(DetectorCapturesTest, OrdinaryTrafficAccusesNobody) {
  constexpr float kReported = 0.7F;  // thresholds.detect of data/configs/ml-detector.json
  for (const Expected& expected : expected_) {
    if (expected.class_name != "none") continue;
    for (const auto& [who, count] : accusations_of(expected.file, *model_, kReported)) {
      ADD_FAILURE() << expected.file << ": " << count << " flows of " << who.second << " as "
                    << who.first;
    }
  }
}

// What `make evaluate` prints may get better, not much worse: docs/model-card.md has the figures.
TEST_F(DetectorCapturesTest, TheShippedModelIsAsGoodAsItsCardSays) {
  const auto corpus = open_corpus(std::string(MLGUARD_SHARED_DIR) + "/data", kEvalSplit);
  ASSERT_TRUE(corpus.ok()) << corpus.error().message;
  const auto examples =
      read_examples(*corpus, Purpose::judging, [](std::size_t, std::size_t, std::size_t) {});
  ASSERT_TRUE(examples.ok()) << examples.error().message;
  const Evaluation result = evaluate(*examples, probabilities_of(*examples, *model_), *model_);
  EXPECT_EQ(result.captures.size(), 56U);
  EXPECT_GT(result.of(Layers::model).confusion.total(), 29'000);
  const Confusion& model = result.of(Layers::model).confusion;
  const Confusion& detector = result.of(Layers::detector).confusion;
  EXPECT_GE(model.macro_f1(), 0.60);
  EXPECT_GE(detector.macro_f1(), 0.65);
  EXPECT_GE(detector.binary_f1(), 0.985);
  EXPECT_LE(detector.benign_false_positive_rate(), 0.003);
  EXPECT_LE(model.benign_false_positive_rate(), 0.005);
  EXPECT_GE(model.f1(1), 0.97) << "ddos";
  EXPECT_GE(model.f1(2), 0.99) << "portscan";
  EXPECT_EQ(result.of(Layers::detector).false_alarms[2].flows, 0U) << "nobody would be blocked";
}

// Rules, model and policy as they are served, servers of beacons blocked as well: at most one false
// block in an hour of everyday traffic, of the captures of both splits.
TEST_F(DetectorCapturesTest, EverydayCapturesAreBlockedAtMostOnceAnHour) {
  auto model = Model::load(std::string(MLGUARD_SOURCE_DIR) + "/data/models/flows-v3.json");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto loaded = std::make_shared<const LoadedModel>(std::move(*model));
  double hours = 0;
  std::size_t blocks = 0;
  for (const std::string_view split : {kTrainSplit, kEvalSplit}) {
    const auto corpus = open_corpus(std::string(MLGUARD_SHARED_DIR) + "/data", split);
    ASSERT_TRUE(corpus.ok()) << corpus.error().message;
    const auto served = serve_benign(*corpus, loaded);
    ASSERT_TRUE(served.ok()) << served.error().message;
    hours += served->hours;
    blocks += served->blocks();
    std::printf("%s", served_text(std::string(split), *served).c_str());
  }
  EXPECT_GT(hours, 15) << "of everyday traffic";
  EXPECT_LE(static_cast<double>(blocks), hours);
}

}  // namespace
}  // namespace mlguard::ml_detector
