#include "ml_detector/outbox.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "support/temp_dir.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::int64_t kNowMs = 1'600'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;

base::Rule rule_of(const std::string& id, std::int64_t expires_at_ms = kNowMs + kHourMs) {
  base::Rule rule;
  rule.id = id;
  rule.cidr = "192.0.2.1/32";
  rule.reason = "portscan: \"ports\" 80, limit 20";
  rule.score = 0.925;
  rule.expires_at_ms = expires_at_ms;
  return rule;
}

base::Detection detection_of(const std::string& id) {
  base::Detection detection;
  detection.id = id;
  detection.kind = "portscan";
  detection.source_ip = "192.0.2.1";
  detection.destination_ip = "198.51.100.1";
  detection.destination_port = 445;
  detection.score = 0.875;
  detection.detail = R"({"flows":3})";
  detection.rule_id = "r1";
  detection.detected_at_ms = kNowMs;
  return detection;
}

class OutboxTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open(const OutboxLimits& limits = {}) {
    outbox_.reset();
    auto opened = Outbox::open(folder_ / "queue/outbox.db", limits);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    outbox_ = std::move(*opened);
  }
  void add_rule(const std::string& id, std::int64_t expires_at_ms = kNowMs + kHourMs) {
    ASSERT_TRUE(outbox_->add({rule_of(id, expires_at_ms)}, {}, {}).ok());
  }
  void add_detection(const std::string& id) {
    ASSERT_TRUE(outbox_->add({}, {detection_of(id)}, {}).ok());
  }
  OutboxBatch next(ItemKind kind, std::int64_t now_ms = kNowMs) {
    auto batch = outbox_->next(kind, now_ms);
    EXPECT_TRUE(batch.ok());
    return batch.ok() && *batch ? **batch : OutboxBatch{};
  }
  // Rules, or detections when there are none.
  OutboxBatch next(std::int64_t now_ms = kNowMs) {
    const OutboxBatch rules = next(ItemKind::rule, now_ms);
    return rules.size() > 0 ? rules : next(ItemKind::detection, now_ms);
  }

  support::TempDir folder_;
  std::unique_ptr<Outbox> outbox_;
};

TEST_F(OutboxTest, WhatGoesInComesOutWhole) {
  add_rule("r1");
  add_detection("d1");
  const OutboxBatch rules = next();
  ASSERT_EQ(rules.rules.size(), 1U);
  EXPECT_EQ(rules.rules[0].id, "r1");
  EXPECT_EQ(rules.rules[0].cidr, "192.0.2.1/32");
  EXPECT_EQ(rules.rules[0].reason, rule_of("r1").reason);
  EXPECT_EQ(rules.rules[0].score, 0.925);
  EXPECT_EQ(rules.rules[0].expires_at_ms, kNowMs + kHourMs);
  ASSERT_TRUE(outbox_->done(rules).ok());
  const OutboxBatch detections = next();
  ASSERT_EQ(detections.detections.size(), 1U);
  const base::Detection& detection = detections.detections[0];
  EXPECT_EQ(detection.id, "d1");
  EXPECT_EQ(detection.destination_port, 445);
  EXPECT_EQ(detection.detail, R"({"flows":3})");
  EXPECT_EQ(detection.rule_id, "r1");
  EXPECT_EQ(detection.detected_at_ms, kNowMs);
  ASSERT_TRUE(outbox_->done(detections).ok());
  EXPECT_EQ(next().size(), 0U);
  EXPECT_EQ(outbox_->counters().rules_delivered, 1U);
  EXPECT_EQ(outbox_->counters().detections_delivered, 1U);
}

TEST_F(OutboxTest, ABatchKeepsItsRequestIdUntilItIsDoneAlsoOverARestart) {
  add_rule("r1");
  const std::string request_id = next().request_id;
  EXPECT_FALSE(request_id.empty());
  add_rule("r2");
  EXPECT_EQ(next().request_id, request_id);
  open();
  const OutboxBatch again = next();
  EXPECT_EQ(again.request_id, request_id);
  ASSERT_EQ(again.rules.size(), 1U);
  EXPECT_EQ(again.rules[0].id, "r1");
  ASSERT_TRUE(outbox_->done(again).ok());
  const OutboxBatch then = next();
  EXPECT_NE(then.request_id, request_id);
  EXPECT_EQ(then.rules[0].id, "r2");
}

TEST_F(OutboxTest, RulesAndDetectionsDoNotWaitForEachOther) {
  add_detection("d1");
  add_rule("r1");
  EXPECT_EQ(next(ItemKind::detection).detections.size(), 1U);
  EXPECT_EQ(next(ItemKind::rule).rules.size(), 1U);
}

TEST_F(OutboxTest, TheOldestDetectionGoesFirstAndNeverARule) {
  open({.detections_max = 3, .rules_max = 20});
  for (int i = 0; i < 10; ++i) {
    add_rule("r" + std::to_string(i));
    add_detection("d" + std::to_string(i));
  }
  EXPECT_EQ(outbox_->counters().detections_dropped, 7U);
  EXPECT_EQ(outbox_->counters().rules_queued, 10U);
  const OutboxBatch rules = next();
  EXPECT_EQ(rules.rules.size(), 10U);
  ASSERT_TRUE(outbox_->done(rules).ok());
  const OutboxBatch left = next();
  ASSERT_EQ(left.detections.size(), 3U);
  EXPECT_EQ(left.detections[0].id, "d7");
}

TEST_F(OutboxTest, OfTooManyRulesTheNewOnesAreRefusedWhole) {
  open({.detections_max = 3, .rules_max = 2});
  add_rule("r1");
  add_rule("r2");
  const base::Status full = outbox_->add({rule_of("r3")}, {detection_of("d3")}, {});
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().reason, "outbox_full");
  EXPECT_EQ(outbox_->counters().rules_queued, 2U);
  EXPECT_EQ(outbox_->counters().detections_queued, 0U);
}

TEST_F(OutboxTest, ARuleReplacesTheQueuedOneOfItsIdButNotTheOneOnItsWay) {
  add_rule("r1", kNowMs + 1 * kHourMs);
  add_rule("r1", kNowMs + 2 * kHourMs);
  EXPECT_EQ(outbox_->counters().rules_queued, 1U);
  const OutboxBatch first = next();
  EXPECT_EQ(first.rules[0].expires_at_ms, kNowMs + 2 * kHourMs);
  add_rule("r1", kNowMs + 3 * kHourMs);
  EXPECT_EQ(next().rules[0].expires_at_ms, kNowMs + 2 * kHourMs);
  ASSERT_TRUE(outbox_->done(first).ok());
  EXPECT_EQ(next().rules[0].expires_at_ms, kNowMs + 3 * kHourMs);
}

TEST_F(OutboxTest, ARuleThatExpiredInTheQueueIsCountedAndGoes) {
  add_rule("r1", kNowMs + 10'000);
  add_rule("r2", kNowMs + kHourMs);
  const OutboxBatch batch = next(kNowMs + 10'000);
  ASSERT_EQ(batch.rules.size(), 1U);
  EXPECT_EQ(batch.rules[0].id, "r2");
  EXPECT_EQ(outbox_->counters().rules_expired, 1U);
}

// One item that the control plane cannot take must not hold up the others.
TEST_F(OutboxTest, ARefusedBatchGoesOutOneByOne) {
  for (const char* id : {"d1", "d2", "d3"}) add_detection(id);
  ASSERT_TRUE(outbox_->refused(next()).ok());
  add_detection("d4");
  for (const std::string id : {"d1", "d2", "d3"}) {
    const OutboxBatch one = next();
    ASSERT_EQ(one.detections.size(), 1U);
    EXPECT_EQ(one.detections[0].id, id);
    ASSERT_TRUE((id == "d2" ? outbox_->refused(one) : outbox_->done(one)).ok());
  }
  EXPECT_EQ(outbox_->counters().refused, 1U);
  EXPECT_EQ(outbox_->counters().detections_delivered, 2U);
  EXPECT_EQ(next().detections[0].id, "d4");
}

TEST_F(OutboxTest, LargeQueuesLeaveInBatches) {
  std::vector<base::Detection> many;
  for (int i = 0; i < 600; ++i) many.push_back(detection_of("d" + std::to_string(i)));
  ASSERT_TRUE(outbox_->add({}, many, {}).ok());
  std::set<std::string> seen;
  for (const std::size_t size : {256U, 256U, 88U}) {
    const OutboxBatch batch = next();
    EXPECT_EQ(batch.detections.size(), size);
    for (const auto& detection : batch.detections) seen.insert(detection.id);
    ASSERT_TRUE(outbox_->done(batch).ok());
  }
  EXPECT_EQ(seen.size(), 600U);
}

TEST_F(OutboxTest, WhatThePolicyKnewOutlivesARestart) {
  const flow::Address one = parse_address("192.0.2.1").value();
  const flow::Address two = parse_address("2001:db8::2").value();
  ASSERT_TRUE(outbox_->add({rule_of("r1")}, {}, {{one, kNowMs, 1}, {two, kNowMs, 1}}).ok());
  ASSERT_TRUE(outbox_->add({}, {}, {{one, kNowMs + 5, 2}}).ok());
  ASSERT_TRUE(outbox_->save_servers({{one, 17}}).ok());
  ASSERT_TRUE(outbox_->save_servers({{two, 18}}).ok());
  open();
  const auto offenders = outbox_->offenders();
  ASSERT_TRUE(offenders.ok());
  ASSERT_EQ(offenders->size(), 2U);
  EXPECT_EQ((*offenders)[1].address.bytes, one.bytes);
  EXPECT_EQ((*offenders)[1].blocked_until_ms, kNowMs + 5);
  EXPECT_EQ((*offenders)[1].offences, 2U);
  const auto servers = outbox_->servers();
  ASSERT_TRUE(servers.ok());
  ASSERT_EQ(servers->size(), 1U);
  EXPECT_EQ((*servers)[0].address.bytes, two.bytes);
  EXPECT_EQ((*servers)[0].last_s, 18U);
}

TEST_F(OutboxTest, ADamagedFileIsSetAsideAndANewOneBegun) {
  outbox_.reset();
  const std::string path = folder_ / "queue/outbox.db";
  support::write_text(path, std::string(8'192, 'x'));
  open();
  add_rule("r1");
  EXPECT_EQ(next().size(), 1U);
  EXPECT_EQ(support::read_text(path + ".damaged").substr(0, 1), "x");
}

TEST_F(OutboxTest, ASecondProcessIsRefused) {
  const auto second = Outbox::open(folder_ / "queue/outbox.db");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason, "outbox_in_use");
}

// A child adds rule after rule and says of each that it is in; it is killed in the middle. What it
// said must be there.
TEST_F(OutboxTest, WhatWasAnsweredSurvivesKill9) {
  outbox_.reset();
  const std::string path = folder_ / "queue/killed.db";
  for (int round = 0; round < 5; ++round) {
    int ends[2] = {};
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto opened = Outbox::open(path);
      for (int i = 0; opened.ok(); ++i) {
        const std::string id = std::to_string(round) + "." + std::to_string(i);
        if (!(*opened)->add({rule_of(id)}, {detection_of("d" + id)}, {}).ok()) break;
        if (::write(ends[1], &i, sizeof i) != sizeof i) break;
      }
      ::_exit(1);
    }
    ::close(ends[1]);
    int last = -1;
    while (last < 20 + 7 * round && ::read(ends[0], &last, sizeof last) == sizeof last) {
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (::read(ends[0], &last, sizeof last) == sizeof last) {
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto opened = Outbox::open(path);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    std::set<std::string> found;
    for (;;) {
      auto batch = (*opened)->next(ItemKind::rule, kNowMs);
      ASSERT_TRUE(batch.ok());
      if (!*batch) batch = (*opened)->next(ItemKind::detection, kNowMs);
      ASSERT_TRUE(batch.ok());
      if (!*batch) break;
      for (const auto& rule : (*batch)->rules) found.insert(rule.id);
      for (const auto& detection : (*batch)->detections) found.insert(detection.id);
      ASSERT_TRUE((*opened)->done(**batch).ok());
    }
    for (int i = 0; i <= last; ++i) {
      const std::string id = std::to_string(round) + "." + std::to_string(i);
      EXPECT_EQ(found.count(id) + found.count("d" + id), 2U) << id;
    }
  }
}

}  // namespace
}  // namespace mlguard::ml_detector
