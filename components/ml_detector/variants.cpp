#include "ml_detector/variants.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "capture/capture_reader.h"
#include "capture/link_layer.h"

namespace mlguard::ml_detector {
namespace {

using Address = std::array<std::uint8_t, MLG_ADDRESS_BYTES>;

// 2020-01-01, so that times are like those of captures.
constexpr std::uint64_t kMixBeginsNs = 1'577'836'800ULL * 1'000'000'000ULL;
// 10.77.0.1: which one does not matter, as models do not see it.
constexpr Address kMixClient = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 77, 0, 1};

bool is_private(const Address& address) {
  constexpr std::size_t kFirst = 12;
  if (address[10] != 0xff || address[11] != 0xff) return (address[0] & 0xFEU) == 0xFCU;
  const unsigned a = address[kFirst];
  const unsigned b = address[kFirst + 1];
  return a == 10 || (a == 192 && b == 168) || (a == 172 && b >= 16 && b < 32);
}

Address source_of(const mlg_packet& packet) {
  Address address;
  std::copy_n(packet.source, MLG_ADDRESS_BYTES, address.begin());
  return address;
}

Address client_of(const Packets& packets) {
  std::map<Address, std::size_t> sent;
  for (const TimedPacket& one : packets) ++sent[source_of(one.packet)];
  using Entry = std::pair<const Address, std::size_t>;
  const auto client =
      std::max_element(sent.begin(), sent.end(), [](const Entry& a, const Entry& b) {
        return std::pair(is_private(a.first), a.second) < std::pair(is_private(b.first), b.second);
      });
  return client == sent.end() ? Address{} : client->first;
}

void rename(std::uint8_t* address, const Address& from) {
  if (std::equal(from.begin(), from.end(), address)) {
    std::copy(kMixClient.begin(), kMixClient.end(), address);
  }
}

std::uint64_t begin_of(const Packets& packets) {
  std::uint64_t begin = ~std::uint64_t{0};
  for (const TimedPacket& one : packets) begin = std::min(begin, one.time_ns);
  return begin;
}

}  // namespace

base::Result<Packets> read_packets(const std::string& path) {
  auto reader = capture::CaptureReader::open(path);
  if (!reader.ok()) return reader.error();
  Packets packets;
  capture::CapturedPacket captured;
  while (true) {
    const base::Result<bool> more = (*reader)->next(captured);
    if (!more.ok()) return more.error();
    if (!*more) return packets;
    TimedPacket one;
    one.time_ns = captured.time_ns;
    const mlg_parse_result result =
        capture::parse_link((*reader)->link_type(), captured.bytes, captured.size, one.packet);
    if (result == MLG_PARSE_OK) packets.push_back(one);
  }
}

Packets stretched(Packets packets, double factor) {
  const std::uint64_t begin = begin_of(packets);
  for (TimedPacket& one : packets) {
    const auto since = static_cast<double>(one.time_ns - begin);
    one.time_ns = begin + static_cast<std::uint64_t>(std::llround(since * factor));
  }
  return packets;
}

Packets mixed(const std::vector<Packets>& parts, std::uint64_t apart_ns) {
  Packets all;
  std::uint64_t begin = kMixBeginsNs;
  for (const Packets& part : parts) {
    const Address client = client_of(part);
    const std::uint64_t part_begin = begin_of(part);
    for (TimedPacket one : part) {
      one.time_ns = begin + (one.time_ns - part_begin);
      rename(one.packet.source, client);
      rename(one.packet.destination, client);
      all.push_back(one);
    }
    begin += apart_ns;
  }
  std::stable_sort(all.begin(), all.end(), [](const TimedPacket& a, const TimedPacket& b) {
    return a.time_ns < b.time_ns;
  });
  return all;
}

}  // namespace mlguard::ml_detector
