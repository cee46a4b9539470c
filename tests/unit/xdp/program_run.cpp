#include "unit/xdp/program_run.h"

#include <bpf/bpf.h>

#include <array>

namespace mlguard::xdp {
namespace {

struct Ran {
  bool ok = false;
  int result = kNotRun;
  std::uint32_t duration_ns = 0;
};

Ran run(int program, const std::vector<std::uint8_t>& packet, int repeat) {
  constexpr std::size_t kPacketBytesMax = 4'096;
  std::array<std::uint8_t, kPacketBytesMax> out{};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = packet.data();
  options.data_size_in = static_cast<__u32>(packet.size());
  options.data_out = out.data();
  options.data_size_out = out.size();
  options.repeat = repeat;
  if (bpf_prog_test_run_opts(program, &options) != 0) return {};
  return {true, static_cast<int>(options.retval), options.duration};
}

}  // namespace

int run_program(int program, const std::vector<std::uint8_t>& packet, int repeat) {
  return run(program, packet, repeat).result;
}

std::uint32_t time_program(int program, const std::vector<std::uint8_t>& packet, int repeat) {
  return run(program, packet, repeat).duration_ns;
}

}  // namespace mlguard::xdp
