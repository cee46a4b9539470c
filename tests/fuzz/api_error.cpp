// An error's body as a client reads it from whatever answered.
#include "wire/api_error.h"

#include "tests/fuzz/fuzz.h"

using namespace mlguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Error error = wire::decode_error(503, fuzz::text_of(data, size));
  fuzz::must(!error.reason.empty(), "an error has a reason");
  const base::Error again = wire::decode_error(503, wire::encode_error(error));
  fuzz::must(again.reason == error.reason && again.message == error.message,
             "an error survives the wire");
  return 0;
}
