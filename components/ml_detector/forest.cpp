#include "ml_detector/forest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include "ml_detector/forest_wide.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

// Walks that go on beside each other: each waits for memory at every level.
constexpr std::size_t kBeside = 8;
// Rows that go through some trees before the next trees.
constexpr std::size_t kRowsAtOnce = 64;
constexpr std::size_t kDoubledMax = 2 * kForestFeaturesMax;

Error bad_tree(std::size_t tree, const std::string& what) {
  return {ErrorCode::corrupt, "bad_trees", "tree " + std::to_string(tree) + ": " + what};
}

// Whole numbers in the order of the floats that they stand for (IEEE 754's own order of bits, with
// that of negative ones turned round). -0 and 0 are equal. Of NaN: nothing that means anything.
std::uint32_t ordered(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value + 0.0F);
  const auto all_if_negative = static_cast<std::uint32_t>(bits >> 31);
  return static_cast<std::uint32_t>(bits) ^ (all_if_negative | 0x8000'0000U);
}

void double_row(const float* row, std::size_t features, std::uint32_t* doubled) {
  for (std::size_t i = 0; i < features; ++i) {
    const bool missing = std::isnan(row[i]);
    const std::uint32_t value = ordered(row[i]);
    doubled[i] = missing ? kOrderedInfinity : value;
    doubled[features + i] = missing ? kOrderedMinusInfinity : value;
  }
}

// The depth of a sound tree.
base::Result<std::size_t> check_tree(const Tree& tree, std::size_t index, std::size_t features) {
  if (tree.empty()) return bad_tree(index, "no nodes");
  if (tree.size() > kTreeNodesMax) return bad_tree(index, std::to_string(tree.size()) + " nodes");
  struct Step {
    std::size_t node;
    std::size_t depth;
  };
  std::vector<bool> reached(tree.size(), false);
  std::vector<Step> open = {{0, 0}};
  std::size_t deepest = 0;
  while (!open.empty()) {
    const Step step = open.back();
    open.pop_back();
    const TreeNode& node = tree[step.node];
    const std::string name = "node " + std::to_string(step.node);
    if (reached[step.node]) return bad_tree(index, name + " is reached twice");
    reached[step.node] = true;
    if (step.depth > kForestDepthMax) {
      return bad_tree(index, "deeper than " + std::to_string(kForestDepthMax));
    }
    deepest = std::max(deepest, step.depth);
    if (!std::isfinite(node.value)) return bad_tree(index, name + " has no finite value");
    if (!std::isfinite(node.cover) || node.cover < 0) {
      return bad_tree(index, name + " has no sound cover");
    }
    if (node.left == -1 && node.right == -1) continue;
    if (node.feature >= features) {
      return bad_tree(index, name + " asks for feature " + std::to_string(node.feature));
    }
    for (const std::int32_t child : {node.left, node.right}) {
      if (child < 0 || static_cast<std::size_t>(child) >= tree.size()) {
        return bad_tree(index, name + " has the child " + std::to_string(child));
      }
      open.push_back({static_cast<std::size_t>(child), step.depth + 1});
    }
  }
  return deepest;
}

base::Status check_sizes(const TrainedForest& trained) {
  const auto refuse = [](const std::string& what, std::size_t is, std::size_t most) -> Error {
    return {ErrorCode::corrupt, "bad_trees",
            std::to_string(is) + " " + what + "; 1 to " + std::to_string(most) + " can be"};
  };
  const auto outside = [](std::size_t is, std::size_t most) { return is == 0 || is > most; };
  if (outside(trained.features, kForestFeaturesMax)) {
    return refuse("features", trained.features, kForestFeaturesMax);
  }
  if (outside(trained.outputs, kForestOutputsMax)) {
    return refuse("outputs", trained.outputs, kForestOutputsMax);
  }
  if (outside(trained.trees.size(), kForestTreesMax)) {
    return refuse("trees", trained.trees.size(), kForestTreesMax);
  }
  if (trained.output_of_tree.size() != trained.trees.size()) {
    return refuse("outputs named for the trees", trained.output_of_tree.size(),
                  trained.trees.size());
  }
  for (const std::uint32_t output : trained.output_of_tree) {
    if (output >= trained.outputs) return refuse("as an output", output, trained.outputs - 1);
  }
  if (!std::isfinite(trained.base_margin)) {
    return Error{ErrorCode::corrupt, "bad_trees", "the base margin is not finite"};
  }
  return {};
}

}  // namespace

base::Result<Forest> Forest::build(const TrainedForest& trained) {
  const base::Status sizes = check_sizes(trained);
  if (!sizes.ok()) return sizes.error();
  Forest forest;
  for (std::size_t i = 0; i < trained.trees.size(); ++i) {
    const base::Result<std::size_t> depth = check_tree(trained.trees[i], i, trained.features);
    if (!depth.ok()) return depth.error();
    forest.depth_ = std::max(forest.depth_, *depth);
  }
  const std::size_t leaves = std::size_t{1} << forest.depth_;
  if (leaves * trained.trees.size() > kForestNodesMax) {
    return Error{ErrorCode::corrupt, "bad_trees",
                 std::to_string(trained.trees.size()) + " trees of depth " +
                     std::to_string(forest.depth_) + " are more than fit into memory"};
  }
  forest.features_ = trained.features;
  forest.outputs_ = trained.outputs;
  forest.base_margin_ = trained.base_margin;
  forest.output_of_tree_ = trained.output_of_tree;
  forest.thresholds_.resize(leaves * trained.trees.size());
  forest.slots_.resize(forest.thresholds_.size());
  forest.leaves_.resize(leaves * trained.trees.size());
  for (std::size_t i = 0; i < trained.trees.size(); ++i) forest.fill(trained.trees[i], i);
  return forest;
}

void Forest::fill(const Tree& tree, std::size_t tree_index) {
  const std::size_t leaves = std::size_t{1} << depth_;
  std::uint32_t* thresholds = thresholds_.data() + tree_index * leaves;
  Slot* slots = slots_.data() + tree_index * leaves;
  float* values = leaves_.data() + tree_index * leaves;
  struct Place {
    std::size_t at;    // in the perfect tree
    std::size_t node;  // in the trained one
  };
  std::vector<Place> open = {{1, 0}};
  while (!open.empty()) {
    const Place place = open.back();
    open.pop_back();
    const TreeNode& node = tree[place.node];
    if (place.at >= leaves) {
      values[place.at - leaves] = node.value;
      continue;
    }
    const bool leaf = node.left < 0;
    // Below a leaf that ends early both ways lead to its value.
    const std::size_t left = leaf ? place.node : static_cast<std::size_t>(node.left);
    const std::size_t right = leaf ? place.node : static_cast<std::size_t>(node.right);
    if (!leaf) {
      const std::size_t half = node.missing_left ? features_ : 0;
      thresholds[place.at] = ordered(node.value);
      slots[place.at] = static_cast<Slot>(node.feature + half);
    }
    open.push_back({2 * place.at + 1, left});
    open.push_back({2 * place.at, right});
  }
}

namespace {

// Calls `with.template operator()<0>()` and so on: not a loop, so that what it indexes stays in
// registers at any level of optimisation.
template <std::size_t kTimes, class With>
void unrolled(const With& with) {
  [&]<std::size_t... kEach>(std::index_sequence<kEach...>) {
    (with.template operator()<kEach>(), ...);
  }
  (std::make_index_sequence<kTimes>{});
}

// The leaves that a doubled row ends in, of `kTrees` trees that lie in a row.
template <std::size_t kDepth, std::size_t kTrees, class Add>
void walk_trees(const std::uint32_t* doubled, const std::uint32_t* thresholds,
                const std::uint8_t* slots, const float* leaves, const Add& add) {
  constexpr std::size_t kLeaves = std::size_t{1} << kDepth;
  std::array<std::size_t, kTrees> at;
  at.fill(1);
  unrolled<kDepth>([&]<std::size_t>() {
    unrolled<kTrees>([&]<std::size_t kI>() {
      const std::size_t node = kI * kLeaves + at[kI];
      at[kI] += at[kI] + static_cast<std::size_t>(doubled[slots[node]] < thresholds[node]);
    });
  });
  unrolled<kTrees>([&]<std::size_t kI>() { add(kI, leaves[kI * kLeaves + at[kI] - kLeaves]); });
}

}  // namespace

// `add(tree, leaf)` is called for one tree after the other.
template <std::size_t kDepth, class Add>
void Forest::walk_row(const std::uint32_t* doubled, const Add& add) const {
  constexpr std::size_t kLeaves = std::size_t{1} << kDepth;
  const std::size_t count = output_of_tree_.size();
  std::size_t tree = 0;
  const auto walk = [&]<std::size_t kTrees>() {
    const std::size_t begin = tree * kLeaves;
    walk_trees<kDepth, kTrees>(doubled, thresholds_.data() + begin, slots_.data() + begin,
                               leaves_.data() + begin,
                               [&](std::size_t i, float leaf) { add(tree + i, leaf); });
    tree += kTrees;
  };
  while (tree + kBeside <= count) walk.template operator()<kBeside>();
  // The rest beside each other as well: one by one they would take as long as many.
  if (count - tree >= 4) walk.template operator()<4>();
  if (count - tree >= 2) walk.template operator()<2>();
  if (count - tree >= 1) walk.template operator()<1>();
}

template <std::size_t kDepth>
void Forest::walk_row(const float* row, float* margins) const {
  std::array<std::uint32_t, kDoubledMax> doubled;
  double_row(row, features_, doubled.data());
  if (outputs_ == 1) {
    // In a register: through memory each tree would wait for the one before it.
    float sum = base_margin_;
    walk_row<kDepth>(doubled.data(), [&](std::size_t, float leaf) { sum += leaf; });
    margins[0] = sum;
    return;
  }
  std::fill_n(margins, outputs_, base_margin_);
  walk_row<kDepth>(doubled.data(),
                   [&](std::size_t tree, float leaf) { margins[output_of_tree_[tree]] += leaf; });
}

template <std::size_t kDepth>
void Forest::walk_group(const std::uint32_t* doubled, std::size_t begin, std::size_t end,
                        float* sums) const {
  constexpr std::size_t kLeaves = std::size_t{1} << kDepth;
  const std::uint32_t* thresholds = thresholds_.data() + begin * kLeaves;
  const Slot* slots = slots_.data() + begin * kLeaves;
  const float* leaves = leaves_.data() + begin * kLeaves;
  for (std::size_t tree = begin; tree < end; ++tree) {
    std::array<std::size_t, kBeside> at;
    at.fill(1);
    unrolled<kDepth>([&]<std::size_t>() {
      unrolled<kBeside>([&]<std::size_t kI>() {
        const std::uint32_t value = doubled[kI * kDoubledMax + slots[at[kI]]];
        at[kI] += at[kI] + static_cast<std::size_t>(value < thresholds[at[kI]]);
      });
    });
    float* of_output = sums + output_of_tree_[tree];
    unrolled<kBeside>(
        [&]<std::size_t kI>() { of_output[kI * kForestOutputsMax] += leaves[at[kI] - kLeaves]; });
    thresholds += kLeaves;
    slots += kLeaves;
    leaves += kLeaves;
  }
}

// Some trees for all rows, then the next ones: so they stay in the cache next to the processor.
template <std::size_t kDepth>
void Forest::walk_rows(const float* rows, std::size_t count, float* margins) const {
  constexpr std::size_t kTreesAtOnce = std::max<std::size_t>(1, (2'048U >> kDepth));
  std::array<std::uint32_t, kRowsAtOnce * kDoubledMax> doubled;
  std::array<float, kRowsAtOnce * kForestOutputsMax> sums;
  // The last group is filled up with its last row.
  const std::size_t groups = (count + kBeside - 1) / kBeside;
  for (std::size_t i = 0; i < groups * kBeside; ++i) {
    const float* row = rows + std::min(i, count - 1) * features_;
    double_row(row, features_, doubled.data() + i * kDoubledMax);
  }
  std::fill_n(sums.data(), groups * kBeside * kForestOutputsMax, base_margin_);
  const std::size_t trees = output_of_tree_.size();
  for (std::size_t begin = 0; begin < trees; begin += kTreesAtOnce) {
    const std::size_t end = std::min(trees, begin + kTreesAtOnce);
    for (std::size_t group = 0; group < groups; ++group) {
      walk_group<kDepth>(doubled.data() + group * kBeside * kDoubledMax, begin, end,
                         sums.data() + group * kBeside * kForestOutputsMax);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(sums.data() + i * kForestOutputsMax, outputs_, margins + i * outputs_);
  }
}

namespace {

// Calls `with.template operator()<depth>()`: loops of a known length are unrolled.
template <class With>
void with_depth(std::size_t depth, const With& with) {
  [&]<std::size_t... kDepths>(std::index_sequence<kDepths...>) {
    (void)((depth == kDepths && (with.template operator()<kDepths>(), true)) || ...);
  }
  (std::make_index_sequence<kForestDepthMax + 1>{});
}

}  // namespace

void Forest::margins(const float* row, float* margins) const {
  with_depth(depth_, [&]<std::size_t kDepth>() { walk_row<kDepth>(row, margins); });
}

void Forest::margins(const float* rows, std::size_t count, float* margins) const {
  std::size_t done = depth_ == kWideDepth && has_wide_trees() ? wide(rows, count, margins) : 0;
  with_depth(depth_, [&]<std::size_t kDepth>() {
    for (; done < count; done += kRowsAtOnce) {
      walk_rows<kDepth>(rows + done * features_, std::min(kRowsAtOnce, count - done),
                        margins + done * outputs_);
    }
  });
}

// How many rows it judged.
std::size_t Forest::wide(const float* rows, std::size_t count, float* margins) const {
  const WideTrees trees = {
      features_,          outputs_,      output_of_tree_.size(), base_margin_,
      thresholds_.data(), slots_.data(), leaves_.data(),         output_of_tree_.data()};
  std::size_t done = 0;
  while (count - done >= kWideRowsMin) {
    const std::size_t now = std::min(kWideRows, count - done);
    walk_wide(trees, rows + done * features_, now, margins + done * outputs_);
    done += now;
  }
  return done;
}

}  // namespace mlguard::ml_detector
