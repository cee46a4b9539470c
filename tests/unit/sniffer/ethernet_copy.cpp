#include "unit/sniffer/ethernet_copy.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace mlguard::sniffer {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kFrameBytesMax = 1514;
constexpr int kSnapBytes = 262'144;
constexpr double kNanosecondsInASecond = 1e9;

struct Closed {
  void operator()(pcap_t* capture) const { pcap_close(capture); }
  void operator()(pcap_dumper_t* file) const { pcap_dump_close(file); }
};

// Where the IP header begins behind the header of a link; none: the link is not translated.
int ip_offset(int link) {
  switch (link) {
    case DLT_NULL:
    case DLT_LOOP: return 4;
    case DLT_RAW:
    case 101: return 0;  // LINKTYPE_RAW, where libpcap leaves it as it is
    case DLT_LINUX_SLL: return 16;
    case DLT_C_HDLC: return 4;
    case DLT_PPP: return 2;
    default: return -1;
  }
}

// Empty: left out.
std::vector<unsigned char> as_frame(int link, const unsigned char* bytes, std::size_t size) {
  std::vector<unsigned char> frame;
  if (link == DLT_EN10MB) {
    frame.assign(bytes, bytes + size);
  } else {
    int offset = ip_offset(link);
    // With HDLC-like framing in front.
    if (link == DLT_PPP && size > 2 && bytes[0] == 0xff && bytes[1] == 0x03) offset += 2;
    if (link == DLT_PPP && size > 2 && (bytes[0] == 0x0f || bytes[0] == 0x8f)) offset = 4;
    if (offset < 0 || static_cast<std::size_t>(offset) >= size) return {};
    const unsigned version = bytes[offset] >> 4U;
    if (version != 4 && version != 6) return {};
    frame = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00};
    if (version == 6) frame[12] = 0x86, frame[13] = 0xdd;
    frame.insert(frame.end(), bytes + offset, bytes + size);
  }
  if (frame.size() <= kEthernetBytes) return {};
  if (frame.size() > kFrameBytesMax) frame.resize(kFrameBytesMax);
  return frame;
}

// What the IP header says; the frame may hold less.
std::uint64_t ip_bytes(const std::vector<unsigned char>& frame) {
  constexpr std::size_t kIpv6HeaderBytes = 40;
  if (frame.size() < kEthernetBytes + 8) return 0;
  const auto number = [&](std::size_t at) -> std::uint64_t {
    return 256U * frame[kEthernetBytes + at] + frame[kEthernetBytes + at + 1];
  };
  const unsigned version = frame[kEthernetBytes] >> 4U;
  if (version == 4) return number(2);
  return version == 6 ? kIpv6HeaderBytes + number(4) : 0;
}

// Addresses, protocol and ports as they stand in the frame: one way of a flow.
std::string way_of(const std::vector<unsigned char>& frame) {
  constexpr std::size_t kIpv6HeaderBytes = 40;
  constexpr std::size_t kPortsBytes = 4;
  const unsigned char* ip = frame.data() + kEthernetBytes;
  if (frame.size() <= kEthernetBytes + kIpv6HeaderBytes) return {};
  const bool is_ipv4 = ip[0] >> 4U == 4;
  const std::size_t ports = is_ipv4 ? (ip[0] & 15U) * 4U : kIpv6HeaderBytes;
  if (frame.size() < kEthernetBytes + ports + kPortsBytes) return {};
  const auto text = [&](std::size_t at, std::size_t size) {
    return std::string(ip + at, ip + at + size);
  };
  return (is_ipv4 ? text(9, 1) + text(12, 8) : text(6, 1) + text(8, 32)) + text(ports, kPortsBytes);
}

// The most that any stretch of kRoundS held.
class BusiestRound {
 public:
  void add(double at_s, std::uint64_t bytes) {
    packets_.emplace_back(at_s, bytes);
    sum_ += bytes;
    while (packets_.front().first < at_s - kRoundS) {
      sum_ -= packets_.front().second;
      packets_.pop_front();
    }
    most_ = std::max(most_, sum_);
  }
  std::uint64_t most() const { return most_; }

 private:
  std::deque<std::pair<double, std::uint64_t>> packets_;
  std::uint64_t sum_ = 0;
  std::uint64_t most_ = 0;
};

double seconds_of(const timeval& time) {  // tv_usec has nanoseconds here
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) / kNanosecondsInASecond;
}

}  // namespace

EthernetCopy copy_to_ethernet(const std::string& capture, const std::string& copy, double seconds) {
  EthernetCopy made;
  char problem[PCAP_ERRBUF_SIZE] = {};
  const std::unique_ptr<pcap_t, Closed> from(pcap_open_offline_with_tstamp_precision(
      capture.c_str(), PCAP_TSTAMP_PRECISION_NANO, problem));
  const std::unique_ptr<pcap_t, Closed> kind(
      pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapBytes, PCAP_TSTAMP_PRECISION_NANO));
  if (!from) {
    made.error = problem;
    return made;
  }
  const std::unique_ptr<pcap_dumper_t, Closed> to(pcap_dump_open(kind.get(), copy.c_str()));
  if (!to) {
    made.error = pcap_geterr(kind.get());
    return made;
  }
  pcap_pkthdr* header = nullptr;
  const unsigned char* bytes = nullptr;
  timeval begin = {};
  timeval now = {};
  BusiestRound bytes_seen;
  BusiestRound openings;
  std::set<std::string> ways;
  while (pcap_next_ex(from.get(), &header, &bytes) == 1) {
    const std::vector<unsigned char> frame =
        as_frame(pcap_datalink(from.get()), bytes, header->caplen);
    if (frame.empty()) {
      ++made.left_out;
      continue;
    }
    if (made.packets == 0) begin = now = header->ts;
    if (seconds_of(header->ts) - seconds_of(begin) > seconds) {
      ++made.later;
      continue;
    }
    if (seconds_of(header->ts) > seconds_of(now)) now = header->ts;
    pcap_pkthdr written = {};
    written.ts = now;
    written.caplen = written.len = static_cast<bpf_u_int32>(frame.size());
    pcap_dump(reinterpret_cast<unsigned char*>(to.get()), &written, frame.data());
    ++made.packets;
    bytes_seen.add(seconds_of(now), ip_bytes(frame));
    openings.add(seconds_of(now), ways.insert(way_of(frame)).second ? 1 : 0);
  }
  made.round_bytes_most = bytes_seen.most();
  made.round_openings_most = openings.most();
  return made;
}

}  // namespace mlguard::sniffer
