// What a language model's endpoint sends: the events cut out of its bytes, the sentences cut out of
// its text, and the check of each. The first byte says in which pieces the bytes arrive.
#include <algorithm>
#include <string>

#include "rag/event_stream.h"
#include "rag/prose_check.h"
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

wire::Answer sample_answer() {
  wire::Answer answer;
  answer.citations.push_back({"rule", "ab12", 7, 1'700'000'000'000, "drop 10.0.0.5/32, 0.93"});
  return answer;
}

// However the bytes are cut, the events are the same.
void check_events(std::string_view input, std::size_t piece) {
  std::string whole;
  std::string cut;
  rag::EventStream first;
  rag::EventStream second;
  const auto into = [](std::string& out) {
    return [&out](std::string_view data) -> base::Status {
      out += std::string(data) + "\n";
      return {};
    };
  };
  bool fed = first.feed(input, into(whole)).ok();
  for (std::string_view rest = input; fed && !rest.empty();
       rest.remove_prefix(std::min(piece, rest.size()))) {
    fed = second.feed(rest.substr(0, piece), into(cut)).ok();
  }
  fuzz::must(!fed || whole == cut, "events do not depend on how the bytes arrive");
}

// Nothing is lost between two sentences, and nothing that is shown steers a terminal.
void check_sentences(std::string_view input, std::size_t piece) {
  static const wire::Answer answer = sample_answer();
  static const rag::ProseCheck check(answer);
  rag::SentenceCutter cutter;
  std::string joined;
  const auto take = [&](const std::vector<std::string>& sentences) {
    for (const std::string& sentence : sentences) {
      joined += sentence;
      const rag::Judgement judgement = check.judge(sentence);
      if (judgement.verdict == rag::Verdict::refused) {
        fuzz::must(!judgement.why.empty(), "a refusal says why");
        continue;
      }
      fuzz::must(sentence.find('\x1b') == std::string::npos, "no escape is shown");
    }
  };
  for (std::string_view rest = input; !rest.empty();
       rest.remove_prefix(std::min(piece, rest.size()))) {
    take(cutter.feed(rest.substr(0, piece)));
  }
  take(cutter.finish());
  fuzz::must(input.starts_with(joined), "sentences are the text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  const std::size_t piece = std::size_t{fuzz::take_byte(input)} + 1;
  check_events(input, piece);
  check_sentences(input, piece);
  return 0;
}
