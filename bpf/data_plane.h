/* What the kernel programs (sniffer.bpf.c) and user space tell each other through maps: the
 * blocklist (block_table.h), the flows of one round (flow_table.h), events, counters and settings.
 *
 * Times are nanoseconds: of CLOCK_MONOTONIC where a packet is told (`time_ns`), of CLOCK_BOOTTIME,
 * which goes on while the machine sleeps, where a block ends (`expires_boot_ns`).
 *
 * Plain C11 and C++; types only. */
#ifndef MLGUARD_BPF_DATA_PLANE_H
#define MLGUARD_BPF_DATA_PLANE_H

#include "block_table.h"
#include "flow_account.h"
#include "flow_table.h"

#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast" /* C has no other casts. */
#endif

/* ---- Flows. ---- */

/* Packets with SYN, FIN or RST begin and end connections: each is told by itself and in order, so
 * that connections which reuse their ports are told apart as they are in a capture. All others are
 * added up by flow (struct mlg_flow_counters). When the ring is full they are added up as well. */
struct mlg_event {
  __u64 time_ns;
  struct mlg_packet packet;
  __u8 padding[4]; /* always zero */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_event) == 64, "shared with the kernel programs");

/* With what this CPU had added up of its flow before it, which is then zeroed in the table. The
 * ring has these, plain events, and flows that made room (struct mlg_round_flow); all differ by
 * their size. */
struct mlg_event_after {
  struct mlg_event event;
  struct mlg_round_flow before;
};
MLG_STATIC_ASSERT(sizeof(struct mlg_event_after) == 256, "shared with the kernel programs");

#define MLG_EVENT_FLAGS (MLG_TCP_SYN | MLG_TCP_FIN | MLG_TCP_RST)
#define MLG_EVENTS_BYTES (8U << 20) /* of the ring: some 116,000 events between two rounds */
/* Flows that make room leave the other half to events: a flood must not hide connections. */
#define MLG_EVICTED_BYTES_MAX (MLG_EVENTS_BYTES / 2)

/* Each CPU has two tables of flows: one is written, user space reads the other, which no program
 * uses any more, and exchanges them. How many flows a table holds is set when the program is
 * loaded. */
#define MLG_TABLES 2
#define MLG_FLOWS_MAX_DEFAULT 65536

/* What is written now: an entry of round_now, which is exchanged as a whole. */
struct mlg_round {
  __u32 table; /* below MLG_TABLES */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_round) == 4, "shared with the kernel programs");

/* ---- Counters: every packet has one fate, so that seen == the sum of all fates. ---- */

enum mlg_point { MLG_POINT_INGRESS = 0, MLG_POINT_EGRESS = 1, MLG_POINTS = 2 };

enum mlg_fate {
  MLG_FATE_ADDED_UP,    /* to its flow, in the table of this round */
  MLG_FATE_EVENT,       /* in the ring */
  MLG_FATE_BLOCKED,     /* dropped: its source is on the blocklist */
  MLG_FATE_SAMPLED_OUT, /* its flow is not in the sample */
  MLG_FATE_SEEN_BEFORE, /* forwarded: it was counted where it came in */
  MLG_FATE_NO_ROOM,     /* no place in the index, or what does not fit, and the ring is full */
  MLG_FATE_PASSED_OVER, /* the first of those by mlg_parse_result, MLG_PARSE_NOT_IP being first */
  MLG_FATES = MLG_FATE_PASSED_OVER + MLG_PARSE_RESULTS - 1
};

struct mlg_counters {
  __u64 seen;
  __u64 fates[MLG_FATES];
  __u64 ring_full; /* events that were added up instead */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_counters) == (MLG_FATES + 2) * 8, "no padding");

/* ---- Settings, one entry; user space may change them at any time. ---- */

struct mlg_settings {
  __u32 account;      /* 0: only the blocklist works */
  __u32 sample_below; /* a flow is in the sample when its hash's lower half is at most this */
  __u32 hash_secret[MLG_HASH_WORDS]; /* chosen once: it also finds the flows */
};
MLG_STATIC_ASSERT(sizeof(struct mlg_settings) == 48, "shared with the kernel programs");

/* The threshold for one flow in `one_in` (at least 1). */
MLG_INLINE __u32 mlg_sample_threshold(__u32 one_in) { return 0xffffffffU / one_in; }

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif
#endif
