// A question to rag and its answer, over the control plane. Not for sharing between threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/context.h"
#include "wire/ask.h"

namespace mlguard::cli {

struct Asked {
  std::string id;  // To approve what the answer proposes.
  wire::Answer answer;
};

// What is heard while the answer is on its way.
struct Hearing {
  std::function<void(std::string_view prose)> prose;  // The next piece.
  std::function<void()> again;                        // It begins anew: forget the pieces.
};

// Asks, and waits for the answer. A question that was lost with its leader is asked once more.
// Errors: the server's, such as unavailable / "no_rag".
base::Result<Asked> ask(Context& context, const wire::Question& question, const Hearing& hearing);

// Has it recorded that the asker runs `proposal` (its command: what runs), before it does.
base::Status approve(Context& context, const std::string& id, const wire::Proposal& proposal);

}  // namespace mlguard::cli
