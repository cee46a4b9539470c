#include "server/metrics.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace mlguard::server {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  std::istringstream lines(text);
  for (std::string one; std::getline(lines, one);) {
    if (one == line) return true;
  }
  return false;
}

TEST(MetricsTest, RequestsAreCountedByRouteAndStatus) {
  Metrics metrics({"heartbeat", "config_get"});
  metrics.request(0, 200, 120);
  metrics.request(0, 200, 120);
  metrics.request(0, 404, 120);
  metrics.request(metrics.no_route(), 418, 1);
  const std::string text = metrics.render();
  EXPECT_TRUE(has_line(text, R"(mlguard_http_requests_total{route="heartbeat",status="200"} 2)"));
  EXPECT_TRUE(has_line(text, R"(mlguard_http_requests_total{route="heartbeat",status="404"} 1)"));
  EXPECT_TRUE(has_line(text, R"(mlguard_http_requests_total{route="none",status="599"} 1)"));
  EXPECT_EQ(text.find(R"(route="config_get")"), std::string::npos);
}

TEST(MetricsTest, DurationsFallIntoCumulativeBuckets) {
  Metrics metrics({"heartbeat"});
  metrics.request(0, 200, 90);
  metrics.request(0, 200, 900);
  metrics.request(0, 200, 3'600'000'000);
  const std::string text = metrics.render();
  const std::string name = "mlguard_http_request_duration_seconds";
  EXPECT_TRUE(has_line(text, name + R"(_bucket{route="heartbeat",le="0.0001"} 1)"));
  EXPECT_TRUE(has_line(text, name + R"(_bucket{route="heartbeat",le="0.001"} 2)"));
  EXPECT_TRUE(has_line(text, name + R"(_bucket{route="heartbeat",le="10"} 2)"));
  EXPECT_TRUE(has_line(text, name + R"(_bucket{route="heartbeat",le="+Inf"} 3)"));
  EXPECT_TRUE(has_line(text, name + R"(_count{route="heartbeat"} 3)"));
}

TEST(MetricsTest, BodiesAreCountedByDirectionAndEncoding) {
  Metrics metrics({"config_put"});
  metrics.body(0, Direction::in, Encoding::lz4);
  metrics.body(0, Direction::in, Encoding::identity);
  metrics.body(0, Direction::in, Encoding::identity);
  const std::string text = metrics.render();
  const std::string name = "mlguard_http_bodies_total";
  EXPECT_TRUE(
      has_line(text, name + R"({route="config_put",direction="in",encoding="identity"} 2)"));
  EXPECT_TRUE(has_line(text, name + R"({route="config_put",direction="in",encoding="lz4"} 1)"));
}

// The exposition format: every sample's family is announced with HELP and TYPE, once.
TEST(MetricsTest, EveryFamilyIsAnnouncedOnce) {
  Metrics metrics({"heartbeat"});
  metrics.request(0, 200, 1);
  metrics.body(0, Direction::out, Encoding::lz4);
  metrics.handshake(HandshakeOutcome::limited);
  std::istringstream lines(metrics.render());
  std::string announced;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("# HELP ", 0) == 0) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7) + "\n";
      EXPECT_EQ(announced.find("\n" + name), std::string::npos) << name;
      announced += "\n" + name;
    } else if (line.rfind("# TYPE ", 0) != 0) {
      const std::string family = line.substr(0, line.find_first_of("{ "));
      const std::size_t suffix = family.rfind("_bucket");
      const bool known = announced.find("\n" + family + "\n") != std::string::npos;
      const bool of_histogram = family.find("_seconds_") != std::string::npos;
      EXPECT_TRUE(known || of_histogram || suffix != std::string::npos) << line;
    }
  }
}

}  // namespace
}  // namespace mlguard::server
