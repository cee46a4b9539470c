// A shipped segment: any bytes as a file, any bytes as a segment's content under a good seal, and
// damage to a file that was good. What is accepted holds a whole chain, and nothing changed opens.
#include "replicator/segment.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_shipping.h"

using namespace mlguard;

namespace {

base::Result<replicator::Segment> read_bytes(const std::string& bytes) {
  base::UniqueFd fd(memfd_create("segment", MFD_CLOEXEC));
  fuzz::must(::write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
             "memory takes a small file");
  fuzz::must(::lseek(fd.get(), 0, SEEK_SET) == 0, "memory can be read from its start");
  return replicator::read_segment(std::move(fd), fuzz::kSegmentName, fuzz::shipping_key());
}

// Only what was sealed under this key opens: the seed.
void check_file(const std::string& bytes) {
  const auto segment = read_bytes(bytes);
  if (!segment.ok()) return;
  const auto sealed = fuzz::sample_entries();
  fuzz::must(segment->entries.size() == sealed.size(), "a stranger's bytes never open");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    fuzz::must(segment->entries[i].payload == sealed[i].payload, "nor do changed ones");
  }
}

void check_content(std::string_view content) {
  const auto entries = replicator::decode_entries(content);
  if (!entries.ok() || entries->empty()) return;
  std::string again;
  for (const replicator::Entry& entry : *entries) replicator::append_entry(entry, again);
  const auto twice = replicator::decode_entries(again);
  fuzz::must(twice.ok() && twice->size() == entries->size(), "entries encode to what decodes");
  (void)replicator::check_chain({entries->front().revision - 1, 0, {}}, *entries);
}

// Flips a bit or cuts the end off.
void check_damage(std::string_view input) {
  const std::string& good = fuzz::good_segment();
  std::string bytes = good;
  const bool cut = (fuzz::take_byte(input) & 1) != 0;
  const std::size_t at = fuzz::take_number(input) % bytes.size();
  if (cut) {
    bytes.resize(at);
  } else {
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (fuzz::take_byte(input) % 8)));
  }
  fuzz::must(!read_bytes(bytes).ok(), "a damaged segment is refused");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  switch (fuzz::take_byte(input) % 3) {
    case 0: check_file(std::string(input)); break;
    case 1: check_content(input); break;
    default: check_damage(input);
  }
  return 0;
}
