// How likely each intent is by the words of a question alone: what recognise() (rag/intent.h)
// weighs against its own rules, which know few words but know them well.
//
// Method: multinomial logistic regression over the presence of stems, pairs of stems and beginnings
// of words, fitted by stochastic gradient descent to the written examples of intent_examples.txt
// (Bishop, "Pattern Recognition and Machine Learning", 2006, 4.3.4; Bottou, "Stochastic gradient
// descent tricks", 2012). Addresses, components, kinds of attacks, people, rules, times and numbers
// are one word each, whichever is meant; a word that no or one example has is `rare`, which tells
// questions about something else. The same examples give the same model: nothing is random.
//
// The model is fitted at the first call, which takes some tenths of a second. Constant after that;
// safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rag/intent.h"
#include "rag/question.h"

namespace mlguard::rag {

using IntentScores = std::array<double, kIntents>;  // logarithms of probabilities, by Intent

struct IntentExample {
  Intent intent = Intent::passages;
  std::vector<std::string> words;  // as compared_words gives them
};

class IntentModel {
 public:
  explicit IntentModel(const std::vector<IntentExample>& examples);

  // Of the examples that are shipped.
  static const IntentModel& shipped();

  IntentScores scores(const std::vector<std::string>& words) const;

 private:
  using Weights = std::array<float, kIntents>;
  std::vector<std::string> features_of(const std::vector<std::string>& words) const;
  std::vector<std::size_t> known_features(const std::vector<std::string>& words) const;
  IntentScores scores_of(const std::vector<std::size_t>& features) const;
  void fit(const std::vector<IntentExample>& examples);

  std::unordered_map<std::string, std::size_t> examples_with_;  // by word
  std::unordered_map<std::string, std::size_t> feature_ids_;
  std::vector<Weights> weights_;  // by feature
};

// The words that are compared: "why is ADDRESS blocked".
std::vector<std::string> compared_words(const Slots& slots);

// "INTENT: QUESTION" a line; empty lines and those that begin with # are skipped, as is what names
// no intent (a test reads the shipped ones and finds none such).
std::vector<IntentExample> read_examples(std::string_view text);
// What is compiled in: intent_examples.txt.
std::string_view shipped_examples();

}  // namespace mlguard::rag
