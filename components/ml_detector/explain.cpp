#include "ml_detector/explain.h"

#include <algorithm>
#include <cmath>

namespace mlguard::ml_detector {
namespace {

bool is_leaf(const TreeNode& node) { return node.left < 0; }

// Of every node that is reached; children before their parents.
std::vector<double> expected_of(const Tree& tree) {
  std::vector<double> expected(tree.size(), 0);
  std::vector<std::size_t> order = {0};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const TreeNode& node = tree[order[i]];
    if (is_leaf(node)) continue;
    order.push_back(static_cast<std::size_t>(node.left));
    order.push_back(static_cast<std::size_t>(node.right));
  }
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const TreeNode& node = tree[*at];
    if (is_leaf(node)) {
      expected[*at] = static_cast<double>(node.value);
      continue;
    }
    const auto left = static_cast<std::size_t>(node.left);
    const auto right = static_cast<std::size_t>(node.right);
    const auto left_cover = static_cast<double>(tree[left].cover);
    const auto right_cover = static_cast<double>(tree[right].cover);
    const double cover = left_cover + right_cover;
    // Children that no training row reached count alike.
    const double share = cover > 0 ? left_cover / cover : 0.5;
    expected[*at] = share * expected[left] + (1 - share) * expected[right];
  }
  return expected;
}

std::size_t next_node(const TreeNode& node, float value) {
  const bool left = std::isnan(value) ? node.missing_left : value < node.value;
  return static_cast<std::size_t>(left ? node.left : node.right);
}

}  // namespace

Explainer::Explainer(const TrainedForest& trained)
    : trained_(trained), base_(trained.outputs, static_cast<double>(trained.base_margin)) {
  for (std::size_t i = 0; i < trained.trees.size(); ++i) {
    expected_.push_back(expected_of(trained.trees[i]));
    base_[trained.output_of_tree[i]] += expected_.back().front();
  }
}

std::vector<double> Explainer::contributions(const float* row, std::size_t output) const {
  std::vector<double> added(trained_.features, 0);
  for (std::size_t i = 0; i < trained_.trees.size(); ++i) {
    if (trained_.output_of_tree[i] != output) continue;
    const Tree& tree = trained_.trees[i];
    std::size_t at = 0;
    while (!is_leaf(tree[at])) {
      const std::uint32_t feature = tree[at].feature;
      const std::size_t next = next_node(tree[at], row[feature]);
      added[feature] += expected_[i][next] - expected_[i][at];
      at = next;
    }
  }
  return added;
}

std::vector<Contribution> Explainer::top(const float* row, std::size_t output,
                                         std::size_t most) const {
  const std::vector<double> added = contributions(row, output);
  std::vector<Contribution> found;
  for (std::size_t i = 0; i < added.size(); ++i) {
    if (added[i] > 0) found.push_back({i, row[i], added[i]});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Contribution& a, const Contribution& b) { return a.added > b.added; });
  if (found.size() > most) found.resize(most);
  return found;
}

}  // namespace mlguard::ml_detector
