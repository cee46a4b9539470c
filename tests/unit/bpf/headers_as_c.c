/* The headers that the kernel programs share, compiled as C under the warnings of user space. */
#include "bpf/flow_account.h"
#include "bpf/flow_table.h"
#include "bpf/packet.h"

enum mlg_parse_result headers_as_c(const void* data, const void* end,
                                   struct mlg_flow_counters* counters);

enum mlg_parse_result headers_as_c(const void* data, const void* end,
                                   struct mlg_flow_counters* counters) {
  struct mlg_packet packet;
  struct mlg_flow_key key;
  const enum mlg_parse_result result = mlg_parse_ethernet(data, end, &packet);
  if (result != MLG_PARSE_OK) return result;
  mlg_flow_account(counters, &packet, mlg_flow_key_of(&packet, &key), 1);
  mlg_flow_merge(counters, counters);
  return mlg_flow_initiator(counters) == MLG_FROM_LOW ? MLG_PARSE_OK : MLG_PARSE_NOT_IP;
}
