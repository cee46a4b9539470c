#include "ml_detector/forest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Walks that go on beside each other: each waits for memory at every level.
constexpr std::size_t kBeside = 8;

Error bad_tree(std::size_t tree, const std::string& what) {
  return {ErrorCode::corrupt, "bad_trees", "tree " + std::to_string(tree) + ": " + what};
}

void double_row(const float* row, std::size_t features, float* doubled) {
  for (std::size_t i = 0; i < features; ++i) {
    float high = row[i];
    float low = row[i];
    if (std::isnan(row[i])) {
      high = kInfinity;
      low = -kInfinity;
    }
    doubled[i] = high;
    doubled[features + i] = low;
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
  forest.thresholds_.resize((leaves - 1) * trained.trees.size());
  forest.slots_.resize(forest.thresholds_.size());
  forest.leaves_.resize(leaves * trained.trees.size());
  for (std::size_t i = 0; i < trained.trees.size(); ++i) forest.fill(trained.trees[i], i);
  return forest;
}

void Forest::fill(const Tree& tree, std::size_t tree_index) {
  const std::size_t leaves = std::size_t{1} << depth_;
  float* thresholds = thresholds_.data() + tree_index * (leaves - 1);
  Slot* slots = slots_.data() + tree_index * (leaves - 1);
  float* values = leaves_.data() + tree_index * leaves;
  struct Place {
    std::size_t at;    // in the perfect tree
    std::size_t node;  // in the trained one
  };
  std::vector<Place> open = {{0, 0}};
  while (!open.empty()) {
    const Place place = open.back();
    open.pop_back();
    const TreeNode& node = tree[place.node];
    if (place.at >= leaves - 1) {
      values[place.at - (leaves - 1)] = node.value;
      continue;
    }
    const bool leaf = node.left < 0;
    // Below a leaf that ends early both ways lead to its value.
    const std::size_t left = leaf ? place.node : static_cast<std::size_t>(node.left);
    const std::size_t right = leaf ? place.node : static_cast<std::size_t>(node.right);
    if (!leaf) {
      const std::size_t half = node.missing_left ? features_ : 0;
      thresholds[place.at] = node.value;
      slots[place.at] = static_cast<Slot>(node.feature + half);
    }
    open.push_back({2 * place.at + 1, left});
    open.push_back({2 * place.at + 2, right});
  }
}

template <std::size_t kDepth>
void Forest::walk_row(const float* row, float* margins) const {
  constexpr std::size_t kLeaves = std::size_t{1} << kDepth;
  constexpr std::size_t kNodes = kLeaves - 1;
  std::array<float, 2 * kForestFeaturesMax> doubled;
  double_row(row, features_, doubled.data());
  std::fill_n(margins, outputs_, base_margin_);
  const std::size_t count = output_of_tree_.size();
  std::size_t tree = 0;
  for (; tree + kBeside <= count; tree += kBeside) {
    const float* thresholds = thresholds_.data() + tree * kNodes;
    const Slot* slots = slots_.data() + tree * kNodes;
    std::array<std::size_t, kBeside> at{};
    for (std::size_t level = 0; level < kDepth; ++level) {
      for (std::size_t i = 0; i < kBeside; ++i) {
        const std::size_t node = i * kNodes + at[i];
        at[i] = 2 * at[i] + 1 + static_cast<std::size_t>(doubled[slots[node]] >= thresholds[node]);
      }
    }
    for (std::size_t i = 0; i < kBeside; ++i) {
      margins[output_of_tree_[tree + i]] += leaves_[(tree + i) * kLeaves + at[i] - kNodes];
    }
  }
  for (; tree < count; ++tree) {
    const float* thresholds = thresholds_.data() + tree * kNodes;
    const Slot* slots = slots_.data() + tree * kNodes;
    std::size_t at = 0;
    for (std::size_t level = 0; level < kDepth; ++level) {
      at = 2 * at + 1 + static_cast<std::size_t>(doubled[slots[at]] >= thresholds[at]);
    }
    margins[output_of_tree_[tree]] += leaves_[tree * kLeaves + at - kNodes];
  }
}

template <std::size_t kDepth>
void Forest::walk_rows(const float* rows, std::size_t count, float* margins) const {
  constexpr std::size_t kLeaves = std::size_t{1} << kDepth;
  constexpr std::size_t kNodes = kLeaves - 1;
  const std::size_t width = 2 * features_;
  std::array<float, kBeside * 2 * kForestFeaturesMax> doubled;
  std::array<float, kBeside * kForestOutputsMax> sums;
  for (std::size_t i = 0; i < kBeside; ++i) {
    const std::size_t from = std::min(i, count - 1);
    double_row(rows + from * features_, features_, doubled.data() + i * width);
  }
  sums.fill(base_margin_);
  const float* thresholds = thresholds_.data();
  const Slot* slots = slots_.data();
  const float* leaves = leaves_.data();
  for (const std::uint32_t output : output_of_tree_) {
    std::array<std::size_t, kBeside> at{};
    for (std::size_t level = 0; level < kDepth; ++level) {
      for (std::size_t i = 0; i < kBeside; ++i) {
        const float value = doubled[i * width + slots[at[i]]];
        at[i] = 2 * at[i] + 1 + static_cast<std::size_t>(value >= thresholds[at[i]]);
      }
    }
    for (std::size_t i = 0; i < kBeside; ++i) {
      sums[i * outputs_ + output] += leaves[at[i] - kNodes];
    }
    thresholds += kNodes;
    slots += kNodes;
    leaves += kLeaves;
  }
  std::copy_n(sums.data(), std::min(count, kBeside) * outputs_, margins);
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
  with_depth(depth_, [&]<std::size_t kDepth>() {
    for (std::size_t done = 0; done < count; done += kBeside) {
      walk_rows<kDepth>(rows + done * features_, count - done, margins + done * outputs_);
    }
  });
}

}  // namespace mlguard::ml_detector
