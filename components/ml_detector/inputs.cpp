#include "ml_detector/inputs.h"

#include <cmath>
#include <limits>

namespace mlguard::ml_detector {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double ratio(double part, double whole) { return whole > 0 ? part / whole : kUndefined; }
// Of a window without flows none was left unanswered.
double half_open(const flow::HostWindow& window) {
  return window.flows > 0 ? window.flows * window.half_open_ratio : 0;
}

struct Derived {
  InputName name;
  double (*value)(const flow::FlowRecord&);
};
using Row = const flow::FlowRecord&;

constexpr std::array<Derived, kDerivedInputs> kDerived = {{
    {{"src_ports_per_flow", "ratio", "src_ports over src_flows: near 1 for who tries every port"},
     [](Row f) { return ratio(f.windows.source.ports, f.windows.source.flows); }},
    {{"src_hosts_per_flow", "ratio", "src_hosts over src_flows: near 1 for who tries every host"},
     [](Row f) { return ratio(f.windows.source.hosts, f.windows.source.flows); }},
    {{"dst_hosts_per_flow", "ratio",
      "dst_hosts over dst_flows: near 1 when each source comes once"},
     [](Row f) { return ratio(f.windows.destination.hosts, f.windows.destination.flows); }},
    {{"src_half_open_flows", "flows", "flows of the source in the window that were not opened"},
     [](Row f) { return half_open(f.windows.source); }},
    {{"dst_half_open_flows", "flows", "flows to the destination in the window, not opened"},
     [](Row f) { return half_open(f.windows.destination); }},
    {{"src_opened_flows", "flows", "flows of the source in the window that were opened"},
     [](Row f) { return f.windows.source.flows - half_open(f.windows.source); }},
    {{"dst_opened_flows", "flows", "flows to the destination in the window that were opened"},
     [](Row f) { return f.windows.destination.flows - half_open(f.windows.destination); }},
    {{"fwd_gap_variation", "ratio", "fwd_gap_std over fwd_gap_mean: near 0 for a steady beat"},
     [](Row f) {
       const mlg_flow_side& side = f.forward();
       const auto gaps = static_cast<double>(side.gaps);
       const auto sum = static_cast<double>(side.gap_sum_us);
       const bool known = side.gap_squares_us2 != std::numeric_limits<__u64>::max();
       if (!known || !(sum > 0)) return kUndefined;
       const double squares = static_cast<double>(side.gap_squares_us2) * gaps / (sum * sum);
       return std::sqrt(std::max(squares - 1, 0.0));
     }},
}};

float narrow(double value) {
  return std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max())
             ? static_cast<float>(value)
             : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

const std::array<InputName, kInputs>& input_table() {
  static const std::array<InputName, kInputs> table = [] {
    std::array<InputName, kInputs> all{};
    const auto& features = flow::feature_table();
    for (std::size_t i = 0; i < flow::kFeatures; ++i) {
      all[i] = {features[i].name, features[i].unit, features[i].definition};
    }
    for (std::size_t i = 0; i < kDerivedInputs; ++i) all[flow::kFeatures + i] = kDerived[i].name;
    return all;
  }();
  return table;
}

std::optional<std::size_t> find_input(std::string_view name) {
  for (std::size_t i = 0; i < kInputs; ++i) {
    if (input_table()[i].name == name) return i;
  }
  return std::nullopt;
}

InputRow inputs_of(const flow::FlowRecord& record) {
  InputRow row{};
  const flow::FeatureVector features = flow::features_of(record);
  for (std::size_t i = 0; i < flow::kFeatures; ++i) row[i] = narrow(features[i]);
  for (std::size_t i = 0; i < kDerivedInputs; ++i) {
    row[flow::kFeatures + i] = narrow(kDerived[i].value(record));
  }
  return row;
}

}  // namespace mlguard::ml_detector
