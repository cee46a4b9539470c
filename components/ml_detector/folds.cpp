#include "ml_detector/folds.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>

namespace mlguard::ml_detector {
namespace {

using Group = std::vector<std::size_t>;  // captures

// Sets of captures that become one.
class Sets {
 public:
  explicit Sets(std::size_t size) : parent_(size) {
    for (std::size_t i = 0; i < size; ++i) parent_[i] = i;
  }
  std::size_t of(std::size_t at) {
    while (parent_[at] != at) at = parent_[at] = parent_[parent_[at]];
    return at;
  }
  void join(std::size_t a, std::size_t b) { parent_[of(a)] = of(b); }

 private:
  std::vector<std::size_t> parent_;
};

// Captures that were put together of parts span years: their times say nothing.
bool tells_time(const ExampleCapture& capture) {
  constexpr std::uint64_t kDayNs = 86'400ULL * 1'000'000'000ULL;
  return capture.variant == Variant::as_it_is && capture.last_ns - capture.first_ns < kDayNs;
}

void join_overlapping(const std::vector<ExampleCapture>& captures, Sets& sets) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < captures.size(); ++i) {
    if (tells_time(captures[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(captures[a].repository, captures[a].first_ns) <
           std::pair(captures[b].repository, captures[b].first_ns);
  });
  std::size_t longest = 0;  // the one so far that ends last
  for (const std::size_t at : order) {
    const bool overlaps = captures[at].repository == captures[longest].repository &&
                          tells_time(captures[longest]) &&
                          captures[at].first_ns <= captures[longest].last_ns;
    if (overlaps) sets.join(at, longest);
    if (!overlaps || captures[at].last_ns > captures[longest].last_ns) longest = at;
  }
}

std::vector<Group> groups_of(const std::vector<ExampleCapture>& captures, HoldBack hold_back) {
  Sets sets(captures.size());
  std::map<std::string, std::size_t> first_of;
  for (std::size_t i = 0; i < captures.size(); ++i) {
    const bool whole = hold_back == HoldBack::repositories;
    const std::string& together = whole ? captures[i].repository : captures[i].group;
    sets.join(i, first_of.emplace(together, i).first->second);
  }
  join_overlapping(captures, sets);
  std::map<std::size_t, Group> groups;
  for (std::size_t i = 0; i < captures.size(); ++i) groups[sets.of(i)].push_back(i);
  std::vector<Group> list;
  list.reserve(groups.size());
  for (auto& [name, group] : groups) list.push_back(std::move(group));
  return list;
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
