// A sealed request as the server reads it. The first byte chooses: bytes from a stranger, in the
// header or in the body, or an authentic frame around a plaintext that may hold anything.
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

constexpr std::size_t kBodyBytesMax = 1 << 20;

bool is_documented(const base::Error& error) {
  return error.reason == "bad_seal" || error.reason == "replayed" || error.reason == "too_large" ||
         error.reason == "bad_frame";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto session = support::HandmadeClient::connect();
  auto& [client, server] = session;
  std::string_view input = fuzz::text_of(data, size);
  const unsigned choice = fuzz::take_byte(input);
  std::optional<std::size_t> original_size;
  if ((choice & 4) != 0) original_size = fuzz::take_number(input);
  wire::Sealed sealed;
  if ((choice & 1) != 0) {
    sealed = client.seal(std::string(input), original_size);
    if ((choice & 2) != 0) sealed.seal = wire::to_base64url(std::exchange(sealed.body, {}));
  } else {
    sealed.session = client.session();
    sealed.original_size = original_size;
    ((choice & 2) != 0 ? sealed.seal : sealed.body) = input;
  }
  const auto opened = server.open("POST", "/x", sealed, kBodyBytesMax);
  if (!opened.ok()) {
    fuzz::must(is_documented(opened.error()), "refused for a documented reason");
    return 0;
  }
  fuzz::must((choice & 1) != 0, "a stranger's bytes never open");
  fuzz::must(opened->message.body.size() <= kBodyBytesMax, "the limit holds");
  fuzz::must(!server.open("POST", "/x", sealed, kBodyBytesMax).ok(), "no frame opens twice");
  return 0;
}
