// MappedMap: a kernel map of the mmapable kind as memory of this process, until it is destroyed.
// The programs see what is written at once. Errors: as kernel_error.h. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"

namespace mlguard::xdp {

struct UnmapMap {
  std::size_t bytes = 0;
  void operator()(std::uint8_t* memory) const;
};

class MappedMap {
 public:
  MappedMap() = default;
  // `bytes`: all entries, none of which may need padding (8 bytes and their multiples do not).
  static base::Result<MappedMap> map(int fd, std::size_t bytes);
  std::uint8_t* data() const { return memory_.get(); }

 private:
  std::unique_ptr<std::uint8_t, UnmapMap> memory_;
};

}  // namespace mlguard::xdp
