// What one instance sends another: a message of the protocol, or a client's request sent on. What
// is understood encodes to something that is understood the same way.
#include "replicator/message_codec.h"
#include "server/forward.h"
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

void check_message(std::string_view bytes) {
  const auto message = replicator::decode_message(bytes);
  if (!message.ok()) return;
  const std::string again = replicator::encode(*message);
  const auto twice = replicator::decode_message(again);
  fuzz::must(twice.ok() && replicator::encode(*twice) == again, "a message encodes to itself");
}

void check_forwarded(std::string_view bytes) {
  const auto request = server::decode_forwarded(bytes);
  if (!request.ok()) return;
  fuzz::must(request->caller.role != base::Role::peer, "no client is a peer");
  const std::string again = server::encode(*request);
  const auto twice = server::decode_forwarded(again);
  fuzz::must(twice.ok() && server::encode(*twice) == again, "a request encodes to itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  switch (fuzz::take_byte(input) % 5) {
    case 0: check_message(input); break;
    case 1: check_forwarded(input); break;
    case 2: (void)server::decode_forwarded_answer(input); break;
    case 3: (void)server::decode_identity(input); break;
    default: (void)server::decode_audit_record(input);
  }
  return 0;
}
