// Sealed files: what goes in comes out, and every way to damage one is noticed and named.
#include "replicator/segment.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/ids.h"
#include "db/adopt.h"
#include "tests/unit/replicator/shipping_fixture.h"

namespace mlguard::replicator::test {
namespace {

class SegmentTest : public ShippingTest {
 protected:
  SegmentTest() { std::filesystem::create_directories(shipped()); }

  std::vector<Entry> entries_of(TestSource& source, Revision after = 0) {
    auto entries = source.entries(after, 10'000, 1U << 30);
    EXPECT_TRUE(entries.ok());
    return std::move(entries).value();
  }
  // Writes the entries after `before` as one segment.
  FileName write(const std::vector<Entry>& entries, const Position& before = {}) {
    const auto header = write_segment(shipped(), key_, 1, before, entries);
    EXPECT_TRUE(header.ok()) << header.error().message;
    return name_of(*header);
  }
  FileName write_some(int count = 5, std::size_t bytes = 40) {
    const auto source = make_source();
    source->write_many(count, bytes);
    return write(entries_of(*source));
  }
  base::Result<Segment> read(const FileName& name) { return read_segment(path(name), key_); }
  // As if the file held these bytes: from memory, because there are many tries.
  base::Result<Segment> read_as(const FileName& name, const std::string& bytes) {
    base::UniqueFd fd(memfd_create("segment", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(lseek(fd.get(), 0, SEEK_SET), 0);
    return read_segment(std::move(fd), path(name), key_);
  }
};

TEST_F(SegmentTest, EntriesComeBackAsTheyWere) {
  const auto source = make_source();
  source->write_many(7);
  const std::vector<Entry> entries = entries_of(*source);
  const FileName name = write(entries);
  EXPECT_EQ(name.text(), "000000000001-000000000007-000001.seg");
  const auto segment = read(name);
  ASSERT_TRUE(segment.ok()) << segment.error().message;
  ASSERT_EQ(segment->entries.size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_TRUE(replicator::position_of(segment->entries[i]) ==
                replicator::position_of(entries[i]));
    EXPECT_EQ(segment->entries[i].payload, entries[i].payload);
  }
  EXPECT_TRUE(end_of(segment->header) == position_of(source->store()));
  EXPECT_EQ(segment->header.generation, 1u);
  EXPECT_EQ(segment->header.time_ms, clock_.wall_ms());
}

TEST_F(SegmentTest, AnEntryLargerThanAChunkIsSpreadOverSeveral) {
  const auto source = make_source();
  source->write(2 * kChunkBytesMax + 1'000);
  source->write(kChunkBytesMax);
  const std::vector<Entry> entries = entries_of(*source);
  const auto segment = read(write(entries));
  ASSERT_TRUE(segment.ok()) << segment.error().message;
  EXPECT_EQ(segment->entries[0].payload, entries[0].payload);
  EXPECT_EQ(segment->entries[1].payload, entries[1].payload);
}

TEST_F(SegmentTest, ContentIsCompressedWhereThatHelps) {
  const auto source = make_source();
  const std::string document = "{\"x\":\"" + std::string(200'000, 'a') + "\"}";
  ASSERT_TRUE(source->store().begin_group().ok());
  ASSERT_TRUE(source->store().execute({db::PutConfig{"rag", document, "", {}}, "o", ""}).ok());
  ASSERT_TRUE(source->store().commit_group().ok());
  const FileName name = write(entries_of(*source));
  EXPECT_LT(std::filesystem::file_size(path(name)), 5'000u);
  EXPECT_TRUE(read(name).ok());
}

TEST_F(SegmentTest, NothingOfTheContentIsReadableInTheFile) {
  const FileName name = write_some();
  const std::string bytes = support::read_text(path(name));
  for (const char* word : {"sniffer", "operator", "config"}) {
    EXPECT_EQ(bytes.find(word), std::string::npos) << word;
  }
}

TEST_F(SegmentTest, NamesSortByRevisionAndOnlyOneSpellingCounts) {
  const FileName segment{FileKind::segment, 7, 12, 3};
  const FileName snapshot{FileKind::snapshot, 12, 12, 3};
  EXPECT_EQ(FileName::parse(segment.text()), segment);
  EXPECT_EQ(FileName::parse(snapshot.text()), snapshot);
  EXPECT_LT(segment.text(), (FileName{FileKind::segment, 13, 100, 3}.text()));
  const FileName huge{FileKind::segment, 1, ~std::uint64_t{0}, ~std::uint64_t{0}};
  EXPECT_EQ(FileName::parse(huge.text()), huge);
  for (const char* text :
       {"", ".seg", "7-12-3.seg", "000000000007-000000000012.seg", "000000000012-000003.snap.x",
        "000000000007-000000000012-000003.snap", "0000000000007-000000000012-000003.seg",
        "000000000007-000000000012-000003.seg.tmp-0011", "00000000000x-000003.snap",
        "000000000012-000003-.snap", "-000000000012-000003.seg", "control.db"}) {
    EXPECT_FALSE(FileName::parse(text)) << text;
  }
}

TEST_F(SegmentTest, WhereverItIsCutItIsTruncated) {
  const FileName name = write_some(20);
  const std::string whole = support::read_text(path(name));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_EQ(reason_of(read_as(name, whole.substr(0, size))), "segment_truncated") << size;
  }
  EXPECT_TRUE(read_as(name, whole).ok());
}

TEST_F(SegmentTest, WhicheverBitFlipsItIsRefusedAsDamaged) {
  const FileName name = write_some(3);
  const std::string whole = support::read_text(path(name));
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const std::string reason = reason_of(read_as(name, damaged));
    const std::string expected = bit < 64 ? "not_a_segment" : "segment_damaged";
    ASSERT_EQ(reason, expected) << "bit " << bit;
  }
}

TEST_F(SegmentTest, ChunksInAnotherOrderAreNamedSo) {
  const FileName name = write_some(1, 4 * kChunkBytesMax);
  change(name, [](std::string& bytes) {
    const std::size_t chunk = kChunkHeadBytes + kChunkBytesMax + wire::kTagBytes;
    const std::string first = bytes.substr(kSealedHeaderBytes, chunk);
    const std::string second = bytes.substr(kSealedHeaderBytes + chunk, chunk);
    bytes.replace(kSealedHeaderBytes, 2 * chunk, second + first);
  });
  EXPECT_EQ(reason_of(read(name)), "segment_reordered");
}

TEST_F(SegmentTest, AChunkOfAnotherFileDoesNotOpen) {
  const auto source = make_source();
  source->write_many(2);
  const std::vector<Entry> entries = entries_of(*source);
  const FileName name = write(entries);
  const std::string before = support::read_text(path(name));
  write(entries);  // The same again: another salt.
  change(name, [&before](std::string& bytes) {
    bytes.replace(kSealedHeaderBytes, std::string::npos, before.substr(kSealedHeaderBytes));
  });
  EXPECT_EQ(reason_of(read(name)), "segment_damaged");
}

TEST_F(SegmentTest, BytesAfterItsEndAreDamage) {
  const FileName name = write_some();
  change(name, [](std::string& bytes) { bytes += 'x'; });
  EXPECT_EQ(reason_of(read(name)), "segment_damaged");
}

TEST_F(SegmentTest, ARenamedFileSaysWhatItIsCalled) {
  const FileName name = write_some(5);
  const FileName other{FileKind::segment, 6, 10, 1};
  std::filesystem::rename(path(name), path(other));
  const auto renamed = read(other);
  EXPECT_EQ(reason_of(renamed), "segment_renamed");
  EXPECT_NE(renamed.error().message.find(path(other)), std::string::npos);
  EXPECT_NE(renamed.error().message.find("it is " + name.text()), std::string::npos);
}

TEST_F(SegmentTest, AnotherClustersFileNamesBothClusters) {
  const FileName name = write_some();
  const ShippingKey other = ShippingKey::of(wire::ClusterKey::generate());
  const auto foreign = read_segment(path(name), other);
  EXPECT_EQ(reason_of(foreign), "other_cluster");
  EXPECT_NE(foreign.error().message.find(key_.cluster_id), std::string::npos);
  EXPECT_NE(foreign.error().message.find(other.cluster_id), std::string::npos);
  // One who only claims to be of this cluster has not its key.
  EXPECT_EQ(reason_of(read_segment(path(name), {other.key, key_.cluster_id})), "segment_damaged");
}

TEST_F(SegmentTest, WhatIsNoSegmentIsSaidToBeNone) {
  const FileName name = write_some();
  support::write_text(path(name), "hello, this is something else entirely");
  EXPECT_EQ(reason_of(read(name)), "not_a_segment");
  std::filesystem::remove(path(name));
  std::filesystem::create_directory(path(name));
  EXPECT_EQ(reason_of(read(name)), "not_a_segment");
  std::filesystem::remove(path(name));
  ASSERT_EQ(mkfifo(path(name).c_str(), 0600), 0);
  EXPECT_EQ(reason_of(read(name)), "not_a_segment") << "and it does not wait for a writer";
  std::filesystem::remove(path(name));
  EXPECT_EQ(read(name).error().code, base::ErrorCode::not_found);
}

TEST_F(SegmentTest, ANewerFormatAsksForANewerRelease) {
  const FileName name = write_some();
  change(name, [](std::string& bytes) {
    bytes[8] = 2;
    const std::size_t checked = kSealedHeaderBytes - 8;
    bytes.replace(checked, 8, db::digest_bytes(db::blake2b(bytes.substr(0, checked))).substr(0, 8));
  });
  const auto newer = read(name);
  EXPECT_EQ(reason_of(newer), "format_too_new");
  EXPECT_EQ(newer.error().code, base::ErrorCode::unsupported);
}

TEST_F(SegmentTest, ASizeThatCannotBeIsRefusedBeforeAnythingIsAllocated) {
  const FileName name = write_some();
  change(name, [](std::string& bytes) {
    std::string head;
    base::ByteWriter out(head);
    out.fixed64(0);
    out.byte(1);
    out.fixed64(std::uint64_t{1} << 60);
    out.fixed64(std::uint64_t{1} << 60);
    out.raw(db::digest_bytes(db::blake2b(head)).substr(0, 8));
    bytes.replace(kSealedHeaderBytes, kChunkHeadBytes, head);
  });
  EXPECT_EQ(reason_of(read(name)), "segment_damaged");
}

// ---- Sealed with the right key, and still not what it should be ------------------------------

class LyingSegmentTest : public SegmentTest {
 protected:
  // Seals any entries under any header.
  base::Result<Segment> read_sealed(FileHeader header, const std::vector<Entry>& entries) {
    auto writer = SealedFileWriter::create(shipped(), header, key_);
    EXPECT_TRUE(writer.ok());
    std::string content;
    for (const Entry& entry : entries) append_entry(entry, content);
    EXPECT_TRUE(writer->append(content).ok());
    EXPECT_TRUE(writer->publish().ok());
    return read_segment(writer->path(), key_);
  }
  FileHeader header_of(const std::vector<Entry>& entries) const {
    FileHeader header;
    header.first = entries.front().revision;
    header.last = entries.back().revision;
    header.term = entries.back().term;
    header.after = entries.back().digest;
    return header;
  }
  std::vector<Entry> some() {
    if (!source_) {
      source_ = make_source();
      source_->write_many(3);
    }
    return entries_of(*source_);
  }

 private:
  std::unique_ptr<TestSource> source_;
};

TEST_F(LyingSegmentTest, AWrongTermIsNamedSo) {
  const std::vector<Entry> entries = some();
  FileHeader header = header_of(entries);
  EXPECT_TRUE(read_sealed(header, entries).ok());
  header.term = 9;
  EXPECT_EQ(reason_of(read_sealed(header, entries)), "segment_wrong_term");
}

TEST_F(LyingSegmentTest, ABrokenChainIsNamedSo) {
  std::vector<Entry> entries = some();
  const FileHeader header = header_of(entries);
  entries[1].payload = entries[0].payload;
  EXPECT_EQ(reason_of(read_sealed(header, entries)), "segment_broken_chain");
  entries = some();
  entries[1].digest[0] ^= 1;
  EXPECT_EQ(reason_of(read_sealed(header, entries)), "segment_broken_chain");
  FileHeader other = header;
  other.before[0] = 1;
  EXPECT_EQ(reason_of(read_sealed(other, some())), "segment_broken_chain");
}

TEST_F(LyingSegmentTest, EntriesMissingOrTwiceAreRefused) {
  std::vector<Entry> entries = some();
  const FileHeader header = header_of(entries);
  const Entry middle = entries[1];
  entries.erase(entries.begin() + 1);
  EXPECT_EQ(reason_of(read_sealed(header, entries)), "segment_broken_chain");
  entries.insert(entries.begin() + 1, 2, middle);
  EXPECT_EQ(reason_of(read_sealed(header, entries)), "segment_broken_chain");
  EXPECT_EQ(reason_of(read_sealed(header, {})), "segment_damaged");
}

// ---- Snapshots -------------------------------------------------------------------------------

class SnapshotTest : public SegmentTest {
 protected:
  FileName write_snapshot_of(TestSource& source) {
    const std::string copy = folder_ / "copy.db";
    EXPECT_TRUE(source.snapshot_to(copy).ok());
    const auto header = write_snapshot(shipped(), key_, 1, copy);
    EXPECT_TRUE(header.ok()) << header.error().message;
    return name_of(*header);
  }
};

TEST_F(SnapshotTest, ADatabaseComesBackByteForByte) {
  const auto source = make_source();
  source->write_many(30, 30'000);
  const FileName name = write_snapshot_of(*source);
  EXPECT_EQ(name.text(), "000000000030-000001.snap");
  const auto header = unpack_snapshot(path(name), key_, folder_ / "back.db");
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_TRUE(end_of(*header) == position_of(source->store()));
  EXPECT_EQ(header->time_ms, clock_.wall_ms());
  EXPECT_EQ(support::read_text(folder_ / "back.db"), support::read_text(folder_ / "copy.db"));
  const auto mode = std::filesystem::status(folder_ / "back.db").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::mask,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_TRUE(check_snapshot(path(name), key_).ok());
}

TEST_F(SnapshotTest, ADamagedOneLeavesNothingBehind) {
  const auto source = make_source();
  source->write_many(10, 200'000);
  const FileName name = write_snapshot_of(*source);
  const std::string whole = support::read_text(path(name));
  ASSERT_GT(whole.size(), 3 * kChunkBytesMax);
  support::write_text(path(name), whole.substr(0, whole.size() - kChunkBytesMax));
  EXPECT_EQ(reason_of(unpack_snapshot(path(name), key_, folder_ / "back.db")), "segment_truncated");
  EXPECT_EQ(reason_of(check_snapshot(path(name), key_)), "segment_truncated");
  support::write_text(path(name), whole);
  flip_bit(name, whole.size() - 100);
  EXPECT_EQ(reason_of(unpack_snapshot(path(name), key_, folder_ / "back.db")), "segment_damaged");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("back.db")) << entry.path();
  }
}

TEST_F(SnapshotTest, AnExistingFileIsNotOverwritten) {
  const auto source = make_source();
  source->write();
  const FileName name = write_snapshot_of(*source);
  support::write_text(folder_ / "mine", "precious");
  EXPECT_EQ(reason_of(unpack_snapshot(path(name), key_, folder_ / "mine")), "exists");
  EXPECT_EQ(support::read_text(folder_ / "mine"), "precious");
}

TEST_F(SnapshotTest, WhatIsNoDatabaseOfOursIsNotSealed) {
  support::write_text(folder_ / "text", "not a database");
  EXPECT_FALSE(write_snapshot(shipped(), key_, 1, folder_ / "text").ok());
}

}  // namespace
}  // namespace mlguard::replicator::test
