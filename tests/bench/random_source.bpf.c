/* For xdp_bench: gives the packet a random source and goes on with the program that is measured.
 * bpf_prog_test_run repeats one packet, and one hot entry of a map says little of a hundred
 * thousand cold ones. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#define SOURCE_AT 26 /* Ethernet, then IPv4 without options */

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} measured SEC(".maps");

/* IPv4 addresses, in the order of hosts. */
__u32 first_source = 0;
__u32 sources = 1;

SEC("xdp.frags")
int random_source(struct xdp_md* ctx) {
  unsigned char* data = (unsigned char*)(long)ctx->data;
  unsigned char* data_end = (unsigned char*)(long)ctx->data_end;
  if (data + SOURCE_AT + sizeof(__u32) > data_end) return XDP_ABORTED;
  __u32 source = bpf_htonl(first_source + bpf_get_prandom_u32() % sources);
  __builtin_memcpy(data + SOURCE_AT, &source, sizeof source);
  bpf_tail_call(ctx, &measured, 0);
  return XDP_ABORTED;
}

/* The yardstick. */
SEC("xdp.frags")
int empty(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
