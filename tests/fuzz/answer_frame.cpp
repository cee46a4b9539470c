// A sealed answer as a client reads it: bytes from a stranger, and true answers that were damaged
// at a place that the input chooses.
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

struct Session {
  wire::ClientChannel client;
  wire::ServerChannel server;
};

Session connect() {
  const wire::KeyPair cluster = fuzz::fixed_keys('s');
  auto client =
      wire::ClientHandshake::start({cluster.public_key, fuzz::fixed_keys('c'), {}}, "hello");
  auto server = wire::ServerHandshake::read(cluster, client->message1());
  auto welcomed = server->finish(wire::Key(), "welcome");
  auto finished = client->finish(welcomed->message2);
  fuzz::must(finished.ok(), "a handshake works");
  return {std::move(finished->channel), std::move(welcomed->channel)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Session session = connect();
  std::string_view input = fuzz::text_of(data, size);
  const unsigned choice = fuzz::take_byte(input);
  wire::Sealed answer;
  if ((choice & 1) != 0) answer.original_size = fuzz::take_number(input);
  answer.body = input;
  fuzz::must(!session.client.open(0, 200, answer).ok(), "a stranger's bytes never open");

  const auto whole = session.server.seal(1, 200, {{{"revision", "7"}}, std::string(input)});
  fuzz::must(whole.ok() && session.client.open(1, 200, *whole).ok(), "a true answer opens");
  wire::Sealed damaged = *whole;
  const std::size_t at = choice % damaged.body.size();
  damaged.body[at] = static_cast<char>(damaged.body[at] ^ (1 << (choice % 8)));
  fuzz::must(!session.client.open(1, 200, damaged).ok(), "a damaged answer never opens");
  return 0;
}
