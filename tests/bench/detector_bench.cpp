// Measures what the detector does with a sealed batch, on one core: open the frame, decode and
// check it, judge every flow, decide. Rows: without a model, with one of 100 trees of depth 6 over
// 30 inputs, with the one that is shipped; each on everyday traffic and on a scan beside a flood of
// forged sources. The first row is what the frame alone costs.
//
//   detector_bench
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ml_detector/judge.h"
#include "pipeline/sealed_batch.h"
#include "support/wait_until.h"
#include "tests/unit/ml_detector/trained_models.h"
#include "tests/unit/pipeline/samples.h"

namespace mlguard {
namespace {

using flow::FlowRecord;

constexpr std::size_t kBatches = 400;
constexpr std::size_t kBatchFlows = 256;
constexpr int kRounds = 5;
constexpr double kMsPerSecond = 1'000;

std::vector<FlowRecord> attack_records(std::size_t count) {
  flow::Recorder recorder;
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool scan = i % 2 == 0;
    const flow::Ends ends = scan ? flow::Ends{1, 2, 50'000, static_cast<std::uint16_t>(i)}
                                 : flow::Ends{0x10000 + i, 3, 50'000, 80};
    recorder.add(flow::tcp(ends, MLG_TCP_SYN), i * flow::kMs / 10);
  }
  recorder.tracker.finish();
  recorder.records.resize(count);
  return recorder.records;
}

std::vector<std::string> frames_of(const std::vector<FlowRecord>& records,
                                   const pipeline::Keyring& keys, std::int64_t now_ms) {
  pipeline::BatchSealer sealer;
  std::vector<std::string> frames;
  for (std::size_t i = 0; i < kBatches; ++i) {
    pipeline::FlowBatch batch{"sniffer", sealer.instance_id(), sealer.next_sequence(), {}};
    for (std::size_t k = 0; k < kBatchFlows; ++k) {
      batch.flows.push_back(records[(i * kBatchFlows + k) % records.size()]);
    }
    auto frame = sealer.seal(keys, now_ms, pipeline::encode_batch(batch));
    if (!frame.ok()) std::abort();
    frames.push_back(std::move(*frame));
  }
  return frames;
}

// Flows a second; `judge` nullptr: opened, decoded and checked only.
double rate(const std::vector<std::string>& frames, const pipeline::Keyring& keys,
            ml_detector::Judge* judge) {
  const base::SystemClock clock;
  std::vector<double> rates;
  for (int round = 0; round < kRounds; ++round) {
    pipeline::BatchOpener opener;
    const support::Stopwatch watch;
    std::size_t flows = 0;
    for (const std::string& frame : frames) {
      auto opened = opener.open(keys, clock.wall_ms(), frame);
      const auto batch = pipeline::decode_batch(std::get<pipeline::OpenedBatch>(opened).batch);
      if (!batch.ok()) std::abort();
      flows += batch->flows.size();
      if (judge != nullptr) judge->look(batch->flows, {clock.monotonic_ms(), clock.wall_ms()});
    }
    rates.push_back(static_cast<double>(flows) * kMsPerSecond / watch.ms());
  }
  std::sort(rates.begin(), rates.end());
  return rates[rates.size() / 2];
}

void run() {
  const base::SystemClock clock;
  const auto keys = pipeline::Keyring::of({pipeline::pipeline_key(1)});
  const std::string text =
      ml_detector::model_file_text(ml_detector::trained_model(2, 30, 100, 6).xgboost, 2, 30);
  auto model = ml_detector::Model::parse(text);
  if (!keys.ok() || !model.ok()) std::abort();
  auto file = ml_detector::Model::load(MLGUARD_SOURCE_DIR "/data/models/flows-v3.json");
  if (!file.ok()) std::abort();
  const auto shipped = std::make_shared<const ml_detector::LoadedModel>(std::move(*file));
  const auto loaded = std::make_shared<const ml_detector::LoadedModel>(std::move(*model));
  const auto everyday = frames_of(pipeline::sample_records(20'000), *keys, clock.wall_ms());
  const auto attack = frames_of(attack_records(20'000), *keys, clock.wall_ms());
  std::printf("%-34s %14s %14s\n", "flows/s on one core", "everyday", "attack");
  std::printf("%-34s %14.0f %14.0f\n", "frame opened, decoded, checked",
              rate(everyday, *keys, nullptr), rate(attack, *keys, nullptr));
  const auto row = [&](const char* name,
                       const std::shared_ptr<const ml_detector::LoadedModel>& used) {
    const auto measure = [&](const std::vector<std::string>& frames) {
      ml_detector::Judge judge({}, {}, 1, {clock.monotonic_ms(), clock.wall_ms()});
      judge.set_model(used);
      return rate(frames, *keys, &judge);
    };
    std::printf("%-34s %14.0f %14.0f\n", name, measure(everyday), measure(attack));
  };
  row("and rules, policy", nullptr);
  row("and a model of 100 trees", loaded);
  row("and the shipped model instead", shipped);
}

}  // namespace
}  // namespace mlguard

int main() { mlguard::run(); }
