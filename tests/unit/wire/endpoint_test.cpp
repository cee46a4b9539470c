#include "wire/endpoint.h"

#include <gtest/gtest.h>

namespace mlguard::wire {
namespace {

TEST(EndpointTest, TakesTheWaysInWhichPeopleWriteThem) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"localhost:2379", "localhost:2379"},
      {"http://localhost:2380", "localhost:2380"},
      {"http://10.0.0.5:2379/", "10.0.0.5:2379"},
      {"node-1.example.org", "node-1.example.org:2379"},
      {"[::1]:2381", "[::1]:2381"},
      {"http://[2001:db8::1]", "[2001:db8::1]:2379"},
  };
  for (const auto& [text, expected] : cases) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint.ok()) << text << ": " << endpoint.error().message;
    EXPECT_EQ(endpoint->text(), expected);
  }
}

TEST(EndpointTest, RefusesWhatIsNoEndpointAndSaysWhatToWrite) {
  for (const char* text : {"", ":2379", "localhost:", "localhost:0", "localhost:65536",
                           "localhost:12x", "a b:2379", "host:1:2", "[::1", "[::1]2379",
                           "https://localhost:2379", "user@host:2379", "localhost:2379/path"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint.error().reason, "invalid_endpoint") << text;
    EXPECT_NE(endpoint.error().message.find("host:port"), std::string::npos);
  }
}

TEST(EndpointTest, AListKeepsItsOrderAndDropsDuplicates) {
  const auto list = parse_endpoints({"b:1", "a:2", "http://b:1"});
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->front().text(), "b:1");
}

TEST(EndpointTest, AnEmptyListIsRefused) {
  EXPECT_EQ(parse_endpoints({}).error().reason, "invalid_endpoint");
}

}  // namespace
}  // namespace mlguard::wire
