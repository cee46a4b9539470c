/* The blocklist: what the firewall writes and the XDP program drops by. All of it is pinned, so
 * that it outlives both the sniffer and the firewall.
 *
 * Single addresses are in a table of our own, in five arrays that user space maps. A packet that is
 * not blocked reads a word of the filter, which is small enough to stay in the cache; one that is
 * blocked reads a line of the index and one of the addresses besides. Prefixes are in the
 * kernel's trie.
 *
 * An address belongs to a home line of the index, and stands there or in one of the next few when
 * that is full. An entry of a line never moves: programs search while user space writes.
 *
 * Plain C11 and C++; no state. */
#ifndef MLGUARD_BPF_BLOCK_TABLE_H
#define MLGUARD_BPF_BLOCK_TABLE_H

#include "flow_table.h"

#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast" /* C has no other casts. */
#endif

/* That fit. The addresses take 27 MiB at once, prefixes take memory for those that are there. */
#define MLG_BLOCKED_ADDRESSES_MAX 524288
#define MLG_BLOCKED_PREFIXES_MAX 65536

struct mlg_block {
  __u64 expires_boot_ns; /* from then on it drops nothing any more; 0: never */
  __u64 packets;         /* dropped by it */
  __u64 bytes;           /* of these, by their IP length */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_block) == 24, "a value of the blocklist");

/* Whether an address may be written over. One that has left the index may be in use by a program
 * that found it before. */
enum mlg_blocked_use { MLG_BLOCKED_FREE = 0, MLG_BLOCKED_IN_USE = 1, MLG_BLOCKED_LEFT = 2 };

/* Two in a cache line. */
struct mlg_blocked_address {
  struct mlg_block block;
  __u8 tail[MLG_ADDRESS_TAIL_BYTES];
  __u16 use;      /* enum mlg_blocked_use */
  __u16 has_head; /* 0: an IPv4 address, and its head means nothing */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_blocked_address) == 32, "half a cache line");

/* The rest of the address with the same number, in an array of its own. */
struct mlg_blocked_head {
  __u8 head[MLG_ADDRESS_HEAD_BYTES];
  __u8 padding[4]; /* always zero */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_blocked_head) == 16, "shared with the kernel programs");

/* The kernel's longest-prefix-match trie wants the length first, in host byte order. */
struct mlg_block_prefix {
  __u32 prefix_bits; /* of the 16 bytes: 96 more than IPv4's own */
  __u8 address[MLG_ADDRESS_BYTES];
};
MLG_STATIC_ASSERT(sizeof(struct mlg_block_prefix) == 20, "a key of the blocklist");

/* One entry. */
struct mlg_blocklist_state {
  /* Searching the trie costs three times what the table does: it is left out while there is no
   * prefix in it. A number too high costs time, one too low blocks nothing. */
  __u64 prefixes;
  __u64 hash_secret;     /* chosen once, by the first who opens the list; not 0 then */
  __u64 addresses_begun; /* those from there on have never been used */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_blocklist_state) == 24, "shared with the kernel programs");

/* A full list fills four fifths of the index. Then one line in five is full, and the chance that so
 * many in a row are, and an address finds no place, is below 1 in 10,000. With 100,000 addresses
 * hardly one is not at home. */
#define MLG_BLOCKED_LINES 40960
#define MLG_BLOCKED_LINES_AN_ADDRESS 48
MLG_STATIC_ASSERT(MLG_BLOCKED_LINES* MLG_INDEX_ENTRIES >= MLG_BLOCKED_ADDRESSES_MAX / 4 * 5,
                  "room for all");
/* What was taken out of a full line: it finds no address, and others beyond are searched on. */
#define MLG_INDEX_REMOVED MLG_INDEX_NUMBER_MASK
MLG_STATIC_ASSERT(MLG_INDEX_REMOVED > MLG_BLOCKED_ADDRESSES_MAX, "nobody's number");

/* As mlg_flow_hash. */
MLG_INLINE __u64 mlg_block_hash(const __u8* address, __u64 secret) {
  const __u32 low = (__u32)secret;
  const __u32 high = (__u32)(secret >> 32);
  __u32 words[4];
  __builtin_memcpy(words, address, sizeof(words));
  __u64 hash = (__u64)(__u32)(words[0] + low) * (__u32)(words[1] + high);
  hash += (__u64)(__u32)(words[2] + ~high) * (__u32)(words[3] + ~low);
  return mlg_hash_finish(hash);
}
MLG_INLINE __u32 mlg_block_line_of(__u64 hash) {
  return mlg_index_line_of(hash, MLG_BLOCKED_LINES);
}
/* In the word of the filter that belongs to the home line; other bits than the tag's. */
MLG_INLINE __u64 mlg_block_filter_bit_of(__u64 hash) { return 1ULL << ((hash >> 12) & 63); }

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif
#endif
