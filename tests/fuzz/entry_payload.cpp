// The payload of a log entry, from a follower's leader or a shipped file, and the row images in it.
#include "db/entry_codec.h"
#include "db/row_image.h"
#include "tests/fuzz/fuzz.h"

using namespace mlguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const auto entry = db::decode_payload(input);
  if (!entry.ok()) return 0;
  const std::string again = db::encode_payload(*entry);
  const auto twice = db::decode_payload(again);
  fuzz::must(twice.ok(), "what was decoded encodes to what decodes");
  fuzz::must(db::encode_payload(*twice) == again, "and to the same bytes");
  fuzz::must(twice->hlc == entry->hlc && twice->rows == entry->rows &&
                 twice->request_id == entry->request_id &&
                 twice->compare_and_set == entry->compare_and_set,
             "every field survives");
  const auto images = db::decode_images(entry->rows);
  if (!images.ok()) return 0;
  for (const db::RowImage& image : *images) {
    fuzz::must(image.table != nullptr && !image.values.empty(), "an image names a table");
    fuzz::must(image.values.size() <= image.table->columns.size(), "and no more than its columns");
  }
  return 0;
}
