#include "etcd_client/query_text.h"

#include <gtest/gtest.h>

namespace mlguard::etcd_client {
namespace {

TEST(QueryTextTest, AValueIsFoundByItsWholeName) {
  EXPECT_EQ(query_value("/x?a=1&ab=2&b", "ab"), "2");
  EXPECT_EQ(query_value("/x?a=1&ab=2&b", "b"), "");
  EXPECT_EQ(query_value("/x?a=1&a=2", "a"), "1");
  EXPECT_EQ(query_value("/x?a=", "a"), "");
  EXPECT_FALSE(query_value("/x?a=1", "c").has_value());
  EXPECT_FALSE(query_value("/a=1", "a").has_value());
  EXPECT_FALSE(query_value("/x?", "").has_value());
}

TEST(QueryTextTest, AParameterIsAddedToAnyTarget) {
  std::string target = "/x";
  add_query(target, "a", "1");
  add_query(target, "b", "2");
  EXPECT_EQ(target, "/x?a=1&b=2");
}

}  // namespace
}  // namespace mlguard::etcd_client
