#include "xdp/mapped_map.h"

#include <sys/mman.h>

#include <cerrno>

#include "xdp/kernel_error.h"

namespace mlguard::xdp {

void UnmapMap::operator()(std::uint8_t* memory) const { munmap(memory, bytes); }

base::Result<MappedMap> MappedMap::map(int fd, std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return kernel_error("cannot map a kernel map", errno);
  MappedMap mapped;
  mapped.memory_ = {static_cast<std::uint8_t*>(memory), UnmapMap{bytes}};
  return mapped;
}

}  // namespace mlguard::xdp
