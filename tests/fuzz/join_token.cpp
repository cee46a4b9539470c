// A join token as somebody pastes it.
#include "tests/fuzz/fuzz.h"
#include "wire/credentials.h"

using namespace mlguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const auto token = wire::JoinToken::parse(input);
  if (!token.ok()) {
    fuzz::must(token.error().reason == "invalid_token", "refused for the documented reason");
    return 0;
  }
  fuzz::must(input.find(token->to_text()) != std::string_view::npos, "one spelling a token");
  return 0;
}
