#include "sniffer/interface_source.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/logging.h"
#include "flow/tracker.h"

namespace mlguard::sniffer {
namespace {

using base::Error;
using base::Status;

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::chrono::seconds kAttachAgain{2};

std::uint64_t monotonic_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * flow::kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

class InterfaceSource final : public PacketSource {
 public:
  InterfaceSource(std::vector<std::string> interfaces, LoadDataPlane load, const base::Clock& clock)
      : given_(std::move(interfaces)), load_(std::move(load)), clock_(clock) {}

  Status load(std::uint32_t flows_max) override {
    auto loaded = load_(flows_max);
    if (!loaded.ok()) return loaded.error();
    plane_ = std::move(*loaded);
    attached_.clear();
    return {};
  }
  bool is_recorded() const override { return false; }
  Status apply(const LiveConfig& config) override {
    if (Status done = plane_->sample(config.sample_one_in); !done.ok()) return done;
    wanted_ = given_.empty() ? config.interfaces : given_;
    detach_unwanted();
    attach_missing();
    return {};
  }
  void keep_up() override {
    if (!attach_problem_.empty() && std::chrono::steady_clock::now() >= retry_at_) attach_missing();
  }
  bool is_lost() const override {
    return !std::all_of(attached_.begin(), attached_.end(),
                        [&](const auto& interface) { return plane_->holds(interface.first); });
  }
  void close() override {
    wanted_.clear();
    detach_unwanted();
  }

  base::Result<xdp::Counters> counters() override { return plane_->counters(); }
  Status read_round(xdp::FlowRound& round, Demand /*demand*/) override {
    return plane_->read_round(round);
  }
  RoundEnd round_end() const override { return RoundEnd::goes_on; }
  std::uint64_t event_offset_ns() const override { return event_offset_ns_; }
  std::uint64_t told_offset_ns() const override { return wall_offset() - event_offset_ns_; }

  Status health() const override {
    if (attach_problem_.empty()) return {};
    return Error(base::ErrorCode::unavailable, "not_attached", attach_problem_);
  }
  std::string json() const override {
    nlohmann::ordered_json attached = nlohmann::ordered_json::object();
    for (const auto& [name, mode] : attached_) attached[name] = to_string(mode);
    return nlohmann::ordered_json({{"interfaces", attached}}).dump();
  }

 private:
  void detach_unwanted();
  void attach_missing();
  // From CLOCK_MONOTONIC to what the wall clock says now.
  std::uint64_t wall_offset() const {
    return static_cast<std::uint64_t>(clock_.wall_ms()) * kNsPerMs - monotonic_ns();
  }

  const std::vector<std::string> given_;
  const LoadDataPlane load_;
  const base::Clock& clock_;
  const std::uint64_t event_offset_ns_ = wall_offset();
  std::unique_ptr<xdp::DataPlane> plane_;
  std::vector<std::string> wanted_;
  std::map<std::string, xdp::AttachMode> attached_;
  std::string attach_problem_;  // empty while all that are wanted are attached
  std::chrono::steady_clock::time_point retry_at_;
};

void InterfaceSource::detach_unwanted() {
  for (auto at = attached_.begin(); at != attached_.end();) {
    if (std::find(wanted_.begin(), wanted_.end(), at->first) != wanted_.end()) {
      ++at;
      continue;
    }
    const Status detached = plane_->detach(at->first);
    if (detached.ok()) {
      base::log_info("detached", {{"interface", at->first}});
    } else {
      base::log_warn("could not detach",
                     {{"interface", at->first}, {"error", detached.error().message}});
    }
    at = attached_.erase(at);
  }
}

// Those that stay are not touched. One that is missing may come yet (a USB adapter, a tunnel): it
// is told once, stands in the heartbeat, and is tried again.
void InterfaceSource::attach_missing() {
  retry_at_ = std::chrono::steady_clock::now() + kAttachAgain;
  std::string problem;
  for (const std::string& interface : wanted_) {
    if (attached_.count(interface) != 0) continue;
    const base::Result<xdp::AttachMode> mode = plane_->attach(interface);
    if (mode.ok()) {
      attached_[interface] = *mode;
      base::log_info("attached", {{"interface", interface}, {"xdp", to_string(*mode)}});
    } else if (problem.empty()) {
      problem = mode.error().message;
    }
  }
  if (problem != attach_problem_ && !problem.empty()) {
    base::log_warn("not attached", {{"error", problem}});
  }
  attach_problem_ = problem;
}

}  // namespace

std::unique_ptr<PacketSource> make_interface_source(std::vector<std::string> interfaces,
                                                    LoadDataPlane load, const base::Clock& clock) {
  return std::make_unique<InterfaceSource>(std::move(interfaces), std::move(load), clock);
}

}  // namespace mlguard::sniffer
