// EventStream: server-sent events, cut out of the bytes of an HTTP body as they come. Only what an
// OpenAI-compatible endpoint sends: "data: …" lines, each an event of its own; all other lines are
// passed over. A line that is cut in two by the network is put together again.
//
// Threads: one thread at a time. Errors: too_large for a line without an end.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::rag {

inline constexpr std::size_t kEventLineBytesMax = 64 * 1024;

class EventStream {
 public:
  // Hands each event's data to `take`, whose error ends it.
  base::Status feed(std::string_view bytes,
                    const std::function<base::Status(std::string_view data)>& take);

 private:
  std::string line_;
};

}  // namespace mlguard::rag
