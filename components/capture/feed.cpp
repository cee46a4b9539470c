#include "capture/feed.h"

#include <algorithm>

#include "capture/link_layer.h"

namespace mlguard::capture {

PacketCounts feed(CaptureReader& reader, flow::Tracker& tracker, const Look& look) {
  PacketCounts counts;
  CapturedPacket captured;
  mlg_packet packet;
  while (true) {
    const base::Result<bool> more = reader.next(captured);
    if (!more.ok()) counts.end = more.error();
    if (!more.ok() || !*more) return counts;
    const mlg_parse_result result =
        parse_link(reader.link_type(), captured.bytes, captured.size, packet);
    ++counts.by_result[static_cast<std::size_t>(result)];
    if (result == MLG_PARSE_OK) tracker.add(packet, captured.time_ns);
    if (counts.packets_seen == 0) counts.first_ns = captured.time_ns;
    counts.first_ns = std::min(counts.first_ns, captured.time_ns);
    counts.last_ns = std::max(counts.last_ns, captured.time_ns);
    ++counts.packets_seen;
    if (counts.packets_seen % kPacketsBetweenLooks == 0 && look && !look(counts)) return counts;
  }
}

}  // namespace mlguard::capture
