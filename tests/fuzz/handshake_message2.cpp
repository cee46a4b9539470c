// Message 2 as a client reads it: through the front door, whose ephemeral key is always new, and
// through the interpreter below it with a fixed one, so that seeds get all the way.
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message = fuzz::text_of(data, size);
  static const wire::ClientIdentity identity = {fuzz::fixed_keys('s').public_key,
                                                fuzz::fixed_keys('c'), wire::Key()};
  auto client = wire::ClientHandshake::start(identity, "hello");
  fuzz::must(client.ok(), "a client can always start");
  fuzz::must(!client->finish(message).ok(), "no input knows the new ephemeral key");

  wire::HandshakeState noise(fuzz::fixed_setup(wire::NoiseSide::initiator));
  fuzz::must(noise.write_message("hello").ok(), "message 1 can be written");
  const auto payload = noise.read_message(message);
  if (payload.ok()) noise.split();
  fuzz::must(payload.ok() == noise.finished(), "a handshake ends exactly when message 2 opens");
  return 0;
}
