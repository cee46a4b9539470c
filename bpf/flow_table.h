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
  __u64 first_ns;
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
};
MLG_STATIC_ASSERT(sizeof(struct mlg_round_side) == 48, "three quarters of a cache line");

struct mlg_round_tcp {
  __u16 flag_counts[MLG_TCP_FLAGS];
  __u16 syn_only;
  __u16 initial_window;
};
MLG_STATIC_ASSERT(sizeof(struct mlg_round_tcp) == 20, "shared with the kernel programs");

/* The key in two parts: of IPv4 addresses the first 12 bytes are always the same. */
#define MLG_ADDRESS_HEAD_BYTES 12
#define MLG_ADDRESS_TAIL_BYTES (MLG_ADDRESS_BYTES - MLG_ADDRESS_HEAD_BYTES)

/* The line that each packet needs. */
struct mlg_round_head {
  __u8 low_tail[MLG_ADDRESS_TAIL_BYTES];
  __u8 high_tail[MLG_ADDRESS_TAIL_BYTES];
  __u16 low_port;
  __u16 high_port;
  __u8 protocol;
  __u8 first_direction; /* of `first`: enum mlg_flow_direction */
  __u8 has_heads;       /* 0: both addresses are IPv4's, and the heads in the rest mean nothing */
  __u8 has_rest;        /* 0: nothing in the rest means anything */
  struct mlg_round_side first;
};
MLG_STATIC_ASSERT(sizeof(struct mlg_round_head) == MLG_CACHE_LINE_BYTES, "a cache line");

struct mlg_round_rest {
  __u8 low_head[MLG_ADDRESS_HEAD_BYTES];
  __u8 high_head[MLG_ADDRESS_HEAD_BYTES];
  struct mlg_round_tcp tcp[MLG_FLOW_DIRECTIONS];
  struct mlg_round_side second; /* the other direction's */
  __u8 padding[16];             /* always zero */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_round_rest) == 2 * MLG_CACHE_LINE_BYTES, "two cache lines");

/* Both, as the ring has them. */
struct mlg_round_flow {
  struct mlg_round_head head;
  struct mlg_round_rest rest;
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

MLG_INLINE __u32 mlg_read_u32(const __u8* at) {
  __u32 value;
  __builtin_memcpy(&value, at, sizeof(value));
  return value;
}

/* Whether it is the head of an IPv4 address, ::ffff:0:0/96. */
MLG_INLINE int mlg_is_ipv4_head(const __u8* address) {
  const __u32 zeros = mlg_read_u32(address) | mlg_read_u32(address + 4);
  const __u32 ones = (__u32)mlg_read_be16(address + 8) << 16 | mlg_read_be16(address + 10);
  return (zeros | (ones ^ 0xffffU)) == 0;
}

MLG_INLINE int mlg_same_head(const __u8* a, const __u8* b) {
  return ((mlg_read_u32(a) ^ mlg_read_u32(b)) | (mlg_read_u32(a + 4) ^ mlg_read_u32(b + 4)) |
          (mlg_read_u32(a + 8) ^ mlg_read_u32(b + 8))) == 0;
}

/* Where a flow is. */
struct mlg_round_at {
  struct mlg_round_head* head;
  struct mlg_round_rest* rest;
};

MLG_INLINE void mlg_round_need_rest(struct mlg_round_at flow) {
  if (flow.head->has_rest) return;
  __builtin_memset(flow.rest, 0, sizeof(*flow.rest));
  flow.head->has_rest = 1;
}

/* A flow without packets yet. `direction`: of its first one. */
MLG_INLINE void mlg_round_begin(struct mlg_round_at flow, const struct mlg_flow_key* key,
                                enum mlg_flow_direction direction) {
  __builtin_memset(flow.head, 0, sizeof(*flow.head));
  __builtin_memcpy(flow.head->low_tail, key->low_address + MLG_ADDRESS_HEAD_BYTES,
                   MLG_ADDRESS_TAIL_BYTES);
  __builtin_memcpy(flow.head->high_tail, key->high_address + MLG_ADDRESS_HEAD_BYTES,
                   MLG_ADDRESS_TAIL_BYTES);
  flow.head->low_port = key->low_port;
  flow.head->high_port = key->high_port;
  flow.head->protocol = key->protocol;
  flow.head->first_direction = (__u8)direction;
  if (mlg_is_ipv4_head(key->low_address) && mlg_is_ipv4_head(key->high_address)) return;
  mlg_round_need_rest(flow);
  flow.head->has_heads = 1;
  __builtin_memcpy(flow.rest->low_head, key->low_address, MLG_ADDRESS_HEAD_BYTES);
  __builtin_memcpy(flow.rest->high_head, key->high_address, MLG_ADDRESS_HEAD_BYTES);
}

/* Its packets are forgotten. */
MLG_INLINE void mlg_round_clear(struct mlg_round_at flow) {
  __builtin_memset(&flow.head->first, 0, sizeof(flow.head->first));
  if (!flow.head->has_rest) return;
  __builtin_memset(&flow.rest->tcp, 0, sizeof(flow.rest->tcp));
  __builtin_memset(&flow.rest->second, 0, sizeof(flow.rest->second));
}

MLG_INLINE void mlg_round_key_of(struct mlg_round_at flow, struct mlg_flow_key* key) {
  __builtin_memset(key, 0, sizeof(*key));
  if (flow.head->has_heads) {
    __builtin_memcpy(key->low_address, flow.rest->low_head, MLG_ADDRESS_HEAD_BYTES);
    __builtin_memcpy(key->high_address, flow.rest->high_head, MLG_ADDRESS_HEAD_BYTES);
  } else {
    __builtin_memset(key->low_address + 10, 0xff, 2);
    __builtin_memset(key->high_address + 10, 0xff, 2);
  }
  __builtin_memcpy(key->low_address + MLG_ADDRESS_HEAD_BYTES, flow.head->low_tail,
                   MLG_ADDRESS_TAIL_BYTES);
  __builtin_memcpy(key->high_address + MLG_ADDRESS_HEAD_BYTES, flow.head->high_tail,
                   MLG_ADDRESS_TAIL_BYTES);
  key->low_port = flow.head->low_port;
  key->high_port = flow.head->high_port;
  key->protocol = flow.head->protocol;
}

/* Whether it is the flow of this key. */
MLG_INLINE int mlg_round_is(struct mlg_round_at flow, const struct mlg_flow_key* key) {
  const struct mlg_round_head* head = flow.head;
  const __u32 differ =
      (mlg_read_u32(head->low_tail) ^ mlg_read_u32(key->low_address + MLG_ADDRESS_HEAD_BYTES)) |
      (mlg_read_u32(head->high_tail) ^ mlg_read_u32(key->high_address + MLG_ADDRESS_HEAD_BYTES)) |
      (__u32)(head->low_port ^ key->low_port) | (__u32)(head->high_port ^ key->high_port) |
      (__u32)(head->protocol ^ key->protocol);
  if (differ != 0) return 0;
  if (head->has_heads) {
    return mlg_same_head(flow.rest->low_head, key->low_address) &&
           mlg_same_head(flow.rest->high_head, key->high_address);
  }
  return mlg_is_ipv4_head(key->low_address) && mlg_is_ipv4_head(key->high_address);
}

MLG_INLINE int mlg_round_is_empty(struct mlg_round_at flow) {
  return flow.head->first.packets == 0 && (!flow.head->has_rest || flow.rest->second.packets == 0);
}

/* The times of one CPU do not go back, and a round ends long before four seconds: what says
 * otherwise does not fit. */
MLG_INLINE int mlg_round_fits(const struct mlg_round_side* side, __u32 ip_bytes, __u64 time_ns) {
  if (ip_bytes > 0xffff || side->packets == 0xffff) return 0;
  return side->packets == 0 || time_ns - side->first_ns <= 0xffffffffULL;
}

MLG_INLINE void mlg_round_add_time(struct mlg_round_side* side, __u64 time_ns) {
  if (side->packets == 0) {
    side->first_ns = time_ns;
    return;
  }
  const __u32 after_ns = (__u32)(time_ns - side->first_ns);
  if (after_ns <= side->last_after_ns) return; /* a gap of 0 */
  const __u32 gap_us = (after_ns - side->last_after_ns) / (__u32)MLG_NS_PER_US;
  side->gap_sum_us += gap_us;
  side->gap_squares_us2 += (__u64)gap_us * gap_us;
  side->last_after_ns = after_ns;
}

/* `is_first`: nothing of this side was counted before. */
MLG_INLINE void mlg_round_add_tcp(struct mlg_round_tcp* tcp, const struct mlg_packet* packet,
                                  int is_first) {
  if (is_first) tcp->initial_window = packet->tcp_window;
  for (int bit = 0; bit < MLG_TCP_FLAGS; ++bit) {
    tcp->flag_counts[bit] = (__u16)(tcp->flag_counts[bit] + (packet->tcp_flags >> bit & 1));
  }
  if ((packet->tcp_flags & (MLG_TCP_SYN | MLG_TCP_ACK)) == MLG_TCP_SYN) {
    tcp->syn_only = (__u16)(tcp->syn_only + 1);
  }
}

/* Counts one packet of the flow, as mlg_flow_account does; 0 when it does not fit, and nothing was
 * counted. */
MLG_INLINE int mlg_round_account(struct mlg_round_at flow, const struct mlg_packet* packet,
                                 enum mlg_flow_direction direction, __u64 time_ns) {
  const int is_second = flow.head->first_direction != (__u8)direction;
  const int is_tcp = packet->protocol == MLG_PROTOCOL_TCP;
  if (is_second || is_tcp) mlg_round_need_rest(flow);
  struct mlg_round_side* side = is_second ? &flow.rest->second : &flow.head->first;
  if (!mlg_round_fits(side, packet->ip_bytes, time_ns)) return 0;
  const __u16 size = (__u16)packet->ip_bytes;
  mlg_round_add_time(side, time_ns);
  if (is_tcp) {
    mlg_round_add_tcp(&flow.rest->tcp[direction == MLG_FROM_HIGH ? 1 : 0], packet,
                      side->packets == 0);
  }
  if (side->packets == 0 || size < side->size_min) side->size_min = size;
  if (size > side->size_max) side->size_max = size;
  side->packets = (__u16)(side->packets + 1);
  side->bytes += size;
  side->payload_bytes += packet->payload_bytes;
  side->size_squares += (__u64)size * size;
  side->payload_packets = (__u16)(side->payload_packets + (packet->payload_bytes > 0));
  return 1;
}

MLG_INLINE void mlg_round_unfold_side(const struct mlg_round_side* side,
                                      const struct mlg_round_tcp* tcp, struct mlg_flow_side* out) {
  if (side->packets == 0) return;
  out->packets = side->packets;
  out->bytes = side->bytes;
  out->payload_bytes = side->payload_bytes;
  out->size_squares = side->size_squares;
  out->first_ns = side->first_ns;
  out->last_ns = side->first_ns + side->last_after_ns;
  out->gap_sum_us = side->gap_sum_us;
  out->gap_squares_us2 = side->gap_squares_us2;
  out->gaps = side->packets - 1U;
  out->payload_packets = side->payload_packets;
  out->size_min = side->size_min;
  out->size_max = side->size_max;
  if (!tcp) return;
  for (int bit = 0; bit < MLG_TCP_FLAGS; ++bit) out->flag_counts[bit] = tcp->flag_counts[bit];
  out->syn_only = tcp->syn_only;
  out->initial_window = tcp->initial_window;
}

/* `out` is overwritten whole. */
MLG_INLINE void mlg_round_unfold(struct mlg_round_at flow, struct mlg_flow_counters* out) {
  const int first = flow.head->first_direction == MLG_FROM_HIGH ? MLG_FROM_HIGH : MLG_FROM_LOW;
  const struct mlg_round_tcp* tcp = flow.head->has_rest ? flow.rest->tcp : 0;
  __builtin_memset(out, 0, sizeof(*out));
  mlg_round_unfold_side(&flow.head->first, tcp ? &tcp[first] : 0, &out->side[first]);
  if (!tcp) return;
  mlg_round_unfold_side(&flow.rest->second, &tcp[1 - first], &out->side[1 - first]);
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif
#endif
