// The blocklist's maps in the pin folder: opened, or made and pinned where nobody has yet.
// Functions, without state.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mlguard::xdp {

// As sniffer.bpf.c declares it: the loader refuses pins of another shape.
struct MapKind {
  const char* name;
  bpf_map_type type;
  __u32 key_bytes;
  __u32 value_bytes;
  __u32 entries_max;
  __u32 flags;

  std::size_t bytes() const { return std::size_t{value_bytes} * entries_max; }
};

base::Result<base::UniqueFd> open_pinned_map(const std::string& pin_folder, const MapKind& kind);

}  // namespace mlguard::xdp
