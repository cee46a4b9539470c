#include "sniffer/live_counters.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "flow/flow_text.h"
#include "sniffer/parse_names.h"

namespace mlguard::sniffer {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t fates(const xdp::Counters& kernel, unsigned fate) {
  return kernel[MLG_POINT_INGRESS].fates[fate] + kernel[MLG_POINT_EGRESS].fates[fate];
}

std::uint64_t counted_in_flows(const xdp::Counters& kernel) {
  return fates(kernel, MLG_FATE_ADDED_UP) + fates(kernel, MLG_FATE_EVENT);
}

Json passed_over(const xdp::Counters& kernel) {
  Json by_reason = Json::object();
  for (unsigned result = MLG_PARSE_OK + 1; result < MLG_PARSE_RESULTS; ++result) {
    const std::uint64_t count = fates(kernel, MLG_FATE_PASSED_OVER + result - 1);
    if (count > 0) by_reason[parse_key(result)] = count;
  }
  return by_reason;
}

Json packets(const xdp::Counters& kernel, std::uint64_t lost) {
  return {{"seen", kernel[MLG_POINT_INGRESS].seen + kernel[MLG_POINT_EGRESS].seen},
          {"in_flows", counted_in_flows(kernel)},
          {"blocked", fates(kernel, MLG_FATE_BLOCKED)},
          {"sampled_out", fates(kernel, MLG_FATE_SAMPLED_OUT)},
          {"seen_before", fates(kernel, MLG_FATE_SEEN_BEFORE)},
          {"no_room", fates(kernel, MLG_FATE_NO_ROOM)},
          {"lost_in_kernel", lost},
          {"passed_over", passed_over(kernel)}};
}

Json exported(const pipeline::FlowSenderCounters& sent) {
  return {{"connected", sent.connected},       {"has_key", sent.has_key},
          {"flows_sent", sent.flows_sent},     {"flows_shed", sent.flows_shed},
          {"flows_queued", sent.flows_queued}, {"batches_sent", sent.batches_sent},
          {"bytes_sent", sent.bytes_sent}};
}

Json top(const Talkers& talkers) {
  Json rows = Json::array();
  for (const Talker& talker : talkers.top()) {
    const double seconds = std::max(talkers.window_s(), 1e-3);
    rows.push_back({{"low", flow::address_text(talker.key.low_address)},
                    {"low_port", talker.key.low_port},
                    {"high", flow::address_text(talker.key.high_address)},
                    {"high_port", talker.key.high_port},
                    {"protocol", talker.key.protocol},
                    {"packets_per_s", std::round(static_cast<double>(talker.packets) / seconds)},
                    {"bytes_per_s", std::round(static_cast<double>(talker.bytes) / seconds)}});
  }
  return rows;
}

}  // namespace

void LiveCounters::set_kernel(const xdp::Counters& kernel) {
  kernel_ = kernel;
  for (std::size_t point = 0; point < kernel_.size(); ++point) {
    kernel_[point].seen += earlier_[point].seen;
    kernel_[point].ring_full += earlier_[point].ring_full;
    for (std::size_t fate = 0; fate < std::size(kernel_[point].fates); ++fate) {
      kernel_[point].fates[fate] += earlier_[point].fates[fate];
    }
  }
}

void LiveCounters::add_round(const xdp::Counters& kernel, const xdp::FlowRound& round) {
  set_kernel(kernel);
  packets_read_ += round.events.size();
  for (const xdp::FlowDelta& flow : round.flows) {
    packets_read_ += flow.counters.side[0].packets + flow.counters.side[1].packets;
  }
  const std::uint64_t counted = counted_in_flows(kernel_);
  if (counted > packets_read_) packets_lost_ = std::max(packets_lost_, counted - packets_read_);
}

void LiveCounters::tracker_ended(const flow::Tracker& tracker) {
  flows_begun_ += tracker.flows_begun();
  flows_evicted_ += tracker.records(flow::CloseReason::evicted);
}

std::string LiveCounters::json(const std::string& source, const flow::Tracker* tracker,
                               const pipeline::FlowSenderCounters& sent,
                               const Talkers& talkers) const {
  Json flows = {
      {"open", tracker == nullptr ? 0 : tracker->flows_open()},
      {"begun", flows_begun_ + (tracker == nullptr ? 0 : tracker->flows_begun())},
      {"evicted",
       flows_evicted_ + (tracker == nullptr ? 0 : tracker->records(flow::CloseReason::evicted))}};
  Json detail = Json::parse(source, nullptr, false);
  detail["packets"] = packets(kernel_, packets_lost_);
  detail["flows"] = flows;
  detail["export"] = exported(sent);
  detail["top"] = top(talkers);
  std::string text = detail.dump();
  // Ten IPv6 talkers may be too much; the counters matter more.
  while (text.size() > base::kDetailBytesMax && !detail["top"].empty()) {
    detail["top"].erase(detail["top"].size() - 1);
    text = detail.dump();
  }
  return text;
}

}  // namespace mlguard::sniffer
