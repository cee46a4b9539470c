// A control plane's state as a folder of recorded answers: what tests and `make evaluate-rag`
// answer from. tests/rag/record_state.sh writes such a folder:
//
//   status.json health.json configs.json applied.json     the answers, as they are
//   components.json     {"components":[…]}: GET /components/NAME of each
//   rules.json          GET /v1/rules/stream?after=0
//   detections.json audit.json changes.json               all pages joined
//   recorded_at         when: what "now" is for questions about it
//   config/NAME.json    the history; config/NAME@VERSION.json    a document, byte for byte
//
// Threads: as StateSource. Errors: not_found and io, naming the file; corrupt.
#pragma once

#include <memory>
#include <string>

#include "rag/state_source.h"

namespace mlguard::rag {

std::unique_ptr<StateSource> make_recorded_state(const std::string& folder);

}  // namespace mlguard::rag
