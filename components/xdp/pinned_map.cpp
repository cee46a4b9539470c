#include "xdp/pinned_map.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "xdp/kernel_error.h"

namespace mlguard::xdp {

using base::UniqueFd;

base::Result<UniqueFd> open_pinned_map(const std::string& pin_folder, const MapKind& kind) {
  const std::string path = pin_folder + "/" + kind.name;
  UniqueFd map(bpf_obj_get(path.c_str()));
  if (map.valid()) return map;
  if (errno != ENOENT) return kernel_error("cannot open " + path, errno);
  LIBBPF_OPTS(bpf_map_create_opts, how);
  how.map_flags = kind.flags;
  map.reset(bpf_map_create(kind.type, kind.name, kind.key_bytes, kind.value_bytes, kind.entries_max,
                           &how));
  if (!map.valid()) return kernel_error(std::string("cannot make the map ") + kind.name, errno);
  if (bpf_obj_pin(map.get(), path.c_str()) == 0) return map;
  if (errno != EEXIST) return kernel_error("cannot pin " + path, errno);
  map.reset(bpf_obj_get(path.c_str()));  // another process was quicker
  if (!map.valid()) return kernel_error("cannot open " + path, errno);
  return map;
}

}  // namespace mlguard::xdp
