// Measures the kernel programs, as root. One row per measurement:
//  - nanoseconds a packet of the XDP program with sources at random, by bpf_prog_test_run: blocked
//    addresses and prefixes, and the accounting of 65,536 flows beside lists of every size. Each
//    beside an empty XDP program that is reached in the same way, in the same run;
//  - the whole way over a cable in a network namespace: AF_PACKET at full speed, XDP, rounds,
//    tracker, sealed batches over ZeroMQ, receiver. Packets/s, and what was lost where.
//
//   xdp_bench [SECONDS of the cable]
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/random_source.skel.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/flow_receiver.h"
#include "sniffer/interface_source.h"
#include "sniffer/live_sniffer.h"
#include "support/packet_fixtures.h"
#include "support/pin_folder.h"
#include "support/private_network.h"
#include "support/wait_until.h"
#include "tests/unit/xdp/program_run.h"
#include "xdp/blocklist.h"
#include "xdp/data_plane.h"

namespace mlguard {
namespace {

using namespace std::chrono_literals;

constexpr int kRounds = 5;
constexpr int kRunsARound = 1'000'000;
constexpr std::uint32_t kFlows = 65'536;
constexpr std::uint32_t kBlockedNet = 0x0a000000;  // 10.0.0.0 and on
constexpr std::uint32_t kOtherNet = 0x5a000000;    // 90.0.0.0 and on: not blocked

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "xdp_bench: %s\n", what.c_str());
  std::exit(1);
}
template <class Value>
Value take(base::Result<Value> result) {
  if (!result.ok()) fail(result.error().message);
  return std::move(*result);
}
void need(const base::Status& status) {
  if (!status.ok()) fail(status.error().message);
}

std::vector<std::uint8_t> udp_frame() {
  return support::bytes_of_hex(support::hex::kMacs + support::hex::kIpv4Type +
                               support::hex::ipv4("0020", "11") + support::hex::kUdp +
                               "000102030405060708090a0b0c0d0e0f10111213");
}

xdp::Block block_of(std::uint32_t address, std::uint32_t bits) {
  xdp::Block block;
  block.network.address[10] = block.network.address[11] = 0xff;
  const std::uint32_t in_order = htonl(address);
  std::memcpy(block.network.address.data() + 12, &in_order, sizeof in_order);
  block.network.prefix_bits = 96 + bits;
  return block;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class ProgramBench {
 public:
  ProgramBench() {
    xdp::DataPlaneOptions options;
    options.pin_folder = pins_.path();
    options.flows_max = 2 * kFlows;
    plane_ = take(xdp::DataPlane::load(options));
    blocklist_ = take(xdp::Blocklist::open(pins_.path()));
    if (!skeleton_) fail("cannot load random_source.bpf.c");
  }

  void run() {
    for (const std::uint32_t flows : {100U, 10'000U, kFlows}) {
      row("accounting, nothing blocked", flows, kOtherNet, flows, XDP_PASS);
    }
    for (const std::uint32_t count : {100U, 10'000U, 100'000U}) {
      block(count, 32);
      row("blocked address", count, kBlockedNet, count, XDP_DROP);
      row("65,536 flows beside addresses", count, kOtherNet, kFlows, XDP_PASS);
      unblock();
    }
    for (const std::uint32_t count : {100U, 10'000U, std::uint32_t{MLG_BLOCKED_PREFIXES_MAX}}) {
      block(count, 24);
      row("blocked /24", count, kBlockedNet, count << 8, XDP_DROP);
      row("65,536 flows beside /24s", count, kOtherNet, kFlows, XDP_PASS);
      unblock();
    }
  }

 private:
  struct Destroy {
    void operator()(random_source_bpf* skeleton) const { random_source_bpf__destroy(skeleton); }
  };

  void block(std::uint32_t count, std::uint32_t bits) {
    for (std::uint32_t i = 0; i < count; ++i) {
      blocks_.push_back(block_of(kBlockedNet + (i << (32 - bits)), bits));
    }
    need(blocklist_->block(blocks_));
  }
  void unblock() {
    std::vector<xdp::BlockedNetwork> networks;
    for (const xdp::Block& block : blocks_) networks.push_back(block.network);
    need(blocklist_->unblock(networks));
    blocks_.clear();
  }

  double measure(int program, int verdict) {
    const std::uint32_t only = 0;
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.measured), &only, &program, BPF_ANY) != 0) {
      fail("the kernel does not take the program behind another: " +
           std::string(std::strerror(errno)));
    }
    const int entry = bpf_program__fd(skeleton_->progs.random_source);
    if (const int said = xdp::run_program(entry, udp_frame()); said != verdict) {
      fail("the program said " + std::to_string(said) + ", not " + std::to_string(verdict));
    }
    return xdp::time_program(entry, udp_frame(), kRunsARound);
  }

  void row(const char* what, std::uint32_t count, std::uint32_t first, std::uint32_t sources,
           int verdict) {
    skeleton_->data->sources = sources;
    skeleton_->bss->first_source = first;
    std::vector<double> ours;
    std::vector<double> empty;
    for (int round = 0; round < kRounds; ++round) {
      ours.push_back(measure(plane_->ingress_program(), verdict));
      empty.push_back(measure(bpf_program__fd(skeleton_->progs.empty), XDP_PASS));
    }
    std::printf("%-30s %7u  %4.0f ns a packet; empty program %3.0f ns; ratio %4.1f\n", what, count,
                median(ours), median(empty), median(ours) / median(empty));
    std::fflush(stdout);
  }

  support::PinFolder pins_;
  std::unique_ptr<xdp::DataPlane> plane_;
  std::unique_ptr<xdp::Blocklist> blocklist_;
  std::unique_ptr<random_source_bpf, Destroy> skeleton_{random_source_bpf__open_and_load()};
  std::vector<xdp::Block> blocks_;
};

// Sends frames of kFlows sources as fast as one CPU can.
std::uint64_t flood(const std::string& interface, double seconds) {
  constexpr std::size_t kFramesACall = 256;
  const base::UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  const int yes = 1;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      setsockopt(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) != 0) {
    fail("cannot send from " + interface);
  }
  std::vector<std::vector<std::uint8_t>> frames(kFramesACall, udp_frame());
  std::vector<iovec> parts(kFramesACall);
  std::vector<mmsghdr> messages(kFramesACall);
  for (std::size_t i = 0; i < kFramesACall; ++i) {
    parts[i] = {frames[i].data(), frames[i].size()};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  std::uint64_t sent = 0;
  std::uint32_t source = 0;
  const support::Stopwatch watch;
  while (watch.ms() < seconds * 1'000) {
    for (auto& frame : frames) {
      const std::uint32_t address = htonl(kOtherNet + source++ % kFlows);
      std::memcpy(frame.data() + 26, &address, sizeof address);
    }
    const int taken = sendmmsg(socket.get(), messages.data(), kFramesACall, 0);
    if (taken > 0) sent += static_cast<std::uint64_t>(taken);
  }
  return sent;
}

void bench_cable(double seconds) {
  support::make_cable("inside", "outside");
  const support::PinFolder pins;
  const base::SystemClock clock;
  const std::vector<base::PipelineKey> keys = {{1, std::string(32, 'k'), 0, 0}};
  const std::string endpoint = "ipc:///tmp/xdp_bench." + std::to_string(getpid());
  auto receiver = take(pipeline::FlowReceiver::bind({endpoint}, clock));
  need(receiver->set_keys(keys));
  std::atomic<std::uint64_t> received = 0;
  std::thread detector([&] {
    while (true) {
      const auto batch = receiver->receive(100ms);
      if (!batch.ok()) return;
      if (!*batch) continue;
      for (const flow::FlowRecord& record : (*batch)->flows) {
        if (record.reason == flow::CloseReason::early) continue;
        received += record.counters.side[0].packets + record.counters.side[1].packets;
      }
    }
  });
  auto source = sniffer::make_interface_source(
      {"inside"},
      [&](std::uint32_t flows_max) {
        return xdp::DataPlane::load({pins.path(), xdp::Holder::sniffer, flows_max});
      },
      clock);
  auto live = take(sniffer::LiveSniffer::create({}, std::move(source), clock));
  sniffer::LiveConfig config;
  config.endpoint = endpoint;
  config.flows_max = 2 * kFlows;
  config.batch_flows = 1'000;
  need(live->apply(config));
  need(live->set_keys(keys));
  const std::uint64_t sent = flood("outside", seconds);
  live->stop();
  const auto counters = nlohmann::json::parse(live->detail());
  const auto& packets = counters["packets"];
  const std::uint64_t in_flows = packets["in_flows"];
  const bool all_received = support::wait_until([&] { return received == in_flows; });
  receiver->stop();
  detector.join();
  std::printf(
      "cable, %.0f s: %.0f thousand packets/s sent; of %ju: seen %s, in flows %ju, lost in "
      "the kernel's table %s; records with %ju packets received%s; flows shed %s\n",
      seconds, static_cast<double>(sent) / seconds / 1e3, std::uintmax_t{sent},
      packets["seen"].dump().c_str(), std::uintmax_t{in_flows},
      packets["lost_in_kernel"].dump().c_str(), std::uintmax_t{received.load()},
      all_received ? "" : " (NOT ALL)", counters["export"]["flows_shed"].dump().c_str());
}

}  // namespace
}  // namespace mlguard

int main(int argc, char** argv) {
  if (geteuid() != 0) mlguard::fail("needs root");
  mlguard::support::enter_private_network();
  {
    // Each CPU has its own values of a flow: one that the run moves to finds none.
    cpu_set_t everywhere;
    sched_getaffinity(0, sizeof everywhere, &everywhere);
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &here);
    sched_setaffinity(0, sizeof here, &here);
    mlguard::ProgramBench().run();
    sched_setaffinity(0, sizeof everywhere, &everywhere);
  }
  mlguard::bench_cable(argc > 1 ? std::strtod(argv[1], nullptr) : 10);
}
