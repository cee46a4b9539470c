// Real captures beside a live wire that carries them (replay.h): five short ones whole, and all
// that there are from their beginning.
#include "unit/sniffer/replay.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "support/private_network.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "unit/sniffer/captures.h"
#include "unit/sniffer/ethernet_copy.h"

namespace mlguard::sniffer {
namespace {

constexpr std::size_t kDifferencesTold = 5;
constexpr std::uint64_t kOpeningsLeast = BusiestRounds().openings;
constexpr std::int64_t kAttachMostMs = 60'000;

std::string joined(const Differences& differences) {
  std::string text = std::to_string(differences.size()) + " differences\n";
  for (std::size_t i = 0; i < std::min(differences.size(), kDifferencesTold); ++i) {
    text += "  " + differences[i] + "\n";
  }
  return text;
}

// What went wrong with a replay that is under way; empty: nothing.
std::string outcome(Replay& replay, std::uint64_t packets, const BusiestRounds& busiest = {}) {
  if (std::string problem = replay.wait_for_the_end(packets); !problem.empty()) return problem;
  const Differences differences = replay.differences(packets, busiest);
  return differences.empty() ? std::string() : joined(differences);
}

// The machine may have been too busy with others: what differed then is seen once more, alone, by
// `replay`, which says what went wrong.
template <class ReplayOne>
std::string seen_again(ReplayOne&& replay) {
  constexpr int kTriesMax = 3;  // Of those that lose packets before the sniffer.
  std::string problem = replay();
  for (int i = 1; i < kTriesMax && problem.starts_with(kLostOnTheCable); ++i) problem = replay();
  return problem;
}

// Short ones of each kind, at the speed at which they were taken, all at once.
TEST(ReplayTest, ALiveWireGivesTheRecordsOfItsCapture) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  struct Row {
    const char* capture;
    std::uint64_t packets;
  };
  constexpr Row kCaptures[] = {
      {"ddos__stopddos_amp.UDP.snmp.src161.pcap", 4'373},
      {"portscan__sgr_hs-tcp_synPingSweepRand.pcap", 513},
      {"portscan__esnet_tcp_0_1000_20190821.pcap", 1'005},
      {"bruteforce__slips_ssh.pcap", 1'178},
      {"benign__pcapplusplus_example.pcap", 4'631},
  };
  const std::string folder = end_to_end_captures();
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  ASSERT_EQ(support::enter_private_network(), "");
  std::vector<std::unique_ptr<Replay>> replays;
  for (const Row& row : kCaptures) {
    replays.push_back(
        std::make_unique<Replay>(folder + "/" + row.capture, static_cast<int>(replays.size())));
  }
  for (const auto& replay : replays) {
    ASSERT_TRUE(support::wait_until([&] { return replay->attached(); }));
  }
  for (const auto& replay : replays) ASSERT_EQ(replay->begin(), "");
  std::vector<const Row*> to_repeat;
  for (std::size_t i = 0; i < replays.size(); ++i) {
    const std::string problem = outcome(*replays[i], kCaptures[i].packets);
    if (problem.empty()) continue;
    std::fprintf(stderr, "to be repeated alone: %s: %s", kCaptures[i].capture, problem.c_str());
    to_repeat.push_back(&kCaptures[i]);
  }
  replays.clear();
  for (const Row* row : to_repeat) {
    const auto alone = [&]() -> std::string {
      Replay replay(folder + "/" + row->capture, 0);
      if (!support::wait_until([&] { return replay.attached(); })) return "no sniffer attached\n";
      if (std::string problem = replay.begin(); !problem.empty()) return problem;
      return outcome(replay, row->packets);
    };
    EXPECT_EQ(seen_again(alone), "") << row->capture;
  }
}

// All captures, many at a time, each for its first seconds.
class EveryCapture {
 public:
  // Every `step`-th of them.
  EveryCapture(std::vector<std::string> captures, double seconds, std::size_t step)
      : captures_(std::move(captures)), seconds_(seconds), step_(step) {}

  void replay(std::size_t at_once) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < at_once; ++i) {
      threads.emplace_back([this, i] { work(static_cast<int>(i)); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& capture : std::exchange(to_repeat_, {})) {
      EXPECT_EQ(seen_again([&] { return replay_one(capture, 0); }), "") << capture;
    }
  }
  std::size_t replayed() const { return replayed_; }
  // Captures without any packet that a cable can carry.
  const std::set<std::string>& empty() const { return empty_; }
  std::uint64_t packets() const { return packets_; }

 private:
  void work(int number) {
    while (true) {
      const std::size_t next = next_.fetch_add(step_);
      if (next >= captures_.size()) return;
      const std::string problem = replay_one(captures_[next], number);
      if (problem.empty()) continue;
      std::fprintf(stderr, "to be repeated alone: %s: %s", captures_[next].c_str(),
                   problem.c_str());
      const std::lock_guard lock(mutex_);
      to_repeat_.push_back(captures_[next]);
    }
  }

  std::string replay_one(const std::string& capture, int number) {
    const support::TempDir folder;
    const std::string frames = folder / "frames.pcap";
    const EthernetCopy copy = copy_to_ethernet(capture, frames, seconds_);
    if (!copy.error.empty()) return copy.error + "\n";
    if (copy.packets == 0) {
      const std::lock_guard lock(mutex_);
      empty_.insert(capture);
      return {};
    }
    Replay replay(frames, number);
    if (!support::wait_until([&] { return replay.attached(); }, kAttachMostMs)) {
      return "no sniffer attached\n";
    }
    if (std::string problem = replay.begin(); !problem.empty()) return problem;
    const std::string problem =
        outcome(replay, copy.packets,
                {copy.round_bytes_most, std::max(kOpeningsLeast, copy.round_openings_most)});
    if (!problem.empty()) return problem;
    ++replayed_;
    packets_ += copy.packets;
    return {};
  }

  const std::vector<std::string> captures_;
  const double seconds_;
  const std::size_t step_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> replayed_ = 0;
  std::atomic<std::uint64_t> packets_ = 0;
  std::mutex mutex_;
  std::vector<std::string> to_repeat_;
  std::set<std::string> empty_;
};

TEST(EveryCaptureTest, ALiveWireGivesTheRecordsOfItsCapture) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string given = given_captures();
  if (given.empty()) GTEST_SKIP() << "no data/pcap-given.tar.xz under " << MLGUARD_SHARED_DIR;
  std::vector<std::string> captures = captures_under(given);
  for (const std::string& capture : captures_under(end_to_end_captures())) {
    captures.push_back(capture);
  }
  // Shortened in `make test`: one in forty, for three seconds. Those of one name are seen whole.
  const char* name = std::getenv("MLGUARD_CAPTURE");
  if (name != nullptr) {
    std::erase_if(captures, [&](const auto& each) { return each.find(name) == each.npos; });
  }
  const bool whole = name != nullptr || std::getenv("MLGUARD_ROUNDS") != nullptr;
  constexpr std::size_t kAtOnce = 16;
  constexpr std::size_t kOneInShort = 40;
  constexpr double kSecondsShort = 3;
  constexpr double kSecondsWhole = 30;
  ASSERT_EQ(support::enter_private_network(), "");
  EveryCapture all(captures, whole ? kSecondsWhole : kSecondsShort, whole ? 1 : kOneInShort);
  all.replay(whole ? kAtOnce : kAtOnce / 2);
  std::printf("%zu captures replayed, %lu packets; %zu have none for a cable\n", all.replayed(),
              static_cast<unsigned long>(all.packets()), all.empty().size());
  for (const std::string& capture : all.empty()) std::printf("  %s\n", capture.c_str());
  const std::size_t wanted = whole ? captures.size() : captures.size() / kOneInShort;
  EXPECT_GE(all.replayed() + all.empty().size(), wanted);
  constexpr std::size_t kEmptyOneIn = 20;
  EXPECT_LE(all.empty().size(), std::max<std::size_t>(1, wanted / kEmptyOneIn));
}

}  // namespace
}  // namespace mlguard::sniffer
