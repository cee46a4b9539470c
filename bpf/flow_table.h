/* The flows of one round on one CPU, in few cache lines: what the kernel programs write a packet
 * into. A packet of a flow that is known touches two lines of it, and one of an index that is small
 * enough to stay in the cache.
 *
 * A round is short: sums need 16 and 32 bits where those of a flow (flow_account.h) need 64. What
 * does not fit is not counted here; whoever counts is told, and tells that packet by itself.
 * Counting here and unfolding (mlg_round_unfold) equals counting by mlg_flow_account.
 *
 * Plain C11 and C++, as flow_account.h. A table is written by one CPU at a time. */
#ifndef MLGUARD_BPF_FLOW_TABLE_H
#define MLGUARD_BPF_FLOW_TABLE_H

#include "flow_account.h"

#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast" /* C has no other casts. */
#endif

#define MLG_CACHE_LINE_BYTES 64

/* The fields are those of mlg_flow_side. Gaps are one less than packets, the last packet came
 * `last_after_ns` after the first: the sums below cannot overflow. */
struct mlg_round_side {
  __u64 size_squares;
  __u64 gap_squares_us2;
  __u32 bytes;
  __u32 payload_bytes;
  __u32 last_after_ns;
  __u32 gap_sum_us;
  __u16 packets;
  __u16 payload_packets;
  __u16 size_min;
  __u16 size_max;
  __u16 initial_window;
  __u16 syn_only;
  __u16 flag_counts[MLG_TCP_FLAGS];
  __u8 padding[4]; /* always zero */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_round_side) == MLG_CACHE_LINE_BYTES, "a cache line");

/* The key in the middle: packets of either direction use two neighbouring lines. */
struct mlg_round_flow {
  struct mlg_round_side low;
  struct mlg_flow_key key;
  __u64 first_ns[MLG_FLOW_DIRECTIONS]; /* as in mlg_flow_side */
  __u8 padding[8];                     /* always zero */
  struct mlg_round_side high;
};
MLG_STATIC_ASSERT(sizeof(struct mlg_round_flow) == 192, "shared with the kernel programs");

/* Finds flows: each entry is the number of a flow in the table and one, and above it some bits of
 * its hash. Entries stand in the order in which their flows began; zeros follow. */
#define MLG_INDEX_ENTRIES 16
#define MLG_INDEX_NUMBER_BITS 20
#define MLG_INDEX_NUMBER_MASK ((1U << MLG_INDEX_NUMBER_BITS) - 1)
#define MLG_ROUND_FLOWS_MAX MLG_INDEX_NUMBER_MASK /* flows that entries can tell apart */
#define MLG_INDEX_ENTRIES_A_FLOW 2                /* so that a line is full in 4 of 1,000 cases */
struct mlg_index_line {
  __u32 entry[MLG_INDEX_ENTRIES];
};
MLG_STATIC_ASSERT(sizeof(struct mlg_index_line) == MLG_CACHE_LINE_BYTES, "a cache line");

/* Where the table's next flow comes; a line of its own, since each CPU has one. */
struct mlg_table_state {
  __u32 begun; /* in this round; from flows_max on, the oldest make room */
  __u8 padding[MLG_CACHE_LINE_BYTES - 4];
};
MLG_STATIC_ASSERT(sizeof(struct mlg_table_state) == MLG_CACHE_LINE_BYTES, "a cache line");

#define MLG_HASH_WORDS (sizeof(struct mlg_flow_key) / 4)

/* splitmix64's (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
 */
MLG_INLINE __u64 mlg_hash_finish(__u64 hash) {
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31);
}

/* Spread evenly over 64 bits, the same for both directions. NH of UMAC (RFC 4418, 5.2.2) over the
 * words of the key: the products do not wait for each other, and who does not know the secret
 * cannot choose flows that meet in one line of the index. */
MLG_INLINE __u64 mlg_flow_hash(const struct mlg_flow_key* key, const __u32* secret) {
  __u64 hash = 0;
  for (unsigned i = 0; i < MLG_HASH_WORDS; i += 2) {
    __u32 words[2];
    __builtin_memcpy(words, (const __u8*)key + i * sizeof(__u32), sizeof(words));
    hash += (__u64)(__u32)(words[0] + secret[i]) * (__u32)(words[1] + secret[i + 1]);
  }
  return mlg_hash_finish(hash);
}

/* The hash's parts: the upper half chooses the line, the lower half the sample; its lowest bits
 * tell entries of a line apart. */
MLG_INLINE __u32 mlg_index_line_of(__u64 hash, __u32 lines) {
  return (__u32)(((hash >> 32) * lines) >> 32);
}
MLG_INLINE __u32 mlg_index_tag_of(__u64 hash) { return (__u32)hash << MLG_INDEX_NUMBER_BITS; }

MLG_INLINE __u32 mlg_index_lines(__u32 flows_max) {
  return (flows_max * MLG_INDEX_ENTRIES_A_FLOW + MLG_INDEX_ENTRIES - 1) / MLG_INDEX_ENTRIES;
}

/* Those behind it move up. */
MLG_INLINE void mlg_index_remove(struct mlg_index_line* line, __u32 number) {
  int found = 0;
  for (int i = 0; i < MLG_INDEX_ENTRIES - 1; ++i) {
    if ((line->entry[i] & MLG_INDEX_NUMBER_MASK) == number + 1) found = 1;
    if (found) line->entry[i] = line->entry[i + 1];
  }
  const __u32 last = line->entry[MLG_INDEX_ENTRIES - 1] & MLG_INDEX_NUMBER_MASK;
  if (found || last == number + 1) line->entry[MLG_INDEX_ENTRIES - 1] = 0;
}

MLG_INLINE int mlg_same_flow(const struct mlg_flow_key* a, const struct mlg_flow_key* b) {
  __u64 differ = 0;
  for (unsigned i = 0; i < sizeof(*a); i += 8) {
    __u64 words[2];
    __builtin_memcpy(&words[0], (const __u8*)a + i, 8);
    __builtin_memcpy(&words[1], (const __u8*)b + i, 8);
    differ |= words[0] ^ words[1];
  }
  return differ == 0;
}

MLG_INLINE void mlg_round_clear_side(struct mlg_round_side* side) {
  __builtin_memset(side, 0, sizeof(*side));
}

/* No packets; the key stays. */
MLG_INLINE void mlg_round_clear(struct mlg_round_flow* flow) {
  mlg_round_clear_side(&flow->low);
  mlg_round_clear_side(&flow->high);
  flow->first_ns[MLG_FROM_LOW] = 0;
  flow->first_ns[MLG_FROM_HIGH] = 0;
}

MLG_INLINE int mlg_round_is_empty(const struct mlg_round_flow* flow) {
  return flow->low.packets == 0 && flow->high.packets == 0;
}

/* `first_ns`: of that side. The times of one CPU do not go back, and a round ends long before four
 * seconds: what says otherwise does not fit. */
MLG_INLINE int mlg_round_fits(const struct mlg_round_side* side, __u64 first_ns, __u32 ip_bytes,
                              __u64 time_ns) {
  if (ip_bytes > 0xffff || side->packets == 0xffff) return 0;
  return side->packets == 0 || time_ns - first_ns <= 0xffffffffULL;
}

MLG_INLINE void mlg_round_add_time(struct mlg_round_side* side, __u64* first_ns, __u64 time_ns) {
  if (side->packets == 0) {
    *first_ns = time_ns;
    return;
  }
  const __u32 after_ns = (__u32)(time_ns - *first_ns);
  if (after_ns <= side->last_after_ns) return; /* a gap of 0 */
  const __u32 gap_us = (after_ns - side->last_after_ns) / (__u32)MLG_NS_PER_US;
  side->gap_sum_us += gap_us;
  side->gap_squares_us2 += (__u64)gap_us * gap_us;
  side->last_after_ns = after_ns;
}

MLG_INLINE void mlg_round_add_tcp(struct mlg_round_side* side, const struct mlg_packet* packet) {
  if (packet->protocol != MLG_PROTOCOL_TCP) return;
  if (side->packets == 0) side->initial_window = packet->tcp_window;
  for (int bit = 0; bit < MLG_TCP_FLAGS; ++bit) {
    side->flag_counts[bit] = (__u16)(side->flag_counts[bit] + (packet->tcp_flags >> bit & 1));
  }
  if ((packet->tcp_flags & (MLG_TCP_SYN | MLG_TCP_ACK)) == MLG_TCP_SYN) {
    side->syn_only = (__u16)(side->syn_only + 1);
  }
}

/* Counts one packet of the flow, as mlg_flow_account does; 0 when it does not fit, and nothing was
 * counted. */
MLG_INLINE int mlg_round_account(struct mlg_round_flow* flow, const struct mlg_packet* packet,
                                 enum mlg_flow_direction direction, __u64 time_ns) {
  struct mlg_round_side* side = direction == MLG_FROM_HIGH ? &flow->high : &flow->low;
  __u64* first_ns = &flow->first_ns[direction == MLG_FROM_HIGH ? 1 : 0];
  if (!mlg_round_fits(side, *first_ns, packet->ip_bytes, time_ns)) return 0;
  const __u16 size = (__u16)packet->ip_bytes;
  mlg_round_add_time(side, first_ns, time_ns);
  mlg_round_add_tcp(side, packet);
  if (side->packets == 0 || size < side->size_min) side->size_min = size;
  if (size > side->size_max) side->size_max = size;
  side->packets = (__u16)(side->packets + 1);
  side->bytes += size;
  side->payload_bytes += packet->payload_bytes;
  side->size_squares += (__u64)size * size;
  side->payload_packets = (__u16)(side->payload_packets + (packet->payload_bytes > 0));
  return 1;
}

MLG_INLINE void mlg_round_unfold_side(const struct mlg_round_side* side, __u64 first_ns,
                                      struct mlg_flow_side* out) {
  __builtin_memset(out, 0, sizeof(*out));
  if (side->packets == 0) return;
  out->packets = side->packets;
  out->bytes = side->bytes;
  out->payload_bytes = side->payload_bytes;
  out->size_squares = side->size_squares;
  out->first_ns = first_ns;
  out->last_ns = first_ns + side->last_after_ns;
  out->gap_sum_us = side->gap_sum_us;
  out->gap_squares_us2 = side->gap_squares_us2;
  out->gaps = side->packets - 1U;
  for (int bit = 0; bit < MLG_TCP_FLAGS; ++bit) out->flag_counts[bit] = side->flag_counts[bit];
  out->syn_only = side->syn_only;
  out->payload_packets = side->payload_packets;
  out->size_min = side->size_min;
  out->size_max = side->size_max;
  out->initial_window = side->initial_window;
}

/* `out` is overwritten whole. */
MLG_INLINE void mlg_round_unfold(const struct mlg_round_flow* flow, struct mlg_flow_counters* out) {
  mlg_round_unfold_side(&flow->low, flow->first_ns[MLG_FROM_LOW], &out->side[MLG_FROM_LOW]);
  mlg_round_unfold_side(&flow->high, flow->first_ns[MLG_FROM_HIGH], &out->side[MLG_FROM_HIGH]);
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif
#endif
