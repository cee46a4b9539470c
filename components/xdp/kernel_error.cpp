#include "xdp/kernel_error.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <system_error>

namespace mlguard::xdp {
namespace {

using base::Error;
using base::ErrorCode;

struct Version {
  int major = 0;
  int minor = 0;
};

// Zeros for what cannot be read.
Version version_of(std::string_view release) {
  Version version;
  const char* end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec == std::errc() && major.ptr != end) {
    std::from_chars(major.ptr + 1, end, version.minor);
  }
  return version;
}

}  // namespace

Error kernel_error(const std::string& tried, int error) {
  const int number = std::abs(error);
  const std::string what = tried + ": " + std::generic_category().message(number);
  switch (number) {
    case EPERM:
    case EACCES:
      return {ErrorCode::permission_denied, "missing_capability",
              what +
                  ": run as root, or give the binary its capabilities with "
                  "'setcap cap_bpf,cap_net_admin,cap_perfmon+ep'"};
    case ENODEV: return {ErrorCode::not_found, "no_interface", what};
    case ENOSYS:
    case EOPNOTSUPP:
      return {ErrorCode::unsupported, "kernel_feature",
              what +
                  ": this kernel lacks it (CONFIG_BPF_SYSCALL, CONFIG_XDP_SOCKETS or "
                  "CONFIG_NET_CLS_BPF)"};
    case ENOMEM:
      return {ErrorCode::resource_exhausted, "kernel_memory", what + ": lower flow.flows_max"};
    default: return {ErrorCode::io, "kernel", what};
  }
}

base::Status check_kernel_release(std::string_view release) {
  const Version version = version_of(release);
  const bool new_enough = version.major > kKernelMajorMin ||
                          (version.major == kKernelMajorMin && version.minor >= kKernelMinorMin);
  if (new_enough) return {};
  return Error(ErrorCode::unsupported, "kernel_too_old",
               "Linux " + std::to_string(kKernelMajorMin) + "." + std::to_string(kKernelMinorMin) +
                   " or newer is needed (XDP with fragments), and this is " + std::string(release) +
                   ": use --pcap, or a newer kernel");
}

}  // namespace mlguard::xdp
