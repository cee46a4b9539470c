// Answerer: from a question to an answer that stands on records. A recognised question is answered
// exactly, from the index's columns; any other gets the best passages, ranked; where nothing
// supports an answer it says that it does not know. Every statement has citations, and every
// number and address in it stands in one of them.
//
// It only reads: a wish ("raise it to 0.9") becomes a wire::Proposal for the asker. What records
// say is data: nothing in one is ever an instruction.
//
// Threads: as the Index that it is made with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "rag/index.h"
#include "wire/ask.h"

namespace mlguard::rag {

struct AnswerOptions {
  std::size_t passages_max = 8;
  std::int64_t state_age_ms = 0;  // How old what the index holds may be, now.
};

class Answerer {
 public:
  // The index must outlive it.
  static std::unique_ptr<Answerer> make(const Index& index);
  virtual ~Answerer() = default;

  // Errors: the index's; a question that cannot be answered is an Answer (known = false).
  virtual base::Result<wire::Answer> answer(const wire::Question& question,
                                            const AnswerOptions& options) const = 0;
};

}  // namespace mlguard::rag
