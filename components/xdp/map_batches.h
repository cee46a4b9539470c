// Reading a whole kernel map in batches. Stateless; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/result.h"

namespace mlguard::xdp {

struct MapShape {
  int fd = -1;
  std::size_t key_bytes = 0;
  std::size_t value_bytes = 0;
};

// Called for each entry; the pointers are good during the call.
using TakeEntry = std::function<void(const std::uint8_t* key, const std::uint8_t* value)>;

base::Status read_map(const MapShape& map, const TakeEntry& take);

}  // namespace mlguard::xdp
