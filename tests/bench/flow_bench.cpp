// Measures the flow tracker and `sniffer --pcap`. Prints one row per measurement, each beside a
// yardstick in the same run:
//  - ns a packet of the tracker, on steady flows and under a flood of spoofed sources, beside the
//    same accounting into a std::unordered_map that knows no windows, no closing and no bound;
//  - packets/s of `sniffer --pcap` without output on a large capture in memory, beside capinfos and
//    tshark (Debian: tshark) reading the same file. The capture is put together in /dev/shm out of
//    the given ones, each begun anew after the one before it, and removed at the end.
//
//   flow_bench [CAPTURE_FOLDER [PACKETS]]
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "flow/tracker.h"
#include "support/process.h"
#include "support/wait_until.h"
#include "tests/unit/flow/packets.h"

namespace mlguard {
namespace {

using flow::Ends;

constexpr int kRounds = 5;
constexpr std::size_t kTrackerPackets = 4'000'000;
constexpr std::uint64_t kNsBetweenPackets = 1'000;
constexpr double kNsPerMs = 1e6;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct KeyHash {
  std::size_t operator()(const mlg_flow_key& key) const {
    return static_cast<std::size_t>(flow::hash_bytes(&key, sizeof key, 0));
  }
};
struct KeyEqual {
  bool operator()(const mlg_flow_key& a, const mlg_flow_key& b) const {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};

// In random order, so that caches are not flattered.
std::vector<mlg_packet> steady_packets(std::uint32_t flows) {
  std::vector<mlg_packet> packets;
  packets.reserve(kTrackerPackets);
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < kTrackerPackets; ++i) {
    state = flow::mix64(state + i, 0x9e3779b97f4a7c15U);
    const auto number = static_cast<std::uint32_t>(state % flows);
    const Ends ends{1'000 + number % 5'000, 10 + number % 50,
                    static_cast<std::uint16_t>(1'024 + number / 5'000), 443};
    packets.push_back(flow::tcp((state >> 40) % 2 == 0 ? ends : ends.back(), MLG_TCP_ACK, 100));
  }
  return packets;
}

std::vector<mlg_packet> flood_packets() {
  std::vector<mlg_packet> packets;
  packets.reserve(kTrackerPackets);
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < kTrackerPackets; ++i) {
    state = flow::mix64(state + i, 0x9e3779b97f4a7c15U);
    const Ends ends{static_cast<std::uint32_t>(state), 2, static_cast<std::uint16_t>(state >> 32),
                    80};
    packets.push_back(flow::tcp(ends, MLG_TCP_SYN));
  }
  return packets;
}

double tracker_ns(const std::vector<mlg_packet>& packets) {
  std::uint64_t records = 0;
  flow::Tracker tracker({}, [&](const flow::FlowRecord&) { ++records; });
  std::uint64_t now_ns = flow::kStartNs;
  const support::Stopwatch watch;
  for (const mlg_packet& packet : packets) tracker.add(packet, now_ns += kNsBetweenPackets);
  const double ms = watch.ms();
  tracker.finish();
  if (records == 0) std::abort();
  return ms * kNsPerMs / static_cast<double>(packets.size());
}

double plain_map_ns(const std::vector<mlg_packet>& packets) {
  std::unordered_map<mlg_flow_key, mlg_flow_counters, KeyHash, KeyEqual> map;
  std::uint64_t now_ns = flow::kStartNs;
  const support::Stopwatch watch;
  for (const mlg_packet& packet : packets) {
    mlg_flow_key key;
    const mlg_flow_direction direction = mlg_flow_key_of(&packet, &key);
    mlg_flow_account(&map[key], &packet, direction, now_ns += kNsBetweenPackets);
  }
  return watch.ms() * kNsPerMs / static_cast<double>(packets.size());
}

void bench_tracker(const char* what, const std::vector<mlg_packet>& packets) {
  std::vector<double> ours;
  std::vector<double> plain;
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(tracker_ns(packets));
    plain.push_back(plain_map_ns(packets));
  }
  std::printf("tracker, %-22s %6.0f ns a packet; std::unordered_map alone %6.0f ns; ratio %.2f\n",
              what, median(ours), median(plain), median(ours) / median(plain));
  std::fflush(stdout);
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

constexpr std::size_t kPcapHeaderBytes = 24;
constexpr std::size_t kRecordHeaderBytes = 16;

// Writes the packets of one capture, its first second being `begin`; says the last one.
std::uint32_t append_capture(const std::string& capture, std::uint32_t begin, std::size_t most,
                             std::ofstream& out, std::size_t& packets) {
  std::uint32_t last = begin;
  const std::uint32_t first_second = number_at(capture, kPcapHeaderBytes);
  for (std::size_t at = kPcapHeaderBytes; at + kRecordHeaderBytes <= capture.size();) {
    const std::size_t bytes = kRecordHeaderBytes + number_at(capture, at + 8);
    if (at + bytes > capture.size() || packets == most) break;
    std::string record = capture.substr(at, bytes);
    // Captures that go on for days are cut short, so that time stays within 32 bits.
    constexpr std::uint32_t kSecondsMost = 600;
    last = begin + (number_at(capture, at) - first_second) % kSecondsMost;
    std::memcpy(record.data(), &last, sizeof last);
    out.write(record.data(), static_cast<std::streamsize>(record.size()));
    ++packets;
    at += bytes;
  }
  return last;
}

// Ethernet captures in microseconds alone: a pcap file has one link type.
std::size_t write_large_capture(const std::string& folder, const std::string& to,
                                std::size_t most) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> captures;
  for (const auto& path : paths) {
    std::string capture = read_file(path);
    const bool usable = capture.size() > kPcapHeaderBytes + kRecordHeaderBytes &&
                        number_at(capture, 0) == 0xa1b2c3d4 && number_at(capture, 20) == 1;
    if (usable) captures.push_back(std::move(capture));
  }
  std::size_t packets = 0;
  if (captures.empty()) return packets;
  std::ofstream out(to, std::ios::binary);
  out.write(captures.front().data(), kPcapHeaderBytes);
  std::uint32_t second = 1'600'000'000;
  while (packets < most) {
    for (const std::string& capture : captures) {
      second = append_capture(capture, second + 1, most, out, packets);
    }
  }
  return packets;
}

// Packets a second; 0: the program is not there.
double read_rate(const std::vector<std::string>& arguments, std::size_t packets) {
  support::ProcessOptions options;
  options.arguments = arguments;
  const support::Stopwatch watch;
  const support::CommandResult result = support::run_command(options, 600'000);
  if (!result.exit.ok()) {
    std::printf("%s: %s %s\n", arguments[0].c_str(), result.exit.text().c_str(),
                result.err.c_str());
    return 0;
  }
  return static_cast<double>(packets) / watch.ms() * 1'000;
}

std::string program(const char* name) { return std::string("/usr/bin/") + name; }

void bench_pcap(const std::string& folder, std::size_t most) {
  if (!std::filesystem::exists(folder)) {
    std::printf("no captures in %s: tests/sniffer_reference_test unpacks the given ones there\n",
                folder.c_str());
    return;
  }
  const std::string capture = "/dev/shm/mlguard-flow-bench-" + std::to_string(getpid()) + ".pcap";
  const std::size_t packets = write_large_capture(folder, capture, most);
  std::printf("capture of %zu packets, %ju bytes, in memory\n", packets,
              static_cast<std::uintmax_t>(std::filesystem::file_size(capture)));
  std::vector<double> ours;
  std::vector<double> capinfos;
  const bool has_capinfos = std::filesystem::exists(program("capinfos"));
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(
        read_rate({std::string(MLGUARD_BIN_DIR) + "/sniffer", "--pcap", capture}, packets));
    if (has_capinfos) capinfos.push_back(read_rate({program("capinfos"), "-cu", capture}, packets));
  }
  std::printf("sniffer --pcap, no output: %.2f million packets/s\n", median(ours) / 1e6);
  if (has_capinfos) {
    std::printf("capinfos -cu:              %.2f million packets/s; ratio %.2f\n",
                median(capinfos) / 1e6, median(ours) / median(capinfos));
    const double tshark =
        read_rate({program("tshark"), "-r", capture, "-n", "-q", "-z", "conv,tcp"}, packets);
    std::printf("tshark -q -z conv,tcp:     %.2f million packets/s; ratio %.1f\n", tshark / 1e6,
                median(ours) / tshark);
  } else {
    std::printf(
        "capinfos and tshark are not here: apt-get install --no-install-recommends tshark\n");
  }
  std::filesystem::remove(capture);
}

}  // namespace
}  // namespace mlguard

int main(int argc, char** argv) {
  const std::string given = std::string(MLGUARD_BIN_DIR) + "/../tests/pcap-given";
  mlguard::bench_tracker("1,000 steady flows", mlguard::steady_packets(1'000));
  mlguard::bench_tracker("50,000 steady flows", mlguard::steady_packets(50'000));
  mlguard::bench_tracker("flood of new sources", mlguard::flood_packets());
  mlguard::bench_pcap(argc > 1 ? argv[1] : given,
                      argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2'000'000);
}
