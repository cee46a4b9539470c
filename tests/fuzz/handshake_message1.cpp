// Message 1 as a server reads it, and the answer to whatever opens.
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const wire::KeyPair cluster = fuzz::fixed_keys('s');
  auto read = wire::ServerHandshake::read(cluster, fuzz::text_of(data, size));
  if (!read.ok()) {
    fuzz::must(read.error().reason == "handshake_failed" || read.error().reason == "too_large",
               "refused for a documented reason");
    return 0;
  }
  auto finished = read->finish(wire::Key(), "welcome");
  fuzz::must(finished.ok() || finished.error().reason == "handshake_failed", "finish is total");
  return 0;
}
