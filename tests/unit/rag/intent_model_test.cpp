// Intents by likeness to written examples: what is shipped is read whole, and says what it was
// written for; a question about something else is like none of it.
#include "rag/intent_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace mlguard::rag {
namespace {

Intent likeliest(const IntentModel& model, const std::vector<std::string>& words) {
  const IntentScores scores = model.scores(words);
  return static_cast<Intent>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

std::vector<std::string> words_of(const std::string& text) {
  return read_examples("passages: " + text).front().words;
}

TEST(IntentModelTest, EveryShippedLineIsACommentOrAnExample) {
  std::string_view rest = shipped_examples();
  std::size_t examples = 0;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.front() == '#') continue;
    EXPECT_EQ(read_examples(line).size(), 1U) << line;
    ++examples;
  }
  EXPECT_EQ(read_examples(shipped_examples()).size(), examples);
}

TEST(IntentModelTest, EachIntentHasManyExamples) {
  std::array<std::size_t, kIntents> counts{};
  for (const IntentExample& example : read_examples(shipped_examples())) {
    ++counts[static_cast<std::size_t>(example.intent)];
  }
  constexpr std::size_t kExamplesMin = 60;
  for (std::size_t i = 0; i < kIntents; ++i) {
    EXPECT_GE(counts[i], kExamplesMin) << to_string(static_cast<Intent>(i));
  }
}

TEST(IntentModelTest, NamesAddressesKindsAndTimesCountAsOneWordEach) {
  EXPECT_EQ(words_of("why is 10.0.0.5 blocked"), words_of("why is 2001:db8::9 blocked"));
  EXPECT_EQ(words_of("is the sniffer alive"), words_of("is the firewall alive"));
  EXPECT_EQ(words_of("any port scans since yesterday"), words_of("any floods since 14:00"));
  EXPECT_NE(words_of("why is 10.0.0.5 blocked"), words_of("who blocked 10.0.0.5"));
}

TEST(IntentModelTest, ItSaysOfItsOwnExamplesWhatTheyAre) {
  const auto examples = read_examples(shipped_examples());
  const auto right = std::count_if(examples.begin(), examples.end(), [](const auto& example) {
    return likeliest(IntentModel::shipped(), example.words) == example.intent;
  });
  EXPECT_GE(static_cast<double>(right) / static_cast<double>(examples.size()), 0.95);
}

// Half of the examples tell what the other half asks for: it is no list of known sentences.
TEST(IntentModelTest, ItSaysOfExamplesThatItHasNotSeenWhatTheyAre) {
  std::vector<IntentExample> seen;
  std::vector<IntentExample> unseen;
  for (IntentExample& example : read_examples(shipped_examples())) {
    (seen.size() <= unseen.size() ? seen : unseen).push_back(std::move(example));
  }
  const IntentModel model(seen);
  const auto right = std::count_if(unseen.begin(), unseen.end(), [&](const auto& example) {
    return likeliest(model, example.words) == example.intent;
  });
  EXPECT_GE(static_cast<double>(right) / static_cast<double>(unseen.size()), 0.7);
}

TEST(IntentModelTest, TheSameExamplesGiveTheSameModel) {
  const auto examples = read_examples("help: what can you do\nis_blocked: is 10.0.0.5 blocked\n");
  const auto words = words_of("can you block 10.0.0.5");
  EXPECT_EQ(IntentModel(examples).scores(words), IntentModel(examples).scores(words));
}

TEST(IntentModelTest, ScoresAreLogarithmsOfProbabilities) {
  double sum = 0;
  for (const double score : IntentModel::shipped().scores({"anything"})) sum += std::exp(score);
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(IntentModelTest, QuestionsAboutSomethingElseAreLikeNothingHere) {
  for (const char* text : {"the xylophone of my aunt squeaks", "gooseberry marmalade recipe",
                           "who wrote the tempest and hamlet", "flights to reykjavik on friday"}) {
    EXPECT_EQ(likeliest(IntentModel::shipped(), words_of(text)), Intent::passages) << text;
  }
}

TEST(IntentModelTest, WithoutExamplesNothingIsLikelier) {
  const IntentScores scores = IntentModel({}).scores({"why"});
  EXPECT_EQ(*std::min_element(scores.begin(), scores.end()),
            *std::max_element(scores.begin(), scores.end()));
}

}  // namespace
}  // namespace mlguard::rag
