#include "pipeline/sealed_batch.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/pipeline/samples.h"

namespace mlguard::pipeline {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::size_t kAtFlags = 5;
constexpr std::size_t kAtKeyId = 8;
constexpr std::size_t kAtInstance = 16;
constexpr std::size_t kAtSequence = 32;
constexpr std::size_t kAtOriginalSize = 40;

Keyring ring(const std::vector<base::PipelineKey>& keys) { return *Keyring::of(keys); }

OpenedBatch must_open(BatchOpener& opener, const Keyring& keys, const std::string& frame) {
  auto opened = opener.open(keys, kNow, frame);
  if (const Refusal* refusal = std::get_if<Refusal>(&opened)) {
    ADD_FAILURE() << to_string(*refusal);
    return {};
  }
  return std::get<OpenedBatch>(opened);
}

// Not a Refusal when it was taken.
std::optional<Refusal> refusal(BatchOpener& opener, const Keyring& keys, const std::string& frame) {
  auto opened = opener.open(keys, kNow, frame);
  const Refusal* reason = std::get_if<Refusal>(&opened);
  return reason != nullptr ? std::optional(*reason) : std::nullopt;
}

TEST(SealedBatchTest, LargeAndSmallBatchesComeBack) {
  const Keyring keys = ring({pipeline_key(3)});
  BatchSealer sealer;
  BatchOpener opener;
  for (const std::string& batch : {std::string(), std::string("small"), std::string(5'000, 'a')}) {
    const std::uint64_t sequence = sealer.next_sequence();
    const std::string frame = *sealer.seal(keys, kNow, batch);
    const OpenedBatch opened = must_open(opener, keys, frame);
    EXPECT_EQ(opened.batch, batch);
    EXPECT_EQ(opened.sequence, sequence);
    EXPECT_EQ(opened.instance_id, sealer.instance_id());
    EXPECT_EQ(opened.key_id, 3u);
    EXPECT_EQ(frame.find("aaaa"), std::string::npos);
  }
  EXPECT_LT(sealer.seal(keys, kNow, std::string(5'000, 'a'))->size(), 200u) << "not compressed";
}

TEST(SealedBatchTest, EveryBitThatIsChangedIsNoticed) {
  const Keyring keys = ring({pipeline_key(3)});
  BatchSealer sealer;
  const std::string frame = *sealer.seal(keys, kNow, "a batch");
  for (std::size_t at = 0; at < frame.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = frame;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      BatchOpener opener;
      EXPECT_TRUE(refusal(opener, keys, changed).has_value()) << at;
      EXPECT_EQ(opener.senders(), 0u);
    }
  }
  for (std::size_t size = 0; size < frame.size(); ++size) {
    BatchOpener opener;
    EXPECT_EQ(refusal(opener, keys, frame.substr(0, size)), Refusal::malformed);
  }
  BatchOpener opener;
  EXPECT_EQ(refusal(opener, keys, frame + '\0'), Refusal::malformed);
  EXPECT_EQ(refusal(opener, keys, frame), std::nullopt);
}

TEST(SealedBatchTest, EachRefusalHasItsReason) {
  const Keyring keys = ring({pipeline_key(3)});
  BatchSealer sealer;
  BatchOpener opener;
  const std::string frame = *sealer.seal(keys, kNow, std::string(500, 'a'));
  std::string changed = frame;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  EXPECT_EQ(refusal(opener, keys, changed), Refusal::damaged);
  changed = frame;
  changed[kAtSequence] = static_cast<char>(changed[kAtSequence] ^ 1);
  EXPECT_EQ(refusal(opener, keys, changed), Refusal::damaged);
  changed = frame;
  changed[kAtInstance] = static_cast<char>(changed[kAtInstance] ^ 1);
  EXPECT_EQ(refusal(opener, keys, changed), Refusal::damaged);
  changed = frame;
  changed[kAtKeyId] = 4;
  EXPECT_EQ(refusal(opener, keys, changed), Refusal::unknown_key);
  changed = frame;
  changed[kAtFlags] = 0;
  EXPECT_EQ(refusal(opener, keys, changed), Refusal::malformed);
  changed = frame;
  changed[kAtOriginalSize + 3] = 127;  // Half a gigabyte: refused before it is allocated.
  EXPECT_EQ(refusal(opener, keys, changed), Refusal::too_large);
  EXPECT_EQ(refusal(opener, keys, std::string(kFrameBytesMax + 1, 'M')), Refusal::too_large);
  const Keyring others = ring({pipeline_key(4)});
  EXPECT_EQ(refusal(opener, others, frame), Refusal::unknown_key);
  base::PipelineKey forged = pipeline_key(4);
  forged.id = 3;
  EXPECT_EQ(refusal(opener, ring({forged}), frame), Refusal::damaged);
  EXPECT_EQ(refusal(opener, ring({pipeline_key(3, 0, kNow)}), frame), Refusal::expired_key);
  EXPECT_EQ(refusal(opener, ring({pipeline_key(3, 0, kNow + 1)}), frame), std::nullopt);
  EXPECT_EQ(refusal(opener, keys, frame), Refusal::replayed);
}

TEST(SealedBatchTest, AKeyThatIsAnnouncedOpensAlready) {
  BatchSealer sealer;
  BatchOpener opener;
  const std::string frame = *sealer.seal(ring({pipeline_key(3)}), kNow, "batch");
  must_open(opener, ring({pipeline_key(3, kNow + 5'000)}), frame);
}

TEST(SealedBatchTest, FramesMayComeInAnyOrderButOnceEach) {
  const Keyring keys = ring({pipeline_key(3)});
  BatchSealer sealer;
  BatchOpener opener;
  std::vector<std::string> frames;
  for (int i = 0; i < 50; ++i) frames.push_back(*sealer.seal(keys, kNow, "batch"));
  for (std::size_t i = frames.size(); i-- > 0;) must_open(opener, keys, frames[i]);
  for (const std::string& frame : frames) {
    EXPECT_EQ(refusal(opener, keys, frame), Refusal::replayed);
  }
  const std::string late = *sealer.seal(keys, kNow, "late");
  for (std::uint64_t i = 0; i < wire::kReplayWindowCounters; ++i) {
    frames.back() = *sealer.seal(keys, kNow, "batch");
  }
  must_open(opener, keys, frames.back());
  EXPECT_EQ(refusal(opener, keys, late), Refusal::replayed) << "too far behind";
}

TEST(SealedBatchTest, EverySenderHasItsOwnKeyStreamAndWindow) {
  const Keyring keys = ring({pipeline_key(3)});
  BatchOpener opener;
  std::set<std::string> sealed;
  for (int i = 0; i < 20; ++i) {
    BatchSealer sealer;
    const std::string frame = *sealer.seal(keys, kNow, "the same batch");
    // Without the tag, which differs by the header alone.
    const std::size_t size = frame.size() - kFrameHeaderBytes - wire::kTagBytes;
    EXPECT_TRUE(sealed.insert(frame.substr(kFrameHeaderBytes, size)).second);
    must_open(opener, keys, frame);
  }
  EXPECT_EQ(opener.senders(), 20u);
}

TEST(SealedBatchTest, TheSenderThatWasSilentLongestMakesRoom) {
  const Keyring keys = ring({pipeline_key(3)});
  BatchOpener opener(2);
  std::array<BatchSealer, 3> senders;
  std::vector<std::string> first;
  for (BatchSealer& sender : senders) first.push_back(*sender.seal(keys, kNow, "batch"));
  must_open(opener, keys, first[0]);
  must_open(opener, keys, first[1]);
  must_open(opener, keys, *senders[0].seal(keys, kNow, "batch"));
  must_open(opener, keys, first[2]);
  EXPECT_EQ(opener.senders(), 2u);
  EXPECT_EQ(refusal(opener, keys, first[0]), Refusal::replayed) << "this one is remembered";
  EXPECT_EQ(refusal(opener, keys, first[1]), std::nullopt) << "this one made room";
}

TEST(SealedBatchTest, NothingIsSealedWithoutAnActiveKeyOrOverTheLimit) {
  BatchSealer sealer;
  EXPECT_EQ(sealer.seal(Keyring(), kNow, "batch").error().reason, "no_key");
  EXPECT_EQ(sealer.seal(ring({pipeline_key(1, kNow + 1)}), kNow, "batch").error().reason, "no_key");
  EXPECT_EQ(sealer.seal(ring({pipeline_key(1)}), kNow, std::string(kBatchBytesMax + 1, 'a'))
                .error()
                .reason,
            "batch_too_large");
  EXPECT_EQ(sealer.next_sequence(), 0u);
}

}  // namespace
}  // namespace mlguard::pipeline
