// Prose: an answer written by the configured model from exactly the passages that the answer cites.
// Sentence by sentence: only what has passed ProseCheck is shown, so that an invented number never
// is. What goes wrong (slow, dead, lying, garbage) leaves the answer as it was, with a remark.
//
// The model sees the question and the passages, in which no secrets are (redaction.h), and writes
// text: nothing of it reaches the answer's proposal, citations or subject.
//
// Threads: one turn at a time; cancel() from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rag/chat_endpoint.h"
#include "wire/ask.h"

namespace mlguard::rag {

struct Prose {
  wire::Answer answer;
  std::optional<base::Error> failure;  // Why it is the answer as it was.
};

class ProseWriter {
 public:
  explicit ProseWriter(ChatSettings settings) : endpoint_(std::move(settings)) {}

  // `show` gets each sentence that may be shown, as it comes.
  Prose write(const wire::Question& question, const wire::Answer& answer,
              const std::function<void(std::string_view)>& show);
  void cancel() { endpoint_.cancel(); }

  // What may be written from: something that is known, cited, and proposes nothing.
  static bool can_write(const wire::Answer& answer);
  static std::string system_text();
  static std::string prompt(const wire::Question& question, const wire::Answer& answer);

 private:
  ChatEndpoint endpoint_;
};

}  // namespace mlguard::rag
