// What models may look at: the features of a flow (flow/features.h), and what is computed from
// several of them. A model names its inputs; a build knows them by name. Like features, no input
// looks at addresses, ports or what packets carry.
//
// Counts alone say how busy a host is, and that differs from network to network; the ratios here
// say what it is busy with. Stateless; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "flow/features.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kDerivedInputs = 8;
inline constexpr std::size_t kInputs = flow::kFeatures + kDerivedInputs;
// As models take them: what is not defined, or beyond what a float can hold, is NaN.
using InputRow = std::array<float, kInputs>;

struct InputName {
  const char* name;
  const char* unit;
  const char* definition;
};

const std::array<InputName, kInputs>& input_table();
std::optional<std::size_t> find_input(std::string_view name);
InputRow inputs_of(const flow::FlowRecord& record);

}  // namespace mlguard::ml_detector
