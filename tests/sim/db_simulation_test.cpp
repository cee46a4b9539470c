// The simulated cluster over the real store: what holds over the model must hold over SQLite. As
// many seeds as fit into the time.
#include <gtest/gtest.h>

TEST(X, Y) {}
