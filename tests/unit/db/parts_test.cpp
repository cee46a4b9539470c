// The small parts of the store: stamps, images, tables, addresses.
#include <gtest/gtest.h>

#include "base/clock.h"
#include "db/cidr.h"
#include "db/connection.h"
#include "db/hybrid_clock.h"
#include "db/migrations.h"
#include "db/row_image.h"
#include "db/tables.h"
#include "db/write_result.h"
#include "tests/unit/db/samples.h"

namespace mlguard::db::test {
namespace {

TEST(HybridClockTest, StampsGrowWhileTheWallClockStandsStillOrGoesBack) {
  base::ManualClock clock;
  HybridClock hlc(clock, 0);
  const std::uint64_t first = hlc.next();
  EXPECT_EQ(hlc_wall_ms(first), clock.wall_ms());
  EXPECT_EQ(hlc.next(), first + 1);
  clock.jump_wall_ms(-1'000'000);
  EXPECT_EQ(hlc.next(), first + 2);
  clock.jump_wall_ms(1'000'001);
  EXPECT_EQ(hlc_wall_ms(hlc.next()), clock.wall_ms());
}

TEST(HybridClockTest, TheCounterBorrowsTheNextMillisecondWhenItIsFull) {
  base::ManualClock clock;
  HybridClock hlc(clock, 0);
  std::uint64_t last = hlc.next();
  for (int i = 0; i < 70'000; ++i) {
    const std::uint64_t next = hlc.next();
    ASSERT_GT(next, last);
    last = next;
  }
  EXPECT_EQ(hlc_wall_ms(last), clock.wall_ms() + 1);
}

TEST(HybridClockTest, StampsGoOnAboveWhatWasObserved) {
  base::ManualClock clock;
  HybridClock hlc(clock, 0);
  const std::uint64_t future = (static_cast<std::uint64_t>(clock.wall_ms()) + 5'000) << 16;
  hlc.observe(future);
  EXPECT_EQ(hlc.next(), future + 1);
}

TEST(TablesTest, TheListAgreesWithTheSchema) {
  Connection db(":memory:", OpenMode::create, 0);
  ASSERT_TRUE(migrate(db, 1).ok());
  std::size_t index = 0;
  for (const ReplicatedTable& table : replicated_tables()) {
    EXPECT_EQ(static_cast<std::size_t>(table.id), ++index) << table.name;
    const std::string from = std::string("pragma_table_info('") + table.name + "')";
    ASSERT_EQ(db.integer_of("SELECT count(*) FROM " + from),
              static_cast<std::int64_t>(table.columns.size()))
        << table.name;
    const char* types[] = {"INTEGER", "REAL", "TEXT", "BLOB"};
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::string at = from + " WHERE cid = " + std::to_string(i);
      EXPECT_EQ(db.text_of("SELECT name FROM " + at), table.columns[i].name);
      EXPECT_EQ(db.text_of("SELECT type FROM " + at),
                types[static_cast<std::size_t>(table.columns[i].type)])
          << table.name << "." << table.columns[i].name;
      EXPECT_EQ(db.integer_of("SELECT pk > 0 FROM " + at), i < table.key_columns ? 1 : 0)
          << table.name << "." << table.columns[i].name;
      EXPECT_EQ(db.integer_of("SELECT \"notnull\" FROM " + at), 1);
    }
  }
  // Whoever adds a table decides whether it is replicated: all others are the node's own.
  EXPECT_EQ(db.integer_of("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT "
                          "LIKE 'sqlite_%'"),
            static_cast<std::int64_t>(replicated_tables().size()) + 5);
}

std::string sample_image() {
  std::string bytes;
  ImageWriter writer(bytes);
  writer.begin(ImageKind::row, table_of(TableId::rule));
  writer.text("r1");
  writer.text("10.0.0.1/32");
  writer.text("drop");
  writer.text(std::string(200, 'x'));
  writer.real(0.25);
  writer.null();
  writer.integer(-1);
  writer.integer(INT64_MAX);
  writer.integer(INT64_MIN);
  writer.integer(0);
  writer.text("");
  writer.integer(1);
  return bytes;
}

TEST(RowImageTest, WhatIsEncodedIsDecodedAgain) {
  std::string bytes = sample_image();
  ImageWriter writer(bytes);
  writer.begin(ImageKind::purge, table_of(TableId::applied));
  writer.text("sniffer");
  writer.text("config");
  const auto images = decode_images(bytes);
  ASSERT_TRUE(images.ok()) << images.error().message;
  ASSERT_EQ(images->size(), 2U);
  const RowImage& rule = images->front();
  EXPECT_STREQ(rule.table->name, "rule");
  EXPECT_EQ(std::get<double>(rule.values[4]), 0.25);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(rule.values[5]));
  EXPECT_EQ(std::get<std::int64_t>(rule.values[6]), -1);
  EXPECT_EQ(std::get<std::int64_t>(rule.values[7]), INT64_MAX);
  EXPECT_EQ(std::get<std::int64_t>(rule.values[8]), INT64_MIN);
  EXPECT_EQ(std::get<std::string_view>(rule.values[10]), "");
  EXPECT_EQ(images->back().kind, ImageKind::purge);
  EXPECT_EQ(images->back().values.size(), 2U);
}

TEST(RowImageTest, CutOrForeignBytesAreRefusedNotGuessed) {
  const std::string bytes = sample_image();
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    EXPECT_EQ(reason_of(decode_images(std::string_view(bytes).substr(0, length))), "bad_image");
  }
  for (const std::size_t at : {0U, 1U, 2U, 3U}) {
    std::string changed = bytes;
    changed[at] = '\x7f';
    EXPECT_EQ(reason_of(decode_images(changed)), "bad_image") << at;
  }
  EXPECT_TRUE(decode_images("").ok());
}

// The format is on disk and on the wire: these bytes may never change. docs/store.md shows them.
TEST(RowImageTest, TheBytesAreThoseOfTheDocumentation) {
  std::string bytes;
  ImageWriter writer(bytes);
  writer.begin(ImageKind::row, table_of(TableId::config_active));
  writer.text("sniffer");
  writer.integer(300);
  writer.integer(5);
  writer.text("n1");
  writer.integer(0);
  EXPECT_EQ(bytes,
            std::string("\x01\x04\x05\x03\x07sniffer\x01\xd8\x04\x01\x0a\x03\x02n1\x01\x00", 23));
  EXPECT_EQ(digest_hex(row_hash(bytes)), digest_hex(blake2b(bytes.substr(1))));
}

TEST(WriteResultTest, ResultsComeBackAsTheyWere) {
  WriteResult result;
  decode_result(encode_result(12, {}), result);
  EXPECT_EQ(result.version, 12U);
  decode_result(encode_result(0, {"a", "b.c", "d"}), result);
  EXPECT_EQ(result.ids, (std::vector<std::string>{"a", "b.c", "d"}));
  EXPECT_EQ(encode_result(0, {}), "");
}

struct CidrCase {
  const char* given;
  const char* canonical;  // nullptr: refused.
};

class CidrTest : public testing::TestWithParam<CidrCase> {};

TEST_P(CidrTest, HasOneSpellingOrIsRefused) {
  const auto result = parse_cidr(GetParam().given);
  if (GetParam().canonical == nullptr) {
    EXPECT_EQ(reason_of(result), "invalid_cidr") << GetParam().given;
  } else {
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(to_text(*result), GetParam().canonical);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Spellings, CidrTest,
    testing::Values(CidrCase{"203.0.113.7", "203.0.113.7/32"},
                    CidrCase{"203.0.113.77/24", "203.0.113.0/24"},
                    CidrCase{"10.1.2.3/9", "10.0.0.0/9"}, CidrCase{"1.2.3.4/0", "0.0.0.0/0"},
                    CidrCase{"1.2.3.4/31", "1.2.3.4/31"},
                    CidrCase{"2001:DB8::1", "2001:db8::1/128"},
                    CidrCase{"2001:db8:ffff::/33", "2001:db8:8000::/33"}, CidrCase{"::/0", "::/0"},
                    CidrCase{"::1/127", "::/127"}, CidrCase{"fe80:0:0:0:0:0:0:1/64", "fe80::/64"},
                    CidrCase{"", nullptr}, CidrCase{"/24", nullptr}, CidrCase{"10.0.0", nullptr},
                    CidrCase{"10.0.0.1/33", nullptr}, CidrCase{"10.0.0.1/", nullptr},
                    CidrCase{"10.0.0.1/-1", nullptr}, CidrCase{"10.0.0.1/08", nullptr},
                    CidrCase{"10.0.0.1/8 ", nullptr}, CidrCase{" 10.0.0.1", nullptr},
                    CidrCase{"010.0.0.1", nullptr}, CidrCase{"256.0.0.1", nullptr},
                    CidrCase{"::ffff:10.0.0.1", nullptr}, CidrCase{"::ffff:10.0.0.0/104", nullptr},
                    CidrCase{"2001:db8::/129", nullptr}, CidrCase{"fe80::1%eth0", nullptr},
                    CidrCase{"example.org", nullptr}, CidrCase{"1.2.3.4/4/4", nullptr}));

}  // namespace
}  // namespace mlguard::db::test
