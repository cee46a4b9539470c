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
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, __u32);
  __type(value, struct mlg_blocklist_state);
} blocked_state SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_BLOCKED_LINES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, __u32);
  __type(value, __u64);
} blocked_filter SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_BLOCKED_LINES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, __u32);
  __type(value, struct mlg_index_line);
} blocked_index SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_BLOCKED_ADDRESSES_MAX);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, __u32);
  __type(value, struct mlg_blocked_address);
} blocked_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_BLOCKED_ADDRESSES_MAX);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, __u32);
  __type(value, struct mlg_blocked_head);
} blocked_heads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, MLG_BLOCKED_PREFIXES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, struct mlg_block_prefix);
  __type(value, struct mlg_block);
} block_prefixes SEC(".maps");

/* Set before the programs are loaded, together with the sizes of the maps below. */
const volatile __u32 flows_max = 1; /* of one table */
const volatile __u32 cpus = 1;

/* Each of these holds the parts of table 0 of every CPU, then those of table 1. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_TABLES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct mlg_table_state);
} flow_tables SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_TABLES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct mlg_index_line);
} flow_index SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_TABLES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct mlg_round_head);
} flow_heads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, MLG_TABLES);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct mlg_round_rest);
} flow_rests SEC(".maps");

struct round_value {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct mlg_round);
} round_even SEC(".maps"), round_odd SEC(".maps");

/* Which of both is written. An update from user space returns when no program goes by the old one
 * any more. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct round_value);
} round_now SEC(".maps") = {.values = {(void*)&round_even}};

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

/* ---- The blocklist. ---- */

static __always_inline int drops(struct mlg_block* block, const struct mlg_packet* packet) {
  if (!block) return 0;
  if (block->expires_boot_ns != 0 && bpf_ktime_get_boot_ns() >= block->expires_boot_ns) return 0;
  __sync_fetch_and_add(&block->packets, 1);
  __sync_fetch_and_add(&block->bytes, packet->ip_bytes);
  return 1;
}

static __always_inline int is_address(__u32 number, const __u8* address) {
  const struct mlg_blocked_address* blocked = bpf_map_lookup_elem(&blocked_addresses, &number);
  if (!blocked) return 0;
  const __u8* tail = address + MLG_ADDRESS_HEAD_BYTES;
  if (mlg_read_u32(blocked->tail) != mlg_read_u32(tail)) return 0;
  if (!blocked->has_head) return mlg_is_ipv4_head(address);
  const struct mlg_blocked_head* rest = bpf_map_lookup_elem(&blocked_heads, &number);
  return rest && mlg_same_head(rest->head, address);
}

struct blocked_search {
  __u8 address[MLG_ADDRESS_BYTES];
  __u32 tag;
  __u32 home;
  __u32 number; /* of the address; NOT_FOUND */
};
#define NOT_FOUND (~0U)

/* 1: there is nothing to search beyond this line. */
static __always_inline long search_line(__u32 step, struct blocked_search* search) {
  const __u32 at = (search->home + step) % MLG_BLOCKED_LINES;
  const struct mlg_index_line* line = bpf_map_lookup_elem(&blocked_index, &at);
  if (!line) return 1;
  for (int i = 0; i < MLG_INDEX_ENTRIES; ++i) {
    const __u32 entry = line->entry[i];
    if (entry == 0) return 1;
    if ((entry & ~MLG_INDEX_NUMBER_MASK) != search->tag) continue;
    const __u32 number = (entry & MLG_INDEX_NUMBER_MASK) - 1;
    if (!is_address(number, search->address)) continue;
    search->number = number;
    return 1;
  }
  return 0;
}

static long search_next_line(__u32 index, void* search) { return search_line(index + 1, search); }

/* Not static, as the others that are not: the verifier walks through it once, and not once for each
 * way that leads to it. */
__noinline __u32 search_blocked(const struct mlg_packet* packet, __u64 hash) {
  if (!packet) return NOT_FOUND;
  struct blocked_search search = {
      .tag = mlg_index_tag_of(hash), .home = mlg_block_line_of(hash), .number = NOT_FOUND};
  __builtin_memcpy(search.address, packet->source, MLG_ADDRESS_BYTES);
  if (!search_line(0, &search)) {
    bpf_loop(MLG_BLOCKED_LINES_AN_ADDRESS - 1, search_next_line, &search, 0);
  }
  return search.number;
}

static __always_inline struct mlg_block* find_blocked(const struct mlg_packet* packet,
                                                      __u64 secret) {
  const __u64 hash = mlg_block_hash(packet->source, secret);
  const __u32 home = mlg_block_line_of(hash);
  const __u64* filter = bpf_map_lookup_elem(&blocked_filter, &home);
  if (!filter || (*filter & mlg_block_filter_bit_of(hash)) == 0) return 0;
  const __u32 number = search_blocked(packet, hash);
  struct mlg_blocked_address* found = bpf_map_lookup_elem(&blocked_addresses, &number);
  return found ? &found->block : 0;
}

static __always_inline int is_blocked(const struct mlg_packet* packet) {
  const struct mlg_blocklist_state* state = bpf_map_lookup_elem(&blocked_state, &only_entry);
  if (!state) return 0;
  if (drops(find_blocked(packet, state->hash_secret), packet)) return 1;
  if (state->prefixes == 0) return 0;
  struct mlg_block_prefix prefix = {.prefix_bits = MLG_ADDRESS_BYTES * 8};
  __builtin_memcpy(prefix.address, packet->source, MLG_ADDRESS_BYTES);
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
static __always_inline int tell_event(const struct mlg_packet* packet, struct mlg_round_at before,
                                      __u64 time_ns) {
  if (before.head && before.rest && !mlg_round_is_empty(before)) {
    struct mlg_event_after* after = bpf_ringbuf_reserve(&events, sizeof(*after), 0);
    if (!after) return 0;
    fill_event(&after->event, packet, time_ns);
    after->before.head = *before.head;
    after->before.rest = *before.rest;
    mlg_round_clear(before);
    bpf_ringbuf_submit(after, BPF_RB_NO_WAKEUP);
    return 1;
  }
  struct mlg_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return 0;
  fill_event(event, packet, time_ns);
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 1;
}

/* `table`: this CPU's of this round, as it stands in flow_tables. */
static __always_inline struct mlg_index_line* line_of(__u32 table, __u64 hash) {
  const __u32 lines = mlg_index_lines(flows_max);
  const __u32 at = table * lines + mlg_index_line_of(hash, lines);
  return bpf_map_lookup_elem(&flow_index, &at);
}

/* Without a head when there is none of that number. */
static __always_inline struct mlg_round_at flow_at(__u32 table, __u32 number) {
  struct mlg_round_at flow = {0, 0};
  const __u32 at = table * flows_max + number;
  if (number >= flows_max) return flow;
  flow.head = bpf_map_lookup_elem(&flow_heads, &at);
  flow.rest = bpf_map_lookup_elem(&flow_rests, &at);
  if (!flow.rest) flow.head = 0;
  return flow;
}

/* Its number, when it is not the first with the bits of its hash. */
__noinline __u32 search_flow(__u32 table, const struct mlg_flow_key* key, __u64 hash) {
  const struct mlg_index_line* line = line_of(table, hash);
  if (!line || !key) return NOT_FOUND;
  for (int i = 0; i < MLG_INDEX_ENTRIES; ++i) {
    const __u32 entry = line->entry[i];
    if ((entry & ~MLG_INDEX_NUMBER_MASK) != mlg_index_tag_of(hash)) continue;
    const __u32 number = (entry & MLG_INDEX_NUMBER_MASK) - 1;
    const struct mlg_round_at flow = flow_at(table, number);
    if (flow.head && flow.rest && mlg_round_is(flow, key)) return number;
  }
  return NOT_FOUND;
}

static __always_inline __u32 first_entry_of(const struct mlg_index_line* line, __u32 tag) {
  for (int i = 0; i < MLG_INDEX_ENTRIES; ++i) {
    const __u32 entry = line->entry[i];
    if (entry == 0 || (entry & ~MLG_INDEX_NUMBER_MASK) == tag) return entry;
  }
  return 0;
}

static __always_inline struct mlg_round_at find_flow(__u32 table, const struct mlg_flow_key* key,
                                                     __u64 hash) {
  const struct mlg_round_at none = {0, 0};
  const struct mlg_index_line* line = line_of(table, hash);
  if (!line) return none;
  const __u32 entry = first_entry_of(line, mlg_index_tag_of(hash));
  if (entry == 0) return none;
  const struct mlg_round_at flow = flow_at(table, (entry & MLG_INDEX_NUMBER_MASK) - 1);
  if (flow.head && flow.rest && mlg_round_is(flow, key)) return flow;
  return flow_at(table, search_flow(table, key, hash));
}

/* Its packets are counted as added up: what the ring does not take, user space misses and counts as
 * lost. */
static __always_inline void hand_out(struct mlg_round_at flow) {
  if (mlg_round_is_empty(flow)) return;
  if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > MLG_EVICTED_BYTES_MAX) return;
  struct mlg_round_flow* told = bpf_ringbuf_reserve(&events, sizeof(*told), 0);
  if (!told) return;
  told->head = *flow.head;
  told->rest = *flow.rest;
  bpf_ringbuf_submit(told, BPF_RB_NO_WAKEUP);
}

/* The flow's number. In its line of the index, where that is full, or in the table, the oldest
 * makes room. */
__noinline __u32 begin_flow(__u32 table, const struct mlg_flow_key* key, __u64 hash,
                            __u32 direction) {
  struct mlg_table_state* state = bpf_map_lookup_elem(&flow_tables, &table);
  const struct mlg_settings* set = bpf_map_lookup_elem(&settings, &only_entry);
  struct mlg_index_line* line = line_of(table, hash);
  if (!state || !set || !line || !key || flows_max == 0) return NOT_FOUND;
  const int line_full = line->entry[MLG_INDEX_ENTRIES - 1] != 0;
  const __u32 oldest = (line->entry[0] & MLG_INDEX_NUMBER_MASK) - 1;
  const __u32 number = line_full ? oldest : state->begun % flows_max;
  const struct mlg_round_at flow = flow_at(table, number);
  if (!flow.head || !flow.rest) return NOT_FOUND;
  if (line_full || state->begun >= flows_max) {
    struct mlg_flow_key old_key;
    mlg_round_key_of(flow, &old_key);
    struct mlg_index_line* old = line_of(table, mlg_flow_hash(&old_key, set->hash_secret));
    if (!old) return NOT_FOUND;
    hand_out(flow);
    mlg_index_remove(old, number);
  }
  if (!line_full) state->begun += 1;
  for (int i = 0; i < MLG_INDEX_ENTRIES; ++i) {
    if (line->entry[i] != 0) continue;
    line->entry[i] = mlg_index_tag_of(hash) | (number + 1);
    break;
  }
  mlg_round_begin(flow, key, direction == MLG_FROM_HIGH ? MLG_FROM_HIGH : MLG_FROM_LOW);
  return number;
}

static __always_inline enum mlg_fate add_up(__u32 table, const struct mlg_flow_key* key, __u64 hash,
                                            const struct mlg_packet* packet,
                                            enum mlg_flow_direction direction,
                                            struct mlg_counters* count) {
  const __u64 time_ns = bpf_ktime_get_ns();
  struct mlg_round_at flow = find_flow(table, key, hash);
  if (packet->tcp_flags & MLG_EVENT_FLAGS) {
    if (tell_event(packet, flow, time_ns)) return MLG_FATE_EVENT;
    count->ring_full += 1;
  }
  if (!flow.head) flow = flow_at(table, begin_flow(table, key, hash, direction));
  if (!flow.head || !flow.rest) return MLG_FATE_NO_ROOM;
  if (mlg_round_account(flow, packet, direction, time_ns)) return MLG_FATE_ADDED_UP;
  return tell_event(packet, flow, time_ns) ? MLG_FATE_EVENT : MLG_FATE_NO_ROOM;
}

static __always_inline enum mlg_fate account(const struct mlg_packet* packet,
                                             struct mlg_counters* count) {
  const struct mlg_settings* set = bpf_map_lookup_elem(&settings, &only_entry);
  void* now = bpf_map_lookup_elem(&round_now, &only_entry);
  if (!now || !set || !set->account) return MLG_FATE_SAMPLED_OUT;
  const struct mlg_round* round = bpf_map_lookup_elem(now, &only_entry);
  const __u32 cpu = bpf_get_smp_processor_id();
  if (!round || cpu >= cpus) return MLG_FATE_NO_ROOM;
  struct mlg_flow_key key;
  const enum mlg_flow_direction direction = mlg_flow_key_of(packet, &key);
  const __u64 hash = mlg_flow_hash(&key, set->hash_secret);
  if ((__u32)hash > set->sample_below) return MLG_FATE_SAMPLED_OUT;
  return add_up(round->table * cpus + cpu, &key, hash, packet, direction, count);
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
