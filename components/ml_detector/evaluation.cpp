#include "ml_detector/evaluation.h"

#include <algorithm>
#include <set>
#include <utility>

namespace mlguard::ml_detector {
namespace {

constexpr double kNsPerHour = 3.6e12;

class Counter {
 public:
  explicit Counter(const Examples& examples) {
    for (const ExampleCapture& capture : examples.captures) {
      CaptureEvaluation one;
      one.capture = capture;
      result_.captures.push_back(std::move(one));
    }
    benign_times_.resize(examples.captures.size());
    accused_.resize(examples.captures.size());
  }

  void count(const Example& example, const float* probabilities, const Judgement& judgement) {
    CaptureEvaluation& capture = result_.captures[example.capture];
    const std::size_t truth = example.class_index;
    if (example.rule_class != 0) ++capture.accused_by_rules;
    add(example, Layers::model, judgement.class_index, judgement.score);
    add(example, Layers::detector, whole_verdict(example, judgement),
        example.rule_class != 0 ? example.rule_score : judgement.score);
    scored_[0].push_back({1 - probabilities[0], truth != 0});
    for (std::size_t c = 1; c < kTrafficClassCount; ++c) {
      scored_[c].push_back({probabilities[c], truth == c});
    }
    if (truth == 0) benign_times_[example.capture].push_back({example.first_ns, example.last_ns});
  }

  Evaluation finish() {
    for (std::size_t at = 0; at < result_.captures.size(); ++at) {
      result_.benign_hours += hours_of(std::move(benign_times_[at]));
      for (std::size_t by = 0; by < kLayers; ++by) {
        for (std::size_t i = 0; i < kAlarmScores.size(); ++i) {
          const std::size_t sources = accused_[at][by][i].size();
          result_.captures[at].by[by].false_alarms[i].sources = sources;
          result_.by[by].false_alarms[i].sources += sources;
        }
      }
    }
    for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
      result_.curves[c] = precision_recall_curve(std::move(scored_[c]));
    }
    return std::move(result_);
  }

 private:
  using Source = std::array<std::uint8_t, MLG_ADDRESS_BYTES>;
  using Accused = std::array<std::array<std::set<Source>, kAlarmScores.size()>, kLayers>;

  void add(const Example& example, Layers layers, std::size_t verdict, float score) {
    const auto by = static_cast<std::size_t>(layers);
    Verdicts& of_capture = result_.captures[example.capture].by[by];
    Verdicts& of_all = result_.by[by];
    of_capture.confusion.add(example.class_index, verdict);
    of_all.confusion.add(example.class_index, verdict);
    if (example.class_index != 0) return;
    for (std::size_t i = 0; i < kAlarmScores.size(); ++i) {
      if (score < kAlarmScores[i]) continue;
      ++of_capture.false_alarms[i].flows;
      ++of_all.false_alarms[i].flows;
      accused_[example.capture][by][i].insert(example.source);
    }
  }

  Evaluation result_;
  std::array<std::vector<Scored>, kTrafficClassCount> scored_;
  std::vector<std::vector<Span>> benign_times_;  // by capture
  std::vector<Accused> accused_;                 // by capture
};

}  // namespace

// Captures that were put together of parts span years, so spans are joined, not stretched.
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
