// The decoders of questions and answers; the first byte chooses which. What decodes, encodes to a
// text that decodes again, and encodes to the same text from there on.
#include "wire/ask.h"

#include "tests/fuzz/fuzz.h"
#include "wire/question_relay.h"

using namespace mlguard;

namespace {

template <class Decode>
void check_stable(std::string_view input, const Decode& decode) {
  const auto first = decode(input);
  if (!first.ok()) {
    fuzz::must(!first.error().message.empty() && !first.error().reason.empty(),
               "an error says something");
    return;
  }
  const std::string text = wire::encode(*first);
  const auto second = decode(text);
  fuzz::must(second.ok(), "what was decoded encodes to what decodes");
  fuzz::must(wire::encode(*second) == text, "encoding is stable");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr unsigned kChoices = 6;
  std::string_view input = fuzz::text_of(data, size);
  switch (fuzz::take_byte(input) % kChoices) {
    case 0: check_stable(input, wire::decode_question); break;
    case 1: check_stable(input, wire::decode_answer); break;
    case 2: check_stable(input, wire::decode_proposal); break;
    case 3: check_stable(input, wire::decode_answer_part); break;
    case 4: check_stable(input, wire::decode_question_task); break;
    default: check_stable(input, wire::decode_question_news); break;
  }
  return 0;
}
