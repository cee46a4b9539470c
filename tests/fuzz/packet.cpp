// The packet parser: the first byte chooses the link, the rest is the packet, in a buffer of its
// own size. Whatever it says must be consistent, and a shorter capture must not tell another story.
#include "bpf/packet.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

mlg_parse_result parse(bool ethernet, const std::vector<std::uint8_t>& bytes, mlg_packet& packet) {
  std::memset(&packet, 0xee, sizeof packet);
  // Never null, as the parser wants it, and of exactly this size.
  const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  const std::uint8_t* end = exact.get() + bytes.size();
  return ethernet ? mlg_parse_ethernet(exact.get(), end, &packet)
                  : mlg_parse_ip(exact.get(), end, &packet);
}

void check(mlg_parse_result verdict, const mlg_packet& packet) {
  must(verdict >= MLG_PARSE_OK && verdict < MLG_PARSE_RESULTS, "the verdict is one of the list");
  must(packet.padding[0] == 0 && packet.padding[1] == 0 && packet.padding[2] == 0,
       "padding is zero");
  must(packet.payload_bytes <= packet.ip_bytes, "the payload is inside the packet");
  if (packet.protocol != MLG_PROTOCOL_TCP) {
    must(packet.tcp_flags == 0 && packet.tcp_window == 0, "only TCP has flags and a window");
  }
  if (verdict == MLG_PARSE_OK || verdict == MLG_PARSE_FRAGMENT) {
    must(packet.family != MLG_FAMILY_NONE, "the addresses are told");
  }
  if (verdict != MLG_PARSE_OK) {
    must(packet.source_port == 0 && packet.destination_port == 0 && packet.payload_bytes == 0,
         "only a whole packet has ports");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool ethernet = (data[0] & 1) == 0;
  std::vector<std::uint8_t> bytes(data + 1, data + size);
  mlg_packet whole;
  const mlg_parse_result verdict = parse(ethernet, bytes, whole);
  check(verdict, whole);
  if (bytes.empty()) return 0;
  bytes.pop_back();
  mlg_packet cut;
  const mlg_parse_result cut_verdict = parse(ethernet, bytes, cut);
  check(cut_verdict, cut);
  must(cut_verdict == verdict || cut_verdict == MLG_PARSE_TRUNCATED, "a cut packet tells less");
  return 0;
}
