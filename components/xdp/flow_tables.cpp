#include "xdp/flow_tables.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mlguard::xdp {

base::Result<FlowTables> FlowTables::map(const Maps& maps, const FlowTableSizes& sizes) {
  FlowTables tables(sizes);
  struct Part {
    MappedMap FlowTables::*member;
    int fd;
    std::size_t bytes;
  };
  for (const Part& part :
       {Part{&FlowTables::tables_, maps.tables, sizes.tables() * sizeof(mlg_table_state)},
        Part{&FlowTables::index_, maps.index, sizes.index_lines() * sizeof(mlg_index_line)},
        Part{&FlowTables::heads_, maps.heads, sizes.flows() * sizeof(mlg_round_head)},
        Part{&FlowTables::rests_, maps.rests, sizes.flows() * sizeof(mlg_round_rest)}}) {
    base::Result<MappedMap> mapped = MappedMap::map(part.fd, part.bytes);
    if (!mapped.ok()) return mapped.error();
    tables.*part.member = std::move(*mapped);
  }
  return tables;
}

void FlowTables::take(std::uint32_t table, FlowRound& round) {
  const std::size_t lines_bytes = mlg_index_lines(sizes_.flows_max) * sizeof(mlg_index_line);
  for (std::uint32_t cpu = 0; cpu < sizes_.cpus; ++cpu) {
    const std::size_t at = std::size_t{table} * sizes_.cpus + cpu;
    std::uint8_t* const state_at = tables_.data() + at * sizeof(mlg_table_state);
    mlg_table_state state;
    std::memcpy(&state, state_at, sizeof state);
    if (state.begun == 0) continue;
    for (std::uint32_t i = 0; i < std::min(state.begun, sizes_.flows_max); ++i) {
      const std::size_t number = at * sizes_.flows_max + i;
      const mlg_round_at flow = {reinterpret_cast<mlg_round_head*>(heads_.data()) + number,
                                 reinterpret_cast<mlg_round_rest*>(rests_.data()) + number};
      if (!mlg_round_is_empty(flow)) round.flows.push_back(delta_of(flow));
    }
    // Flows that the index does not find are never looked at: they need no clearing.
    std::memset(index_.data() + at * lines_bytes, 0, lines_bytes);
    std::memset(state_at, 0, sizeof state);
  }
}

FlowDelta delta_of(mlg_round_at flow) {
  FlowDelta delta;
  mlg_round_key_of(flow, &delta.key);
  mlg_round_unfold(flow, &delta.counters);
  return delta;
}

}  // namespace mlguard::xdp
