// A question from anywhere, asked of the recorded state: it is answered or not known, says only
// what its citations say, and proposes nothing but what the whitelist has.
#include <algorithm>
#include <array>
#include <memory>

#include "base/clock.h"
#include "rag/answerer.h"
#include "rag/fact_check.h"
#include "rag/follower.h"
#include "rag/recorded_state.h"
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

const rag::Index& recorded() {
  static const std::unique_ptr<rag::Index> index = [] {
    auto opened = rag::Index::open(":memory:");
    fuzz::must(opened.ok(), "an index");
    const auto source = rag::make_recorded_state(MLGUARD_RECORDED_STATE);
    const base::SystemClock clock;
    rag::Follower follower(*source, **opened, clock);
    fuzz::must(follower.sync(clock.monotonic_ms() + rag::kRebuildMs).ok(), "the recorded state");
    return std::move(*opened);
  }();
  return *index;
}

void check_proposal(const wire::Proposal& proposal) {
  constexpr std::array<std::string_view, 5> kActions = {
      "config.set", "config.rollback", "rules.add", "rules.remove", "model.activate"};
  const bool listed =
      std::find(kActions.begin(), kActions.end(), proposal.action) != kActions.end();
  fuzz::must(listed, "the action is on the whitelist");
  fuzz::must(proposal.command.starts_with("ml-guard "), "the command is ours");
  fuzz::must(proposal.arguments.size() <= wire::kProposalArgumentsMax, "arguments are bounded");
  fuzz::must(proposal.command.find('\n') == std::string::npos, "one command");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  wire::Question question;
  const unsigned choice = fuzz::take_byte(text);
  if ((choice & 1U) != 0) question.subject = {"ml-detector", "thresholds.block", "", ""};
  if ((choice & 2U) != 0) question.subject.address = "203.0.113.7";
  question.utc_offset_min = (static_cast<int>(choice) - 128) * 10;
  question.asked_at_ms = 1'795'725'120'000;
  question.text = std::string(text.substr(0, wire::kQuestionCharsMax));
  const auto answer = rag::Answerer::make(recorded())->answer(question, {});
  fuzz::must(answer.ok(), "every question is answered");
  fuzz::must(!answer->text.empty() && !answer->intent.empty(), "in words");
  fuzz::must(answer->text.size() <= wire::kAnswerTextBytesMax, "of bounded length");
  fuzz::must(answer->citations.size() <= wire::kCitationsMax, "with bounded citations");
  if (answer->proposal) check_proposal(*answer->proposal);
  for (const rag::UnsupportedFact& one : rag::unsupported_facts(*answer, question)) {
    fuzz::must(false, one.fact.text.c_str());
  }
  return 0;
}
