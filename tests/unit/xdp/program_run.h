// Runs a loaded program over one packet in the kernel, without an interface (bpf_prog_test_run).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mlguard::xdp {

// The kernel's test run takes no less than an Ethernet header.
inline constexpr std::size_t kTestRunBytesMin = 14;

inline constexpr int kNotRun = -2;  // nothing that a program returns

// What the program returned, the last of `repeat` times; kNotRun when the kernel refused to run it.
int run_program(int program, const std::vector<std::uint8_t>& packet, int repeat = 1);
// `repeat` times in a row; mean nanoseconds of one run, 0 when the kernel refused.
std::uint32_t time_program(int program, const std::vector<std::uint8_t>& packet, int repeat);

}  // namespace mlguard::xdp
