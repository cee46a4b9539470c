// DataPlane: the kernel's half of ml-guard, loaded and attached: the XDP program (blocklist and
// flows, packets that come in) and the TC egress program (flows, packets that go out) of
// bpf/sniffer.bpf.c. docs/data-plane.md shows how the parts work together.
//
// What is attached stays attached when this process dies, and goes on dropping what is on the
// blocklist: the XDP link is pinned under the pin folder, the TC filter has a fixed place. The next
// process takes both over in one step, without a packet passing in between. Only detach() ends it.
//
// Needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and Linux 5.18 or newer; no kernel BTF.
// Errors: permission_denied (a capability is missing), unsupported (kernel too old, or without
// XDP), not_found (no such interface), conflict (a foreign XDP program is attached), io (what the
// kernel said). Each message is one line and says what to do. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/data_plane.h"
#include "xdp/flow_round.h"

namespace mlguard::xdp {

inline constexpr const char* kPinFolder = "/sys/fs/bpf/ml-guard";

// The flow tables take this much of the kernel's memory at most; with many CPUs they hold fewer
// flows than asked for (each CPU has two of its own).
inline constexpr std::uint64_t kFlowTablesBytesMax = 256ULL << 20;
inline constexpr std::uint32_t kFlowsMin = 1'024;

// Who wants the program on an interface. It is taken off when nobody does any more.
enum class Holder {
  sniffer,   // counts flows, and drops what is blocked
  firewall,  // only drops what is blocked
};

struct DataPlaneOptions {
  std::string pin_folder = kPinFolder;
  Holder holder = Holder::sniffer;
  std::uint32_t flows_max = MLG_FLOWS_MAX_DEFAULT;  // of one round on one CPU
};

enum class AttachMode {
  native,   // in the driver, before the kernel makes anything of the packet
  generic,  // later, for drivers that cannot: works everywhere, and is slower
};
const char* to_string(AttachMode mode);

using Counters = std::array<mlg_counters, MLG_POINTS>;

class DataPlane {
 public:
  // Mounts the BPF file system when it is not there, and loads the programs.
  static base::Result<std::unique_ptr<DataPlane>> load(const DataPlaneOptions& options);
  virtual ~DataPlane() = default;

  // On an interface that an earlier process left attached, its program is replaced in place.
  virtual base::Result<AttachMode> attach(const std::string& interface) = 0;
  // Gives the interface up. When the other holder still wants it, the program stays, and only
  // drops when that is the firewall. An interface that is gone needs nothing.
  virtual base::Status detach(const std::string& interface) = 0;

  // Takes effect with the next packet. `one_in` flows are counted, at least 1.
  virtual base::Status sample(std::uint32_t one_in) = 0;

  // Whether what attach() pinned is there still. False: somebody took it away, and with the pin
  // goes the program; load() and attach() anew.
  virtual bool holds(const std::string& interface) const = 0;

  // Since load(), over all CPUs.
  virtual base::Result<Counters> counters() = 0;

  // Ends the round and hands out what it counted. Waits until no program uses the old table (an RCU
  // grace period, milliseconds). Each packet is in one round only.
  virtual base::Status read_round(FlowRound& round) = 0;

  // After kFlowTablesBytesMax.
  virtual std::uint32_t flows_max() const = 0;

  // File descriptors of the loaded programs, for bpf_prog_test_run in tests and benchmarks.
  virtual int ingress_program() const = 0;
  virtual int egress_program() const = 0;
};

// Where a holder (or its remains after a crash) has the program attached, by the pin folder.
std::vector<std::string> attached_interfaces(const std::string& pin_folder, Holder holder);

}  // namespace mlguard::xdp
