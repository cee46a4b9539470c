#include "db/entry_codec.h"

#include "base/bytes.h"

namespace mlguard::db {

namespace {

constexpr std::uint8_t kPayloadVersion = 1;
constexpr std::uint8_t kCompareAndSetFlag = 1;

base::Error bad_entry(const std::string& why) {
  return {base::ErrorCode::corrupt, "bad_entry", "a log entry cannot be read: " + why};
}

}  // namespace

std::string encode_payload(const LogEntry& entry) {
  std::string payload;
  payload.reserve(entry.rows.size() + entry.summary.size() + 128);
  base::ByteWriter out(payload);
  out.byte(kPayloadVersion);
  out.byte(entry.compare_and_set ? kCompareAndSetFlag : 0);
  out.fixed64(entry.hlc);
  out.counted(entry.author);
  out.counted(entry.resource);
  out.counted(entry.summary);
  out.counted(entry.request_id);
  out.counted(entry.result);
  out.counted(entry.rows);
  return payload;
}

base::Result<LogEntry> decode_payload(std::string_view payload) {
  base::ByteReader in(payload);
  if (in.byte() != kPayloadVersion) {
    return bad_entry("its version is not known here; update this instance");
  }
  LogEntry entry;
  const auto flags = in.byte();
  entry.hlc = in.fixed64().value_or(0);
  for (std::string* text : {&entry.author, &entry.resource, &entry.summary, &entry.request_id,
                            &entry.result, &entry.rows}) {
    *text = in.counted().value_or(std::string_view());
  }
  if (!in.at_end() || flags.value_or(0) > kCompareAndSetFlag) {
    return bad_entry("it is cut short or damaged");
  }
  entry.compare_and_set = *flags == kCompareAndSetFlag;
  return entry;
}

}  // namespace mlguard::db
