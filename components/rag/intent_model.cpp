#include "rag/intent_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/embedded.h"
#include "rag/vocabulary.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kIntentExamples;
}  // namespace mlguard::base

namespace mlguard::rag {

namespace {

constexpr std::size_t kRounds = 25;
constexpr double kFirstStep = 0.4;
constexpr double kStepDecay = 0.1;  // a round
constexpr double kShrinkage = 1e-4;
// Errors smaller than this move nothing: most of the intents, most of the time.
constexpr double kErrorMin = 1e-3;
constexpr std::size_t kBeginningChars = 4;
constexpr std::size_t kRareMax = 1;  // examples that have the word
constexpr const char* kAlways = "<always>";
constexpr const char* kRare = "<rare>";
constexpr const char* kSeveralRare = "<several rare>";

bool is_number(const std::string& word) {
  return !word.empty() && word.find_first_not_of("0123456789.%") == std::string::npos;
}

// As far as a question can be read without an index; people and rules stand there as ACTOR, RULE-1.
Slots slots_of_example(std::string_view text) {
  constexpr std::int64_t kSomeTimeMs = 1'790'000'000'000;
  Slots slots;
  slots.words = normalise(text, spelling(), {"actor", "rule-1", "time"});
  slots.untimed = slots.words;
  slots.time = find_time_phrase(slots.words, kSomeTimeMs, 0);
  if (slots.time) slots.untimed.erase(slots.time->begin, slots.time->end);
  slots.actor = "actor";
  slots.rule_id = "rule-1";
  return slots;
}

// An order that is the same each time and in which no intent's examples stand together: steps of a
// number that shares no factor with the count.
std::vector<std::size_t> mixed_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  if (count == 0) return order;
  std::size_t step = count * 5 / 8 + 1;
  while (std::gcd(step, count) != 1) ++step;
  for (std::size_t i = 0; i < count; ++i) order[i] = i * step % count;
  return order;
}

}  // namespace

std::vector<std::string> IntentModel::features_of(const std::vector<std::string>& words) const {
  std::set<std::string> features = {kAlways};
  std::string before = "^";
  std::size_t rare = 0;
  for (const std::string& word : words) {
    features.insert(word);
    features.insert(before + " " + word);
    const bool is_plain = word.size() > kBeginningChars && word.front() >= 'a';
    if (is_plain) features.insert("#" + word.substr(0, kBeginningChars));
    const auto known = examples_with_.find(word);
    if (known == examples_with_.end() || known->second <= kRareMax) ++rare;
    before = word;
  }
  if (rare > 0) features.insert(kRare);
  if (rare > 1) features.insert(kSeveralRare);
  features.insert(before + " $");
  return {features.begin(), features.end()};
}

IntentModel::IntentModel(const std::vector<IntentExample>& examples) {
  for (const IntentExample& example : examples) {
    for (const std::string& word :
         std::set<std::string>(example.words.begin(), example.words.end())) {
      ++examples_with_[word];
    }
  }
  for (const IntentExample& example : examples) {
    for (const std::string& feature : features_of(example.words)) {
      feature_ids_.emplace(feature, feature_ids_.size());
    }
  }
  weights_.resize(feature_ids_.size(), Weights{});
  fit(examples);
}

void IntentModel::fit(const std::vector<IntentExample>& examples) {
  std::vector<std::vector<std::size_t>> features;
  features.reserve(examples.size());
  for (const IntentExample& example : examples) features.push_back(known_features(example.words));
  const std::vector<std::size_t> order = mixed_order(examples.size());
  for (std::size_t round = 0; round < kRounds; ++round) {
    const double step = kFirstStep / (1 + kStepDecay * static_cast<double>(round));
    for (const std::size_t at : order) {
      const IntentScores scores = scores_of(features[at]);
      const double reach = step / std::sqrt(static_cast<double>(features[at].size()));
      for (std::size_t intent = 0; intent < kIntents; ++intent) {
        const bool meant = intent == static_cast<std::size_t>(examples[at].intent);
        const double error = (meant ? 1.0 : 0.0) - std::exp(scores[intent]);
        if (std::abs(error) < kErrorMin) continue;
        for (const std::size_t feature : features[at]) {
          float& weight = weights_[feature][intent];
          weight += static_cast<float>(reach * (error - kShrinkage * weight));
        }
      }
    }
  }
}

std::vector<std::size_t> IntentModel::known_features(const std::vector<std::string>& words) const {
  std::vector<std::size_t> known;
  for (const std::string& feature : features_of(words)) {
    const auto found = feature_ids_.find(feature);
    if (found != feature_ids_.end()) known.push_back(found->second);
  }
  return known;
}

IntentScores IntentModel::scores_of(const std::vector<std::size_t>& features) const {
  IntentScores scores{};
  for (const std::size_t feature : features) {
    const Weights& weights = weights_[feature];
    for (std::size_t i = 0; i < kIntents; ++i) scores[i] += weights[i];
  }
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += std::exp(score - most);
  for (double& score : scores) score -= most + std::log(sum);
  return scores;
}

IntentScores IntentModel::scores(const std::vector<std::string>& words) const {
  return scores_of(known_features(words));
}

const IntentModel& IntentModel::shipped() {
  static const IntentModel model(read_examples(shipped_examples()));
  return model;
}

std::vector<std::string> compared_words(const Slots& slots) {
  const Words& words = slots.untimed;
  std::vector<std::string> compared;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words.at(i);
    std::size_t used = 1;
    const bool named =
        std::find(slots.components.begin(), slots.components.end(), word) != slots.components.end();
    if (!address_in(word).empty()) {
      compared.emplace_back("ADDRESS");
    } else if (named || !role_at(words, i, used).empty()) {
      compared.emplace_back("COMPONENT");
    } else if (!attack_kind_at(words, i, used).empty()) {
      compared.emplace_back("KIND");
    } else if (!slots.actor.empty() && word.starts_with(slots.actor)) {
      compared.emplace_back("ACTOR");
    } else if (!slots.rule_id.empty() && word == slots.rule_id) {
      compared.emplace_back("RULE");
    } else if (word == "time") {
      compared.emplace_back("TIME");
    } else {
      compared.push_back(is_number(word) ? "NUMBER" : stem(word));
    }
    i += std::max<std::size_t>(used, 1) - 1;
  }
  if (slots.time) compared.emplace_back("TIME");
  return compared;
}

std::vector<IntentExample> read_examples(std::string_view text) {
  constexpr std::string_view kSeparator = ": ";
  std::vector<IntentExample> examples;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t separator = line.find(kSeparator);
    if (line.starts_with('#') || separator == std::string_view::npos) continue;
    const auto intent = intent_named(line.substr(0, separator));
    if (!intent) continue;
    const Slots slots = slots_of_example(line.substr(separator + kSeparator.size()));
    examples.push_back({*intent, compared_words(slots)});
  }
  return examples;
}

std::string_view shipped_examples() { return base::kIntentExamples.front().content; }

}  // namespace mlguard::rag
