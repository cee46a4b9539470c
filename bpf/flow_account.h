/* What is counted of a flow, packet by packet: the same code in the kernel programs and in user
 * space, so that a capture and a live wire give the same numbers.
 *
 * A flow is known by its two endpoints and its protocol, whichever way a packet goes; its counters
 * stand for each direction apart. Values of one flow that were counted apart (one for each CPU, or
 * one after the other) are merged by mlg_flow_merge.
 *
 * Plain C11 and C++: no allocation, no floating point, bounded loops. No locks: a value is written
 * by one CPU or thread at a time. Nothing overflows quietly: what could is saturated, and the field
 * says so. */
#ifndef MLGUARD_BPF_FLOW_ACCOUNT_H
#define MLGUARD_BPF_FLOW_ACCOUNT_H

#include "packet.h"

#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast" /* C has no other casts. */
#endif

#define MLG_TCP_FLAGS 8
#define MLG_NS_PER_US 1000ULL

/* Directions are named by the endpoint that sends: the lower or the higher one of the key. */
enum mlg_flow_direction { MLG_FROM_LOW = 0, MLG_FROM_HIGH = 1, MLG_FLOW_DIRECTIONS = 2 };

/* Endpoints in canonical order: the lower address first (by bytes), and the lower port first where
 * the addresses are equal. May be hashed and compared as bytes. */
struct mlg_flow_key {
  __u8 low_address[MLG_ADDRESS_BYTES];
  __u8 high_address[MLG_ADDRESS_BYTES];
  __u16 low_port; /* as in mlg_packet, ICMP's identifiers included */
  __u16 high_port;
  __u8 protocol;
  __u8 padding[3]; /* always zero */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_flow_key) == 40, "shared with the kernel programs");

struct mlg_flow_side {
  __u64 packets;
  __u64 bytes;         /* sum of ip_bytes */
  __u64 payload_bytes; /* sum of mlg_packet.payload_bytes */
  /* Sum of ip_bytes squared. Room for 4,294,967,296 packets of the largest size; then saturated. */
  __u64 size_squares;
  __u64 first_ns; /* least and greatest time of a packet; both 0 while packets is 0 */
  __u64 last_ns;
  /* Gaps between a packet and the latest one before it, in this direction. A packet that is older
   * than the latest counts a gap of 0. Gaps are cut down to whole µs. The sum holds any gap that
   * 64 bits of ns can tell, a thousand times over; then saturated. */
  __u64 gap_sum_us;
  /* Saturated (all ones) by a single gap of more than 71 minutes, or by 4,294,967,296 gaps of more
   * than 65 ms: the deviation of the gaps is not known then. Idle flows end long before, so that
   * only packets that come late by an hour lead there. */
  __u64 gap_squares_us2;
  __u32 gaps;
  __u32 flag_counts[MLG_TCP_FLAGS]; /* by bit: FIN SYN RST PSH ACK URG ECE CWR; saturated */
  __u32 syn_only;                   /* packets with SYN and without ACK; saturated */
  __u32 payload_packets;            /* packets with payload; saturated */
  __u32 size_min;                   /* of ip_bytes; both 0 while packets is 0 */
  __u32 size_max;
  __u16 initial_window; /* of the first TCP packet that was accounted; 0 when there is none */
  __u8 padding[2];      /* always zero */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_flow_side) == 120, "shared with the kernel programs");

struct mlg_flow_counters {
  struct mlg_flow_side side[MLG_FLOW_DIRECTIONS];
};
MLG_STATIC_ASSERT(sizeof(struct mlg_flow_counters) == 240, "shared with the kernel programs");

MLG_INLINE __u64 mlg_add_saturated(__u64 a, __u64 b) {
  const __u64 sum = a + b;
  return sum < a ? ~0ULL : sum;
}
MLG_INLINE __u32 mlg_add_saturated32(__u32 a, __u32 b) {
  const __u32 sum = a + b;
  return sum < a ? ~0U : sum;
}

/* Eight bytes of an address as the number that orders them. */
MLG_INLINE __u64 mlg_read_be64(const __u8* at) {
  __u64 value;
  __builtin_memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

/* Fills the key of the packet's flow and says in which direction the packet goes.
 * REQUIRES: the packet was parsed with MLG_PARSE_OK. */
MLG_INLINE enum mlg_flow_direction mlg_flow_key_of(const struct mlg_packet* packet,
                                                   struct mlg_flow_key* key) {
  const __u64 source_0 = mlg_read_be64(packet->source);
  const __u64 source_8 = mlg_read_be64(packet->source + 8);
  const __u64 destination_0 = mlg_read_be64(packet->destination);
  const __u64 destination_8 = mlg_read_be64(packet->destination + 8);
  int source_is_high = source_0 > destination_0;
  if (source_0 == destination_0) source_is_high = source_8 > destination_8;
  if (source_0 == destination_0 && source_8 == destination_8) {
    source_is_high = packet->source_port > packet->destination_port;
  }
  const __u8* low = source_is_high ? packet->destination : packet->source;
  const __u8* high = source_is_high ? packet->source : packet->destination;
  __builtin_memset(key, 0, sizeof(*key));
  __builtin_memcpy(key->low_address, low, MLG_ADDRESS_BYTES);
  __builtin_memcpy(key->high_address, high, MLG_ADDRESS_BYTES);
  key->low_port = source_is_high ? packet->destination_port : packet->source_port;
  key->high_port = source_is_high ? packet->source_port : packet->destination_port;
  key->protocol = packet->protocol;
  return source_is_high ? MLG_FROM_HIGH : MLG_FROM_LOW;
}

MLG_INLINE void mlg_flow_add_gap(struct mlg_flow_side* side, __u64 gap_ns) {
  const __u64 squarable_us = 0xffffffffULL;
  const __u64 gap_us = gap_ns / MLG_NS_PER_US;
  const __u64 square_us2 = gap_us > squarable_us ? ~0ULL : gap_us * gap_us;
  side->gap_sum_us = mlg_add_saturated(side->gap_sum_us, gap_us);
  side->gap_squares_us2 = mlg_add_saturated(side->gap_squares_us2, square_us2);
  side->gaps = mlg_add_saturated32(side->gaps, 1);
}

MLG_INLINE void mlg_flow_add_time(struct mlg_flow_side* side, __u64 time_ns) {
  if (side->packets == 0) {
    side->first_ns = time_ns;
    side->last_ns = time_ns;
    return;
  }
  mlg_flow_add_gap(side, time_ns > side->last_ns ? time_ns - side->last_ns : 0);
  if (time_ns < side->first_ns) side->first_ns = time_ns;
  if (time_ns > side->last_ns) side->last_ns = time_ns;
}

MLG_INLINE void mlg_flow_add_tcp(struct mlg_flow_side* side, const struct mlg_packet* packet) {
  if (packet->protocol != MLG_PROTOCOL_TCP) return;
  if (side->packets == 0) side->initial_window = packet->tcp_window;
  for (int bit = 0; bit < MLG_TCP_FLAGS; ++bit) {
    side->flag_counts[bit] =
        mlg_add_saturated32(side->flag_counts[bit], (__u32)(packet->tcp_flags >> bit) & 1U);
  }
  if ((packet->tcp_flags & (MLG_TCP_SYN | MLG_TCP_ACK)) == MLG_TCP_SYN) {
    side->syn_only = mlg_add_saturated32(side->syn_only, 1);
  }
}

/* Counts one packet of the flow. `direction` is mlg_flow_key_of's answer. A value that is all zero
 * is an empty flow. */
MLG_INLINE void mlg_flow_account(struct mlg_flow_counters* counters,
                                 const struct mlg_packet* packet, enum mlg_flow_direction direction,
                                 __u64 time_ns) {
  struct mlg_flow_side* side = &counters->side[direction == MLG_FROM_HIGH ? 1 : 0];
  const __u64 size = packet->ip_bytes;
  mlg_flow_add_time(side, time_ns);
  mlg_flow_add_tcp(side, packet);
  if (side->packets == 0 || packet->ip_bytes < side->size_min) side->size_min = packet->ip_bytes;
  if (packet->ip_bytes > side->size_max) side->size_max = packet->ip_bytes;
  side->packets += 1;
  side->bytes += size;
  side->payload_bytes += packet->payload_bytes;
  side->size_squares = mlg_add_saturated(side->size_squares, size * size);
  if (packet->payload_bytes > 0) {
    side->payload_packets = mlg_add_saturated32(side->payload_packets, 1);
  }
}

MLG_INLINE void mlg_flow_merge_gaps(struct mlg_flow_side* into, const struct mlg_flow_side* more) {
  into->gap_sum_us = mlg_add_saturated(into->gap_sum_us, more->gap_sum_us);
  into->gap_squares_us2 = mlg_add_saturated(into->gap_squares_us2, more->gap_squares_us2);
  into->gaps = mlg_add_saturated32(into->gaps, more->gaps);
  /* One wholly after the other: the gap between them is known as well. */
  if (more->first_ns >= into->last_ns) {
    mlg_flow_add_gap(into, more->first_ns - into->last_ns);
  } else if (into->first_ns >= more->last_ns) {
    mlg_flow_add_gap(into, into->first_ns - more->last_ns);
  }
}

MLG_INLINE void mlg_flow_merge_side(struct mlg_flow_side* into, const struct mlg_flow_side* more) {
  if (more->packets == 0) return;
  if (into->packets == 0) {
    *into = *more;
    return;
  }
  mlg_flow_merge_gaps(into, more);
  if (more->first_ns < into->first_ns) into->initial_window = more->initial_window;
  if (more->first_ns < into->first_ns) into->first_ns = more->first_ns;
  if (more->last_ns > into->last_ns) into->last_ns = more->last_ns;
  if (more->size_min < into->size_min) into->size_min = more->size_min;
  if (more->size_max > into->size_max) into->size_max = more->size_max;
  into->packets += more->packets;
  into->bytes += more->bytes;
  into->payload_bytes += more->payload_bytes;
  into->size_squares = mlg_add_saturated(into->size_squares, more->size_squares);
  into->syn_only = mlg_add_saturated32(into->syn_only, more->syn_only);
  into->payload_packets = mlg_add_saturated32(into->payload_packets, more->payload_packets);
  for (int bit = 0; bit < MLG_TCP_FLAGS; ++bit) {
    into->flag_counts[bit] = mlg_add_saturated32(into->flag_counts[bit], more->flag_counts[bit]);
  }
}

/* Adds what was counted elsewhere of the same flow. The result equals counting all packets in one
 * place, with one exception: where packets of one direction were counted in two places at
 * interleaved times, gaps between packets of different places are not known (`gaps` says how many
 * are). */
MLG_INLINE void mlg_flow_merge(struct mlg_flow_counters* into,
                               const struct mlg_flow_counters* more) {
  mlg_flow_merge_side(&into->side[0], &more->side[0]);
  mlg_flow_merge_side(&into->side[1], &more->side[1]);
}

/* Who began: the only side that sent a SYN without ACK, else the side of the earliest packet (the
 * lower endpoint when both are equally early).
 * REQUIRES: at least one packet was counted. */
MLG_INLINE enum mlg_flow_direction mlg_flow_initiator(const struct mlg_flow_counters* counters) {
  const struct mlg_flow_side* low = &counters->side[MLG_FROM_LOW];
  const struct mlg_flow_side* high = &counters->side[MLG_FROM_HIGH];
  if ((low->syn_only > 0) != (high->syn_only > 0)) {
    return low->syn_only > 0 ? MLG_FROM_LOW : MLG_FROM_HIGH;
  }
  if (low->packets == 0) return MLG_FROM_HIGH;
  if (high->packets == 0) return MLG_FROM_LOW;
  return high->first_ns < low->first_ns ? MLG_FROM_HIGH : MLG_FROM_LOW;
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif
#endif
