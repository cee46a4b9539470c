// A firewall's state file from anywhere: cut off, damaged, or made up. What is accepted encodes to
// what decodes again, and can be enforced. The first byte says whether the rest is a file, or what
// stands in one that is otherwise right: past its hash no chance gets.
#include "base/bytes.h"
#include "base/sha256.h"
#include "firewall/rule_table.h"
#include "firewall/state_file.h"
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

namespace {

constexpr std::size_t kRulesMax = 1'000;
constexpr std::int64_t kNowMs = 1'700'000'000'000;
constexpr unsigned kBodyOnly = 1;  // a bit of the first byte

std::string file_around(std::string_view body) {
  base::Sha256 hash;
  hash.update(body);
  std::string file(firewall::kStateMagic);
  base::ByteWriter out(file);
  out.fixed64(body.size());
  out.raw(hash.finish());
  out.raw(body);
  return file;
}

void check(const std::string& file) {
  const firewall::StateContent content = firewall::decode_state(file);
  std::string again(firewall::kStateMagic);
  firewall::RuleTable table(kRulesMax);
  for (const base::RuleSet& set : content.sets) {
    again += firewall::encode_state_part(set);
    static_cast<void>(table.apply(set, kNowMs));
  }
  const firewall::StateContent back = firewall::decode_state(again);
  fuzz::must(back.whole, "what was read is written whole");
  fuzz::must(back.sets.size() == content.sets.size(), "every part comes back");
  std::string third(firewall::kStateMagic);
  for (const base::RuleSet& set : back.sets) third += firewall::encode_state_part(set);
  fuzz::must(third == again, "and as it was");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  const unsigned how = fuzz::take_byte(text);
  check((how & kBodyOnly) != 0 ? file_around(text) : std::string(text));
  return 0;
}
