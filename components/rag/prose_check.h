// ProseCheck: whether a sentence that a model wrote may be shown. A sentence passes when it cites
// passages that are there, and when every number, address, id and URL in it stands in one of those
// that it cites. One that cites nothing and states no such fact is left out; any other is a lie,
// and ends the model's part.
//
// And the sentences themselves, cut out of text as it streams in, each with the citations that
// follow it.
//
// Threads: one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "wire/ask.h"

namespace mlguard::rag {

inline constexpr std::size_t kSentenceBytesMax = 2'000;

class SentenceCutter {
 public:
  // The sentences that are whole now. Whether one is can be known only at the next one's beginning.
  std::vector<std::string> feed(std::string_view text);
  // What is left at the end of the text.
  std::vector<std::string> finish();

 private:
  std::string rest_;
};

enum class Verdict {
  shown,
  left_out,  // Nothing that could be checked, and no citation.
  refused,
};

struct Judgement {
  Verdict verdict = Verdict::refused;
  std::string why;  // Of refused: "7.7.7.7 is in no passage that it cites".
};

class ProseCheck {
 public:
  // The answer must outlive it.
  explicit ProseCheck(const wire::Answer& answer);
  Judgement judge(std::string_view sentence) const;

 private:
  std::vector<std::string> passages_;  // What each citation holds, to look in.
};

}  // namespace mlguard::rag
