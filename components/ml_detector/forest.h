// Forest: boosted trees as perfect, branchless arrays, for judging flows as they come.
//
// Every tree is filled up to the depth of the deepest one, so that a walk takes the same steps for
// every row: at each level from i to `2 i + (row[feature] < threshold)`, the root being 1. A
// missing value (NaN) has to go where training sent it, which differs from node to node; so that
// this costs no branch, a row is laid out twice, with NaN as +infinity and as -infinity, and a node
// names the half it looks into. Values and thresholds are compared as whole numbers of the same
// order, whose carry is added: two instructions.
//
// Margins are summed as XGBoost sums them (float, tree after tree, from the base margin): equal
// trees give equal outputs. A forest is immutable once built and safe from any thread; the caller
// owns rows and outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kForestDepthMax = 10;
inline constexpr std::size_t kForestTreesMax = 4'096;
inline constexpr std::size_t kForestFeaturesMax = 128;
inline constexpr std::size_t kForestOutputsMax = 16;
inline constexpr std::size_t kTreeNodesMax = (std::size_t{2} << kForestDepthMax) - 1;
// Of all trees together, filled up: 5 bytes a node, 4 bytes a leaf.
inline constexpr std::size_t kForestNodesMax = std::size_t{1} << 21U;
// Rows of one batch; more are judged in several.
inline constexpr std::size_t kForestBatchRows = 256;

// A tree as it was trained: node 0 is the root.
struct TreeNode {
  std::int32_t left = -1;  // -1: a leaf
  std::int32_t right = -1;
  std::uint32_t feature = 0;
  float value = 0;            // what a split compares with (below it: left), or what a leaf adds
  bool missing_left = false;  // where NaN goes
  float cover = 0;            // weight of the training rows that came by
};
using Tree = std::vector<TreeNode>;

struct TrainedForest {
  std::size_t features = 0;
  // Tree i adds to output `output_of_tree[i]`.
  std::size_t outputs = 1;
  float base_margin = 0;
  std::vector<Tree> trees;
  std::vector<std::uint32_t> output_of_tree;
};

class Forest {
 public:
  // Error: corrupt / "bad_trees" naming the tree and what is wrong: sizes over the limits above,
  // indices outside the tree, nodes that are reached twice, values that are not finite.
  static base::Result<Forest> build(const TrainedForest& trained);

  std::size_t features() const { return features_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t depth() const { return depth_; }
  std::size_t trees() const { return output_of_tree_.size(); }

  // `row`: features() values, NaN where one is missing. `margins`: outputs() values.
  void margins(const float* row, float* margins) const;
  // `rows` and `margins`: one row after the other.
  void margins(const float* rows, std::size_t count, float* margins) const;

 private:
  using Slot = std::uint8_t;  // in the doubled row
  static_assert(2 * kForestFeaturesMax <= 256);

  Forest() = default;
  void fill(const Tree& tree, std::size_t tree_index);
  template <std::size_t kDepth>
  void walk_row(const float* row, float* margins) const;
  template <std::size_t kDepth, class Add>
  void walk_row(const std::uint32_t* doubled, const Add& add) const;
  // The trees from `begin` to `end` for a few rows beside each other.
  template <std::size_t kDepth>
  void walk_group(const std::uint32_t* doubled, std::size_t begin, std::size_t end,
                  float* sums) const;
  template <std::size_t kDepth>
  void walk_rows(const float* rows, std::size_t count, float* margins) const;
  std::size_t wide(const float* rows, std::size_t count, float* margins) const;

  std::size_t features_ = 0;
  std::size_t outputs_ = 0;
  std::size_t depth_ = 0;
  float base_margin_ = 0;
  // Two arrays, 5 bytes a node: trees have to stay in the cache next to the processor.
  std::vector<std::uint32_t> thresholds_;  // 2^depth a tree, the first of them unused
  std::vector<Slot> slots_;                // the same
  std::vector<float> leaves_;              // the same, all of them used
  std::vector<std::uint32_t> output_of_tree_;
};

}  // namespace mlguard::ml_detector
