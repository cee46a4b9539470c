#include "xdp/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "xdp/kernel_error.h"
#include "xdp/pins.h"

namespace mlguard::xdp {
namespace {

using base::Error;
using base::ErrorCode;
using base::UniqueFd;

// The place of our filter among an interface's others: "ml" read as a number.
constexpr std::uint32_t kTcPriority = 0x6d6c;
constexpr std::uint32_t kTcHandle = 1;

base::Result<AttachMode> attached_mode(const std::string& interface, int index) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  const int failed = bpf_xdp_query(index, 0, &query);
  if (failed != 0) return kernel_error("cannot ask what is attached to " + interface, failed);
  return query.attach_mode == XDP_ATTACHED_SKB ? AttachMode::generic : AttachMode::native;
}

// The link that an earlier process left, when it is still attached to this very interface.
UniqueFd pinned_link(const std::string& path, int index) {
  UniqueFd link(bpf_obj_get(path.c_str()));
  if (!link.valid()) return {};
  bpf_link_info info = {};
  __u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0 &&
      info.xdp.ifindex == static_cast<__u32>(index)) {
    return link;
  }
  return {};
}

Error attach_error(const std::string& interface, int error) {
  if (error == EBUSY || error == EEXIST) {
    return {ErrorCode::conflict, "xdp_busy",
            "another XDP program is attached to " + interface + ": see it with 'ip link show dev " +
                interface +
                "', and take it off ('ip link set "
                "dev " +
                interface + " xdp off' when it is not a pinned link)"};
  }
  return kernel_error("cannot attach the XDP program to " + interface, error);
}

base::Result<UniqueFd> new_link(const std::string& interface, int index, int program,
                                AttachMode mode) {
  LIBBPF_OPTS(bpf_link_create_opts, how);
  how.flags = mode == AttachMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  UniqueFd link(bpf_link_create(program, index, BPF_XDP, &how));
  if (!link.valid()) return attach_error(interface, errno);
  return link;
}

bpf_tc_hook egress_hook(int index) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof hook;
  hook.ifindex = index;
  hook.attach_point = BPF_TC_EGRESS;
  return hook;
}

bpf_tc_opts our_filter() {
  bpf_tc_opts filter = {};
  filter.sz = sizeof filter;
  filter.handle = kTcHandle;
  filter.priority = kTcPriority;
  return filter;
}

}  // namespace

base::Result<int> interface_index(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index != 0) return static_cast<int>(index);
  return Error(ErrorCode::not_found, "no_interface",
               "there is no interface " + interface + ": see the names with 'ip -br link'");
}

base::Result<AttachMode> attach_xdp(const std::string& pin_folder, const std::string& interface,
                                    int program, Earlier earlier) {
  const base::Result<int> index = interface_index(interface);
  if (!index.ok()) return index.error();
  const std::string path = link_path(pin_folder, interface);
  const UniqueFd left = pinned_link(path, *index);
  if (left.valid()) {
    if (earlier == Earlier::replace && bpf_link_update(left.get(), program, nullptr) != 0) {
      return kernel_error("cannot replace the XDP program of " + interface, errno);
    }
    return attached_mode(interface, *index);
  }
  unlink(path.c_str());
  AttachMode mode = AttachMode::native;
  base::Result<UniqueFd> link = new_link(interface, *index, program, mode);
  if (!link.ok() && link.error().reason != "xdp_busy") {
    mode = AttachMode::generic;
    link = new_link(interface, *index, program, mode);
  }
  if (!link.ok()) return link.error();
  if (bpf_obj_pin(link->get(), path.c_str()) != 0) {
    return kernel_error("cannot pin " + path, errno);
  }
  return mode;
}

base::Status attach_egress(const std::string& interface, int program) {
  const base::Result<int> index = interface_index(interface);
  if (!index.ok()) return index.error();
  bpf_tc_hook hook = egress_hook(*index);
  const int hooked = bpf_tc_hook_create(&hook);
  if (hooked != 0 && hooked != -EEXIST) {
    return kernel_error("cannot make the clsact queue of " + interface, hooked);
  }
  bpf_tc_opts filter = our_filter();
  filter.prog_fd = program;
  filter.flags = BPF_TC_F_REPLACE;
  const int attached = bpf_tc_attach(&hook, &filter);
  if (attached != 0) {
    return kernel_error("cannot attach the TC program to " + interface, attached);
  }
  return {};
}

base::Status detach_egress(const std::string& interface) {
  const base::Result<int> index = interface_index(interface);
  if (!index.ok()) return {};  // gone, and its filters with it
  const bpf_tc_hook hook = egress_hook(*index);
  const bpf_tc_opts filter = our_filter();
  const int detached = bpf_tc_detach(&hook, &filter);
  if (detached != 0 && detached != -ENOENT && detached != -EINVAL) {
    return kernel_error("cannot take the TC program off " + interface, detached);
  }
  return {};
}

}  // namespace mlguard::xdp
