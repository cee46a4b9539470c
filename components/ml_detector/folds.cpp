#include "ml_detector/folds.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>

namespace mlguard::ml_detector {
namespace {

using Group = std::vector<std::size_t>;  // captures

std::vector<Group> groups_of(const std::vector<ExampleCapture>& captures, HoldBack hold_back) {
  std::vector<std::size_t> order(captures.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(captures[a].repository, captures[a].first_ns) <
           std::pair(captures[b].repository, captures[b].first_ns);
  });
  std::vector<Group> groups;
  std::uint64_t group_ends_ns = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const ExampleCapture& capture = captures[order[i]];
    const bool same_repository = i > 0 && captures[order[i - 1]].repository == capture.repository;
    const bool overlaps = same_repository && capture.first_ns <= group_ends_ns;
    const bool joins = hold_back == HoldBack::repositories ? same_repository : overlaps;
    if (!joins) {
      groups.emplace_back();
      group_ends_ns = 0;
    }
    groups.back().push_back(order[i]);
    group_ends_ns = std::max(group_ends_ns, capture.last_ns);
  }
  return groups;
}

std::size_t flows_of(const ExampleCapture& capture) {
  std::size_t flows = 0;
  for (const std::size_t of_class : capture.flows) flows += of_class;
  return flows;
}

// Uniform below `count`, the same everywhere: std::shuffle differs between libraries.
std::size_t pick(std::mt19937& random, std::size_t count) { return random() % count; }

}  // namespace

std::vector<std::size_t> folds_of(const std::vector<ExampleCapture>& captures, std::size_t folds,
                                  HoldBack hold_back, std::uint32_t seed) {
  std::map<std::string, std::vector<Group>> by_class;
  for (Group& group : groups_of(captures, hold_back)) {
    const auto largest = std::max_element(group.begin(), group.end(), [&](auto a, auto b) {
      return flows_of(captures[a]) < flows_of(captures[b]);
    });
    by_class[captures[*largest].main_class].push_back(std::move(group));
  }
  std::mt19937 random(seed);
  std::vector<std::size_t> fold_of(captures.size(), 0);
  std::size_t next = 0;
  for (auto& [name, groups] : by_class) {
    for (std::size_t i = groups.size(); i > 1; --i) {
      std::swap(groups[i - 1], groups[pick(random, i)]);
    }
    for (const Group& group : groups) {
      for (const std::size_t capture : group) fold_of[capture] = next % folds;
      ++next;
    }
  }
  return fold_of;
}

}  // namespace mlguard::ml_detector
