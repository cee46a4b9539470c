// FlowTables: the kernel programs' tables of flows (bpf/flow_table.h), mapped into this process.
// Each CPU has two; the round that is written says which.
//
// The maps must outlive it. One thread at a time. Errors: as kernel_error.h.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "bpf/data_plane.h"
#include "xdp/flow_round.h"
#include "xdp/mapped_map.h"

namespace mlguard::xdp {

struct FlowTableSizes {
  std::uint32_t cpus = 1;
  std::uint32_t flows_max = 1;  // of one table

  std::uint32_t tables() const { return MLG_TABLES * cpus; }
  std::uint32_t index_lines() const { return tables() * mlg_index_lines(flows_max); }
  std::uint32_t flows() const { return tables() * flows_max; }
};

class FlowTables {
 public:
  struct Maps {
    int tables = -1;
    int index = -1;
    int heads = -1;
    int rests = -1;
  };
  static base::Result<FlowTables> map(const Maps& maps, const FlowTableSizes& sizes);

  // Appends what all CPUs counted in this table, and empties it. REQUIRES: no program uses it.
  void take(std::uint32_t table, FlowRound& round);

 private:
  explicit FlowTables(const FlowTableSizes& sizes) : sizes_(sizes) {}

  FlowTableSizes sizes_;
  MappedMap tables_;
  MappedMap index_;
  MappedMap heads_;
  MappedMap rests_;
};

// As FlowRound has it.
FlowDelta delta_of(mlg_round_at flow);

}  // namespace mlguard::xdp
