// model_bench: judging rows by our trees beside XGBoost's own prediction (its C API, one thread),
// in one run: 100 trees of depth 6 over 30 inputs, a row alone and 256 rows at once. Rows are many
// and random, so that branches and caches cannot learn them.
#include <xgboost/c_api.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ml_detector/forest.h"
#include "ml_detector/xgboost_json.h"
#include "tests/unit/ml_detector/trained_models.h"

using namespace mlguard::ml_detector;

namespace {

constexpr std::size_t kFeatures = 30;
constexpr std::size_t kTrees = 100;
constexpr std::size_t kDepth = 6;
constexpr std::size_t kRows = 16'384;
constexpr std::size_t kBatch = kForestBatchRows;
constexpr int kRounds = 7;

float sink = 0;  // what is worked out must not be optimised away

void must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "model_bench: %s\n", what);
  std::exit(1);
}

void must_xgboost(bool ok) { must(ok, ok ? "" : XGBGetLastError()); }

// The least time of several rounds, in nanoseconds a call.
template <class Work>
double ns_per_call(std::size_t calls, const Work& work) {
  double least = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < calls; ++i) work(i);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    const double each = took.count() / static_cast<double>(calls);
    least = round == 0 ? each : std::min(least, each);
  }
  return least;
}

class Theirs {
 public:
  explicit Theirs(const std::string& model) {
    must_xgboost(XGBoosterCreate(nullptr, 0, &booster_) == 0 &&
                 XGBoosterLoadModelFromBuffer(booster_, model.data(), model.size()) == 0 &&
                 XGBoosterSetParam(booster_, "nthread", "1") == 0);
  }
  ~Theirs() { XGBoosterFree(booster_); }
  Theirs(const Theirs&) = delete;
  Theirs& operator=(const Theirs&) = delete;

  const float* predict(const float* rows, std::size_t count) {
    const std::string array = R"({"data":[)" +
                              std::to_string(reinterpret_cast<std::uintptr_t>(rows)) +
                              R"(,true],"shape":[)" + std::to_string(count) + "," +
                              std::to_string(kFeatures) + R"(],"typestr":"<f4","version":3})";
    static const char* config =
        R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,)"
        R"("strict_shape":true,"cache_id":0,"missing":NaN})";
    const bst_ulong* shape = nullptr;
    bst_ulong dimensions = 0;
    const float* result = nullptr;
    must_xgboost(XGBoosterPredictFromDense(booster_, array.c_str(), config, nullptr, &shape,
                                           &dimensions, &result) == 0);
    return result;
  }

 private:
  BoosterHandle booster_ = nullptr;
};

void line(const char* what, double ours_ns, double theirs_ns, double most_us) {
  constexpr double kNsPerUs = 1'000;
  std::printf("%-10s ours %8.2f us, XGBoost %8.2f us: x%.1f as fast (at most %.1f us wanted)\n",
              what, ours_ns / kNsPerUs, theirs_ns / kNsPerUs, theirs_ns / ours_ns, most_us);
}

}  // namespace

int main() {
  const TrainedModel trained = trained_model(2, kFeatures, kTrees, kDepth);
  const auto parsed = parse_xgboost(trained.xgboost);
  must(parsed.ok(), "the model cannot be read");
  const auto forest = Forest::build(parsed->forest);
  must(forest.ok() && forest->trees() == kTrees && forest->depth() == kDepth, "other trees");
  const LabelledRows rows = made_up_rows(kRows, kFeatures, 2, 9);
  const float* values = rows.values.data();
  Theirs theirs(trained.xgboost);

  std::vector<float> margins(kRows);
  forest->margins(values, kRows, margins.data());
  const float* expected = theirs.predict(values, kRows);
  for (std::size_t i = 0; i < kRows; ++i) must(margins[i] == expected[i], "outputs differ");

  const double our_row = ns_per_call(kRows, [&](std::size_t i) {
    float margin = 0;
    forest->margins(values + i * kFeatures, &margin);
    sink += margin;
  });
  const double their_row = ns_per_call(
      2'048, [&](std::size_t i) { sink += theirs.predict(values + i * kFeatures, 1)[0]; });
  const auto batch_at = [&](std::size_t i) {
    return values + i % (kRows / kBatch) * kBatch * kFeatures;
  };
  const double our_batch = ns_per_call(512, [&](std::size_t i) {
    forest->margins(batch_at(i), kBatch, margins.data());
    sink += margins[i % kBatch];
  });
  const double their_batch =
      ns_per_call(128, [&](std::size_t i) { sink += theirs.predict(batch_at(i), kBatch)[0]; });
  std::printf("%zu trees of depth %zu, %zu inputs; margins equal on %zu rows\n", kTrees, kDepth,
              kFeatures, kRows);
  line("one row", our_row, their_row, 0.6);
  line("256 rows", our_batch, their_batch, 150);
  return sink == 0 ? 1 : 0;
}
