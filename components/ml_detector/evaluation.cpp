#include "ml_detector/evaluation.h"

#include <algorithm>
#include <set>
#include <utility>

namespace mlguard::ml_detector {
namespace {

constexpr double kNsPerHour = 3.6e12;

struct Span {
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
};

// In which at least one of them goes on: captures that were put together of parts span years.
double hours_of(std::vector<Span> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.first_ns < b.first_ns; });
  double hours = 0;
  std::uint64_t until_ns = 0;
  for (const Span& span : spans) {
    const std::uint64_t from_ns = std::max(span.first_ns, until_ns);
    if (span.last_ns <= from_ns) continue;
    hours += static_cast<double>(span.last_ns - from_ns) / kNsPerHour;
    until_ns = span.last_ns;
  }
  return hours;
}

class Counter {
 public:
  explicit Counter(const Examples& examples) {
    for (const ExampleCapture& capture : examples.captures) result_.captures.push_back({capture});
    benign_times_.resize(examples.captures.size());
    accused_.resize(examples.captures.size() * kAlarmScores.size());
  }

  void count(const Example& example, const float* probabilities, const Judgement& judgement) {
    CaptureEvaluation& capture = result_.captures[example.capture];
    const std::size_t truth = example.class_index;
    capture.confusion.add(truth, judgement.class_index);
    result_.confusion.add(truth, judgement.class_index);
    result_.whole.add(truth, whole_verdict(example, judgement));
    scored_[0].push_back({1 - probabilities[0], truth != 0});
    for (std::size_t c = 1; c < kTrafficClassCount; ++c) {
      scored_[c].push_back({probabilities[c], truth == c});
    }
    if (truth != 0) return;
    benign_times_[example.capture].push_back({example.first_ns, example.last_ns});
    for (std::size_t i = 0; i < kAlarmScores.size(); ++i) {
      if (judgement.score < kAlarmScores[i]) continue;
      ++capture.false_alarms[i].flows;
      accused_[example.capture * kAlarmScores.size() + i].insert(example.source);
    }
  }

  Evaluation finish() {
    for (std::size_t at = 0; at < result_.captures.size(); ++at) {
      CaptureEvaluation& capture = result_.captures[at];
      result_.benign_hours += hours_of(std::move(benign_times_[at]));
      for (std::size_t i = 0; i < kAlarmScores.size(); ++i) {
        capture.false_alarms[i].sources = accused_[at * kAlarmScores.size() + i].size();
        result_.false_alarms[i].flows += capture.false_alarms[i].flows;
        result_.false_alarms[i].sources += capture.false_alarms[i].sources;
      }
    }
    for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
      result_.curves[c] = precision_recall_curve(std::move(scored_[c]));
    }
    return std::move(result_);
  }

 private:
  using Source = std::array<std::uint8_t, MLG_ADDRESS_BYTES>;

  Evaluation result_;
  std::array<std::vector<Scored>, kTrafficClassCount> scored_;
  std::vector<std::vector<Span>> benign_times_;  // by capture
  std::vector<std::set<Source>> accused_;        // by capture and alarm score
};

}  // namespace

std::size_t whole_verdict(const Example& example, const Judgement& judgement) {
  return example.rule_class != 0 ? example.rule_class : judgement.class_index;
}

bool knows_traffic_classes(const Model& model) {
  return std::equal(kTrafficClasses.begin(), kTrafficClasses.end(), model.info().classes.begin(),
                    model.info().classes.end());
}

std::vector<float> probabilities_of(const Examples& examples, const Model& model) {
  std::vector<float> row(model.input_places().size());
  std::vector<float> probabilities(examples.flows.size() * kTrafficClassCount);
  for (std::size_t at = 0; at < examples.flows.size(); ++at) {
    const InputRow& inputs = examples.flows[at].row;
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = inputs[model.input_places()[i]];
    model.probabilities(row.data(), probabilities.data() + at * kTrafficClassCount);
  }
  return probabilities;
}

Evaluation evaluate(const Examples& examples, const std::vector<float>& probabilities,
                    const Model& model) {
  Counter counter(examples);
  for (std::size_t at = 0; at < examples.flows.size(); ++at) {
    if (examples.flows[at].early || examples.is_variant(examples.flows[at])) continue;
    const float* of_flow = probabilities.data() + at * kTrafficClassCount;
    counter.count(examples.flows[at], of_flow, model.judge(of_flow));
  }
  return counter.finish();
}

}  // namespace mlguard::ml_detector
