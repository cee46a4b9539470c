#include "xdp/data_plane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "base/logging.h"
#include "base/unique_fd.h"
#include "bpf/sniffer.skel.h"
#include "xdp/attachment.h"
#include "xdp/blocklist.h"
#include "xdp/flow_tables.h"
#include "xdp/kernel_error.h"
#include "xdp/pins.h"

namespace mlguard::xdp {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr __u32 kOnlyEntry = 0;
constexpr std::uint64_t kFlowBytes =
    sizeof(mlg_round_flow) + MLG_INDEX_ENTRIES_A_FLOW * sizeof(mlg_index_line::entry[0]);

struct DestroySkeleton {
  void operator()(sniffer_bpf* skeleton) const { sniffer_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<sniffer_bpf, DestroySkeleton>;

struct FreeRing {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using Ring = std::unique_ptr<ring_buffer, FreeRing>;

// libbpf explains itself line by line; what is of use to a person comes back as an Error.
int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  std::array<char, 512> line{};
  const int size = std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string text(line.data());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  base::log_debug("libbpf", {{"says", text}});
  return size;
}

std::uint64_t monotonic_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint32_t affordable_flows(std::uint32_t wanted, std::uint64_t cpus) {
  const std::uint64_t affordable = kFlowTablesBytesMax / (MLG_TABLES * cpus * kFlowBytes);
  const std::uint64_t most = std::min<std::uint64_t>(affordable, MLG_ROUND_FLOWS_MAX);
  return static_cast<std::uint32_t>(
      std::max<std::uint64_t>(std::min<std::uint64_t>(wanted, most), kFlowsMin));
}

// The secret is of no use to others: whoever reads it here reads the packets as well.
void choose_hash_secret(mlg_settings& settings) {
  std::random_device random;
  for (__u32& word : settings.hash_secret) word = random();
}

class LoadedDataPlane final : public DataPlane {
 public:
  LoadedDataPlane(DataPlaneOptions options, Skeleton skeleton, const FlowTableSizes& sizes)
      : options_(std::move(options)), skeleton_(std::move(skeleton)), sizes_(sizes) {}

  Status begin();
  base::Result<AttachMode> attach(const std::string& interface) override;
  Status detach(const std::string& interface) override;
  Status sample(std::uint32_t one_in) override {
    settings_.account = 1;
    settings_.sample_below = mlg_sample_threshold(std::max(one_in, 1U));
    return set(bpf_map__fd(skeleton_->maps.settings), &kOnlyEntry, &settings_);
  }
  bool holds(const std::string& interface) const override {
    return has_holder(options_.pin_folder, interface, options_.holder);
  }
  base::Result<Counters> counters() override;
  Status read_round(FlowRound& round) override;
  std::uint32_t flows_max() const override { return sizes_.flows_max; }
  int ingress_program() const override { return bpf_program__fd(skeleton_->progs.sniff_ingress); }
  int egress_program() const override { return bpf_program__fd(skeleton_->progs.sniff_egress); }

 private:
  static Status set(int map, const void* key, const void* value) {
    if (bpf_map_update_elem(map, key, value, BPF_ANY) == 0) return {};
    return kernel_error("cannot change a kernel map", errno);
  }
  int round_map(std::uint32_t table) const {
    return bpf_map__fd(table == 0 ? skeleton_->maps.round_even : skeleton_->maps.round_odd);
  }
  static int take_event(void* self, void* data, std::size_t size);
  Status watch(const std::string& interface);
  Status leave_only_the_blocklist(const std::string& interface);

  DataPlaneOptions options_;
  Skeleton skeleton_;
  FlowTableSizes sizes_;
  mlg_settings settings_ = {};
  std::optional<FlowTables> tables_;
  Ring ring_;
  std::map<std::string, base::UniqueFd> holds_;  // by interface
  std::uint32_t table_ = 0;                      // which one the programs use
  FlowRound* reading_ = nullptr;                 // during read_round
};

Status LoadedDataPlane::begin() {
  ring_.reset(ring_buffer__new(bpf_map__fd(skeleton_->maps.events), take_event, this, nullptr));
  if (!ring_) return kernel_error("cannot map the ring of events", errno);
  const FlowTables::Maps maps = {
      bpf_map__fd(skeleton_->maps.flow_tables), bpf_map__fd(skeleton_->maps.flow_index),
      bpf_map__fd(skeleton_->maps.flow_heads), bpf_map__fd(skeleton_->maps.flow_rests)};
  base::Result<FlowTables> tables = FlowTables::map(maps, sizes_);
  if (!tables.ok()) return tables.error();
  tables_.emplace(std::move(*tables));
  for (const mlg_round round : {mlg_round{0}, mlg_round{1}}) {
    const Status numbered = set(round_map(round.table), &kOnlyEntry, &round);
    if (!numbered.ok()) return numbered;
  }
  choose_hash_secret(settings_);
  settings_.account = options_.holder == Holder::sniffer ? 1U : 0U;
  settings_.sample_below = mlg_sample_threshold(1);
  return set(bpf_map__fd(skeleton_->maps.settings), &kOnlyEntry, &settings_);
}

int LoadedDataPlane::take_event(void* self, void* data, std::size_t size) {
  FlowRound& round = *static_cast<LoadedDataPlane*>(self)->reading_;
  if (size == sizeof(mlg_round_flow)) {
    mlg_round_flow evicted;
    std::memcpy(&evicted, data, sizeof evicted);
    round.flows.push_back(delta_of({&evicted.head, &evicted.rest}));
    return 0;
  }
  mlg_event_after told = {};
  std::memcpy(&told, data, std::min(size, sizeof told));
  round.events.push_back(told.event);
  if (size == sizeof told) round.flows.push_back(delta_of({&told.before.head, &told.before.rest}));
  return 0;
}

Status LoadedDataPlane::watch(const std::string& interface) {
  const base::Result<int> index = interface_index(interface);
  if (!index.ok()) return index.error();
  const auto key = static_cast<__u32>(*index);
  const __u8 any = 1;
  return set(bpf_map__fd(skeleton_->maps.watched), &key, &any);
}

base::Result<AttachMode> LoadedDataPlane::attach(const std::string& interface) {
  if (const base::Result<int> index = interface_index(interface); !index.ok()) {
    return index.error();
  }
  const bool sniffs = options_.holder == Holder::sniffer;
  const bool sniffed = has_holder(options_.pin_folder, interface, Holder::sniffer);
  base::Result<base::UniqueFd> hold = add_holder(options_.pin_folder, interface, options_.holder);
  if (!hold.ok()) return hold.error();
  holds_[interface] = std::move(*hold);
  // The sniffer's program drops what is blocked as well: the firewall leaves it in place.
  const Earlier earlier = !sniffs && sniffed ? Earlier::keep : Earlier::replace;
  base::Result<AttachMode> mode =
      attach_xdp(options_.pin_folder, interface, ingress_program(), earlier);
  if (mode.ok() && sniffs) {
    Status both = watch(interface);
    if (both.ok()) both = attach_egress(interface, egress_program());
    if (!both.ok()) mode = both.error();
  }
  if (mode.ok()) return mode;
  // Why it failed is told, not that taking it off failed as well.
  static_cast<void>(detach(interface));
  return mode;
}

Status LoadedDataPlane::leave_only_the_blocklist(const std::string& interface) {
  DataPlaneOptions only = options_;
  only.holder = Holder::firewall;
  const auto dropper = DataPlane::load(only);
  if (!dropper.ok()) return dropper.error();
  // The firewall itself holds the interface: only the program is exchanged.
  const base::Result<AttachMode> mode =
      attach_xdp(options_.pin_folder, interface, (*dropper)->ingress_program(), Earlier::replace);
  if (!mode.ok()) return mode.error();
  return {};
}

Status LoadedDataPlane::detach(const std::string& interface) {
  const Holder other = options_.holder == Holder::sniffer ? Holder::firewall : Holder::sniffer;
  Status done;
  if (options_.holder == Holder::sniffer) done = detach_egress(interface);
  if (const base::Result<int> index = interface_index(interface); index.ok()) {
    const auto key = static_cast<__u32>(*index);
    bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.watched), &key);
  }
  holds_.erase(interface);
  remove_holder(options_.pin_folder, interface, options_.holder);
  if (!has_holder(options_.pin_folder, interface, other)) {
    remove_interface(options_.pin_folder, interface);
  } else if (other == Holder::firewall && done.ok()) {
    done = leave_only_the_blocklist(interface);
  }
  return done;
}

base::Result<Counters> LoadedDataPlane::counters() {
  Counters sums = {};
  std::vector<mlg_counters> by_cpu(sizes_.cpus);
  for (__u32 point = 0; point < MLG_POINTS; ++point) {
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counters), &point, by_cpu.data()) != 0) {
      return kernel_error("cannot read the counters", errno);
    }
    for (const mlg_counters& one : by_cpu) {
      sums[point].seen += one.seen;
      sums[point].ring_full += one.ring_full;
      for (std::size_t fate = 0; fate < MLG_FATES; ++fate) {
        sums[point].fates[fate] += one.fates[fate];
      }
    }
  }
  return sums;
}

Status LoadedDataPlane::read_round(FlowRound& round) {
  round.events.clear();
  round.flows.clear();
  round.cutoff_ns = monotonic_ns();
  const std::uint32_t used = table_;
  const int next_fd = round_map(MLG_TABLES - 1 - used);
  // Returns when the last program that uses the old table is through.
  const Status exchanged = set(bpf_map__fd(skeleton_->maps.round_now), &kOnlyEntry, &next_fd);
  if (!exchanged.ok()) return exchanged;
  table_ = MLG_TABLES - 1 - used;
  reading_ = &round;
  const int taken = ring_buffer__consume(ring_.get());
  reading_ = nullptr;
  if (taken < 0) return kernel_error("cannot read the ring of events", taken);
  tables_->take(used, round);
  return {};
}

// The last thing that libbpf complains about is often "-1"; the errno says which kind.
Error load_error(int error) {
  if (error == -EINVAL) {
    return {ErrorCode::conflict, "pins_of_another_version",
            "the pinned blocklist was made by another version of ml-guard, or this kernel refuses "
            "the programs: stop the sniffer and the firewall, remove the files of the pin folder "
            "and start them again (--log-level debug shows what libbpf says)"};
  }
  return kernel_error("cannot load the kernel programs", error);
}

base::Result<Skeleton> open_skeleton(const DataPlaneOptions& options, const FlowTableSizes& sizes) {
  LIBBPF_OPTS(bpf_object_open_opts, how);
  how.pin_root_path = options.pin_folder.c_str();
  Skeleton skeleton(sniffer_bpf__open_opts(&how));
  if (!skeleton) return kernel_error("cannot open the kernel programs", errno);
  skeleton->rodata->flows_max = sizes.flows_max;
  skeleton->rodata->cpus = sizes.cpus;
  int set = bpf_map__set_max_entries(skeleton->maps.flow_tables, sizes.tables());
  if (set == 0) set = bpf_map__set_max_entries(skeleton->maps.flow_index, sizes.index_lines());
  if (set == 0) set = bpf_map__set_max_entries(skeleton->maps.flow_heads, sizes.flows());
  if (set == 0) set = bpf_map__set_max_entries(skeleton->maps.flow_rests, sizes.flows());
  if (set != 0) return kernel_error("cannot size the flow tables", set);
  return skeleton;
}

}  // namespace

const char* to_string(AttachMode mode) { return mode == AttachMode::native ? "native" : "generic"; }

base::Result<std::unique_ptr<DataPlane>> DataPlane::load(const DataPlaneOptions& options) {
  utsname host = {};
  uname(&host);
  Status ready = check_kernel_release(host.release);
  if (ready.ok()) ready = prepare_pin_folder(options.pin_folder);
  if (!ready.ok()) return ready.error();
  libbpf_set_print(log_libbpf);
  // Before programs go by the new one.
  if (has_older_blocklist(options.pin_folder)) {
    const auto list = Blocklist::open(options.pin_folder);
    if (!list.ok()) return list.error();
  }
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return kernel_error("cannot count the CPUs", cpus);
  // Who only drops needs no flows: the smallest tables that the kernel makes.
  const std::uint32_t wanted = options.holder == Holder::sniffer ? options.flows_max : kFlowsMin;
  const FlowTableSizes sizes = {static_cast<std::uint32_t>(cpus),
                                affordable_flows(wanted, static_cast<std::uint64_t>(cpus))};
  auto skeleton = open_skeleton(options, sizes);
  if (!skeleton.ok()) return skeleton.error();
  const int loaded = sniffer_bpf__load(skeleton->get());
  if (loaded != 0) return load_error(loaded);
  auto plane = std::make_unique<LoadedDataPlane>(options, std::move(*skeleton), sizes);
  ready = plane->begin();
  if (!ready.ok()) return ready.error();
  return base::Result<std::unique_ptr<DataPlane>>(std::move(plane));
}

}  // namespace mlguard::xdp
