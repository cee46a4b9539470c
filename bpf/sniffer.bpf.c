/* The kernel's part of the sniffer and of the firewall: at XDP (packets that come in) the blocklist
 * and then the counting of flows; at TC egress (packets that go out) the counting alone. Neither
 * changes a packet. data_plane.h says what the maps hold, docs/data-plane.md how user space reads
 * them. Needs Linux 5.18 (XDP with fragments). */
/* libbpf's headers want the kernel's before them. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "data_plane.h"

/* ---- Maps. ---- */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MLG_BLOCKED_ADDRESSES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, struct mlg_block_address);
  __type(value, struct mlg_block);
} block_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, MLG_BLOCKED_PREFIXES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, struct mlg_block_prefix);
  __type(value, struct mlg_block);
} block_prefixes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, __u32);
  __type(value, struct mlg_blocklist_state);
} block_state SEC(".maps");

struct flow_table {
  __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
  __uint(max_entries, MLG_FLOWS_MAX_DEFAULT);
  __type(key, struct mlg_flow_key);
  __type(value, struct mlg_flow_counters);
} flows_even SEC(".maps"), flows_odd SEC(".maps");

/* What flows_now takes: the loader makes one to show the kernel, so it is small. */
struct flow_table_shape {
  __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
  __uint(max_entries, 64);
  __type(key, struct mlg_flow_key);
  __type(value, struct mlg_flow_counters);
};

/* The table of this round. An update from user space returns when no program uses the old one. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct flow_table_shape);
} flows_now SEC(".maps") = {.values = {(void*)&flows_even}};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, MLG_EVENTS_BYTES);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, MLG_POINTS);
  __type(key, __u32);
  __type(value, struct mlg_counters);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct mlg_settings);
} settings SEC(".maps");

/* Interfaces whose incoming packets are counted already; values are not looked at. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u8);
} watched SEC(".maps");

static const __u32 only_entry = 0;
static const struct mlg_flow_counters no_packets;

/* ---- The blocklist. ---- */

static __always_inline int drops(struct mlg_block* block, const struct mlg_packet* packet) {
  if (!block) return 0;
  if (block->expires_boot_ns != 0 && bpf_ktime_get_boot_ns() >= block->expires_boot_ns) return 0;
  __sync_fetch_and_add(&block->packets, 1);
  __sync_fetch_and_add(&block->bytes, packet->ip_bytes);
  return 1;
}

static __always_inline int is_blocked(const struct mlg_packet* packet) {
  struct mlg_block_prefix prefix = {.prefix_bits = MLG_ADDRESS_BYTES * 8};
  __builtin_memcpy(prefix.address, packet->source, MLG_ADDRESS_BYTES);
  if (drops(bpf_map_lookup_elem(&block_addresses, prefix.address), packet)) return 1;
  const struct mlg_blocklist_state* state = bpf_map_lookup_elem(&block_state, &only_entry);
  if (!state || state->prefixes == 0) return 0;
  return drops(bpf_map_lookup_elem(&block_prefixes, &prefix), packet);
}

/* ---- Flows. ---- */

static __always_inline void fill_event(struct mlg_event* event, const struct mlg_packet* packet,
                                       __u64 time_ns) {
  event->time_ns = time_ns;
  event->packet = *packet;
  __builtin_memset(event->padding, 0, sizeof(event->padding));
}

/* User space comes by itself, at every round: nobody is woken. */
static __always_inline int tell_event(const struct mlg_packet* packet,
                                      struct mlg_flow_counters* before, __u64 time_ns) {
  if (before && before->side[0].packets + before->side[1].packets > 0) {
    struct mlg_event_after* after = bpf_ringbuf_reserve(&events, sizeof(*after), 0);
    if (!after) return 0;
    fill_event(&after->event, packet, time_ns);
    after->before = *before;
    __builtin_memset(before, 0, sizeof(*before));
    bpf_ringbuf_submit(after, BPF_RB_NO_WAKEUP);
    return 1;
  }
  struct mlg_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return 0;
  fill_event(event, packet, time_ns);
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 1;
}

static __always_inline struct mlg_flow_counters* begin_flow(void* table,
                                                            const struct mlg_flow_key* key) {
  /* Another CPU may be quicker: then its entry is found. */
  bpf_map_update_elem(table, key, &no_packets, BPF_NOEXIST);
  return bpf_map_lookup_elem(table, key);
}

static __always_inline enum mlg_fate account(const struct mlg_packet* packet,
                                             struct mlg_counters* count) {
  const struct mlg_settings* set = bpf_map_lookup_elem(&settings, &only_entry);
  void* table = bpf_map_lookup_elem(&flows_now, &only_entry);
  if (!table || !set || !set->account) return MLG_FATE_SAMPLED_OUT;
  struct mlg_flow_key key;
  const enum mlg_flow_direction direction = mlg_flow_key_of(packet, &key);
  if (mlg_sample_hash(&key) > set->sample_below) return MLG_FATE_SAMPLED_OUT;
  const __u64 time_ns = bpf_ktime_get_ns();
  struct mlg_flow_counters* flow = bpf_map_lookup_elem(table, &key);
  if (packet->tcp_flags & MLG_EVENT_FLAGS) {
    if (tell_event(packet, flow, time_ns)) return MLG_FATE_EVENT;
    count->ring_full += 1;
  }
  if (!flow) flow = begin_flow(table, &key);
  if (!flow) return MLG_FATE_NO_ROOM;
  mlg_flow_account(flow, packet, direction, time_ns);
  return MLG_FATE_ADDED_UP;
}

static __always_inline void count_fate(struct mlg_counters* count, unsigned fate) {
  if (fate < MLG_FATES) count->fates[fate] += 1;
}

static __always_inline unsigned fate_of_parsed(const struct mlg_packet* packet,
                                               enum mlg_parse_result result,
                                               struct mlg_counters* count) {
  if (result != MLG_PARSE_OK) return MLG_FATE_PASSED_OVER + result - 1;
  return account(packet, count);
}

/* ---- Programs. ---- */

SEC("xdp.frags")
int sniff_ingress(struct xdp_md* ctx) {
  const void* data = (const void*)(long)ctx->data;
  const void* data_end = (const void*)(long)ctx->data_end;
  const __u32 point = MLG_POINT_INGRESS;
  struct mlg_counters* count = bpf_map_lookup_elem(&counters, &point);
  if (!count) return XDP_PASS;
  struct mlg_packet packet;
  const enum mlg_parse_result result = mlg_parse_ethernet(data, data_end, &packet);
  count->seen += 1;
  if (packet.family != MLG_FAMILY_NONE && is_blocked(&packet)) {
    count_fate(count, MLG_FATE_BLOCKED);
    return XDP_DROP;
  }
  count_fate(count, fate_of_parsed(&packet, result, count));
  return XDP_PASS;
}

/* Enough for every header that packet.h reads. */
#define HEADERS_BYTES 512

SEC("tc")
int sniff_egress(struct __sk_buff* skb) {
  const __u32 point = MLG_POINT_EGRESS;
  struct mlg_counters* count = bpf_map_lookup_elem(&counters, &point);
  if (!count) return TC_ACT_UNSPEC;
  count->seen += 1;
  const __u32 came_in_at = skb->ingress_ifindex;
  if (came_in_at != 0 && bpf_map_lookup_elem(&watched, &came_in_at)) {
    count_fate(count, MLG_FATE_SEEN_BEFORE);
    return TC_ACT_UNSPEC;
  }
  /* Headers that are not in one piece are made so; when that fails, what is there is read. */
  if (skb->len > skb->data_end - skb->data && skb->data_end - skb->data < HEADERS_BYTES) {
    bpf_skb_pull_data(skb, skb->len < HEADERS_BYTES ? skb->len : HEADERS_BYTES);
  }
  const void* data = (const void*)(long)skb->data;
  const void* data_end = (const void*)(long)skb->data_end;
  struct mlg_packet packet;
  const enum mlg_parse_result result = mlg_parse_ethernet(data, data_end, &packet);
  count_fate(count, fate_of_parsed(&packet, result, count));
  return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual MIT/GPL";
