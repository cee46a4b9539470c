#include "server/router.h"

#include <gtest/gtest.h>

#include "server/query.h"
#include "server/route_table.h"

namespace mlguard::server {
namespace {

const Router& router() {
  static const Router made({{"GET", "/health"},
                            {"GET", "/v1/rules/stream"},
                            {"GET", "/v1/rules/{}"},
                            {"DELETE", "/v1/rules/{}"},
                            {"GET", "/v1/config/{}/versions/{}"}});
  return made;
}

TEST(RouterTest, ALiteralSegmentIsPreferredToAParameter) {
  EXPECT_EQ(router().find("GET", "/v1/rules/stream").route, 1U);
  const Router::Match match = router().find("GET", "/v1/rules/abc");
  EXPECT_EQ(match.route, 2U);
  EXPECT_EQ(match.parameters, std::vector<std::string>{"abc"});
}

TEST(RouterTest, ParametersAreDecoded) {
  const Router::Match match = router().find("GET", "/v1/config/ml%2Ddetector/versions/7");
  ASSERT_EQ(match.route, 4U);
  EXPECT_EQ(match.parameters, (std::vector<std::string>{"ml-detector", "7"}));
}

TEST(RouterTest, AKnownPathWithAnotherMethodNamesTheMethodsItTakes) {
  const Router::Match match = router().find("POST", "/v1/rules/abc");
  EXPECT_FALSE(match.route.has_value());
  ASSERT_NE(match.allow, nullptr);
  EXPECT_STREQ(match.allow, "GET, DELETE");
}

TEST(RouterTest, WhatIsNoPathOfOursMatchesNothing) {
  for (const char* path : {"", "/", "health", "/health/", "//health", "/v1/rules/",
                           "/v1/config//versions/1", "/v1/rules/%zz", "/v1/rules/%00",
                           "/v1/rules/%", "*", "http://x/health", "/a/b/c/d/e/f/g/h/i/j"}) {
    const Router::Match match = router().find("GET", path);
    EXPECT_FALSE(match.route.has_value()) << path;
    EXPECT_EQ(match.allow, nullptr) << path;
  }
}

TEST(RouteTableTest, EveryRouteIsFoundAndHasAHandlerAndItsOwnName) {
  std::vector<RoutePattern> patterns;
  for (const Route& route : routes()) patterns.push_back({route.method, route.path});
  const Router all(patterns);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < routes().size(); ++i) {
    const Route& route = routes()[i];
    std::string path = route.path;
    for (std::size_t at = path.find("{}"); at != std::string::npos; at = path.find("{}")) {
      path.replace(at, 2, "x");
    }
    EXPECT_EQ(all.find(route.method, path).route, i) << route.method << " " << path;
    const bool by_the_gate = route.access == Access::handshake || route.access == Access::forward;
    EXPECT_EQ(route.handle == nullptr, by_the_gate) << path;
    EXPECT_EQ(std::count(names.begin(), names.end(), route.name), 0) << route.name;
    names.emplace_back(route.name);
    // People's plain routes only read.
    if (route.access == Access::plain_or_sealed) {
      EXPECT_STREQ(route.method, "GET");
    }
  }
  EXPECT_LT(routes().size(), kMetricRoutesMax);
}

TEST(QueryTest, ParametersAreDecodedAndTheFirstOfANameCounts) {
  const base::Result<Query> query = Query::parse("resource=config%2Fsniffer&after=12&after=13&x");
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->get("resource"), "config/sniffer");
  EXPECT_EQ(query->number("after", 0, 100).value(), 12U);
  EXPECT_EQ(query->get("x"), "");
  EXPECT_EQ(query->get("absent"), std::nullopt);
}

TEST(QueryTest, NumbersAndDurationsAreCheckedAndNamed) {
  const base::Result<Query> query = Query::parse("after=x&limit=1001&wait=90s&small=500ms");
  ASSERT_TRUE(query.ok());
  EXPECT_NE(query->number("after", 0, 10).error().message.find("after"), std::string::npos);
  EXPECT_FALSE(query->number("limit", 0, 1000).ok());
  EXPECT_FALSE(query->duration_ms("wait", 0, 60'000).ok());
  EXPECT_EQ(query->duration_ms("small", 0, 60'000).value(), 500);
  EXPECT_EQ(query->duration_ms("absent", 7, 60'000).value(), 7);
}

TEST(QueryTest, MalformedAndOverlongQueriesAreRefused) {
  EXPECT_FALSE(Query::parse("a=%").ok());
  EXPECT_FALSE(Query::parse("a=%00").ok());
  std::string many;
  for (std::size_t i = 0; i <= kQueryParametersMax; ++i) many += "a=1&";
  EXPECT_FALSE(Query::parse(many).ok());
}

}  // namespace
}  // namespace mlguard::server
