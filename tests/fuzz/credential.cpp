// A credential file as somebody may have edited it.
#include "tests/fuzz/fuzz.h"
#include "wire/credentials.h"

using namespace mlguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto credential = wire::Credential::parse(fuzz::text_of(data, size), "x.credential");
  if (!credential.ok()) {
    fuzz::must(credential.error().reason == "bad_credential", "refused for the documented reason");
    return 0;
  }
  const auto again = wire::Credential::parse(credential->to_json(), "x.credential");
  fuzz::must(again.ok() && again->to_json() == credential->to_json(),
             "a credential survives its text");
  return 0;
}
