// The plaintext inside a frame: what parses, builds again and parses to the same message.
#include "wire/envelope.h"

#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

constexpr std::size_t kBodyBytesMax = 1 << 20;

void check_again(const wire::Message& message) {
  auto built = wire::build_frame(message, 0, 0);
  fuzz::must(built.ok(), "what was parsed can be built");
  const auto again = wire::parse_frame(built->bytes, built->original_size, kBodyBytesMax);
  fuzz::must(again.ok() && again->body == message.body, "the body is the same again");
  fuzz::must(again->fields.size() == message.fields.size(), "the fields are the same again");
  for (std::size_t i = 0; i < message.fields.size(); ++i) {
    fuzz::must(again->fields[i].name == message.fields[i].name &&
                   again->fields[i].value == message.fields[i].value,
               "each field is the same again");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  std::optional<std::size_t> original_size;
  if ((fuzz::take_byte(input) & 1) != 0) original_size = fuzz::take_number(input);
  if (!wire::check_original_size(original_size, kBodyBytesMax).ok()) return 0;
  const auto message = wire::parse_frame(std::string(input), original_size, kBodyBytesMax);
  if (message.ok()) check_again(*message);
  return 0;
}
