#include "xdp/map_batches.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "xdp/kernel_error.h"

namespace mlguard::xdp {

base::Status read_map(const MapShape& map, const TakeEntry& take) {
  std::uint32_t batch_entries = 1'024;
  // Where the kernel goes on: a bucket's number or a key.
  std::vector<std::uint8_t> position(std::max(map.key_bytes, sizeof(std::uint32_t)));
  std::vector<std::uint8_t> keys;
  std::vector<std::uint8_t> values;
  for (bool first = true;;) {
    keys.resize(batch_entries * map.key_bytes);
    values.resize(batch_entries * map.value_bytes);
    std::uint32_t count = batch_entries;
    const int failed =
        bpf_map_lookup_batch(map.fd, first ? nullptr : position.data(), position.data(),
                             keys.data(), values.data(), &count, nullptr);
    const int error = failed == 0 ? 0 : errno;
    // A hash table cuts its batches between buckets only: this one is larger than a batch.
    if (error == ENOSPC) {
      batch_entries *= 2;
      continue;
    }
    if (error != 0 && error != ENOENT) return kernel_error("cannot read a kernel map", error);
    for (std::size_t i = 0; i < count; ++i) {
      take(keys.data() + i * map.key_bytes, values.data() + i * map.value_bytes);
    }
    if (error == ENOENT) return {};
    first = false;
  }
}

}  // namespace mlguard::xdp
