#include "ml_detector/delivery.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "wire/messages.h"

namespace mlguard::ml_detector {
namespace {

base::Rule rule_of(const std::string& id) {
  base::Rule rule;
  rule.id = id;
  rule.cidr = "192.0.2.1/32";
  rule.reason = "test";
  return rule;
}
base::Detection detection_of(const std::string& id) {
  base::Detection detection;
  detection.id = id;
  detection.kind = "portscan";
  detection.score = 0.8;
  return detection;
}

// A control plane that answers as it is told to, and keeps what it took.
class DeliveryTest : public ::testing::Test {
 protected:
  DeliveryTest() {
    auto opened = Outbox::open(folder_ / "outbox.db");
    EXPECT_TRUE(opened.ok());
    outbox_ = std::move(*opened);
    delivery_ = std::make_unique<Delivery>(
        *outbox_, clock_, [this](const etcd_client::RawRequest& request) { return take(request); });
  }

  base::Result<etcd_client::RawResponse> take(const etcd_client::RawRequest& request) {
    EXPECT_EQ(request.fields.size(), 1U);
    request_ids_.push_back(request.fields[0].second);
    const bool rules = request.target == "/v1/rules";
    targets_.push_back(request.target);
    int status = status_;
    if (!bad_id_.empty() && request.body.find("\"" + bad_id_ + "\"") != std::string::npos) {
      status = 400;
    }
    if (status == 0) {
      return base::Error{base::ErrorCode::unavailable, "nobody answers"};
    }
    if (status == 200) {
      const std::size_t taken = rules ? wire::decode_rules(request.body, 1)->size()
                                      : wire::decode_detections(request.body)->size();
      taken_[request.target] += taken;
    }
    return etcd_client::RawResponse{status, body_, {}};
  }

  support::TempDir folder_;
  base::ManualClock clock_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Delivery> delivery_;
  int status_ = 200;  // 0: nobody answers
  std::string body_ = "{}";
  std::string bad_id_;
  std::vector<std::string> request_ids_;
  std::vector<std::string> targets_;
  std::map<std::string, std::size_t> taken_;
};

TEST_F(DeliveryTest, RulesGoFirstThenDetectionsThenNothing) {
  ASSERT_TRUE(outbox_->add({rule_of("r1")}, {detection_of("d1"), detection_of("d2")}, {}).ok());
  EXPECT_EQ(delivery_->step(), Delivered::yes);
  EXPECT_EQ(targets_, (std::vector<std::string>{"/v1/rules", "/v1/detections"}));
  EXPECT_EQ(taken_["/v1/rules"], 1U);
  EXPECT_EQ(taken_["/v1/detections"], 2U);
  EXPECT_EQ(delivery_->step(), std::nullopt);
}

TEST_F(DeliveryTest, WhileNobodyAnswersTheSameRequestIsSentAgain) {
  ASSERT_TRUE(outbox_->add({rule_of("r1")}, {}, {}).ok());
  for (const int status : {0, 503, 429, 401, 500, 504}) {
    status_ = status;
    EXPECT_EQ(delivery_->step(), Delivered::later) << status;
    EXPECT_FALSE(delivery_->problem().empty());
  }
  status_ = 200;
  EXPECT_EQ(delivery_->step(), Delivered::yes);
  EXPECT_TRUE(delivery_->problem().empty());
  for (const std::string& id : request_ids_) EXPECT_EQ(id, request_ids_[0]);
  EXPECT_EQ(outbox_->counters().rules_delivered, 1U);
}

TEST_F(DeliveryTest, OneBadItemHoldsUpNobody) {
  bad_id_ = "r2";
  ASSERT_TRUE(outbox_->add({rule_of("r1"), rule_of("r2"), rule_of("r3")}, {}, {}).ok());
  while (delivery_->step() == Delivered::yes) {
  }
  EXPECT_EQ(taken_["/v1/rules"], 2U);
  EXPECT_EQ(outbox_->counters().refused, 1U);
  EXPECT_EQ(outbox_->counters().rules_queued, 0U);
}

TEST_F(DeliveryTest, ARuleOfAnothersIdIsRefusedARevokedCredentialIsNot) {
  EXPECT_EQ(outcome_of(403, R"({"error":"role_not_permitted"})"), Delivered::refused);
  EXPECT_EQ(outcome_of(403, R"({"error":"revoked"})"), Delivered::later);
  EXPECT_EQ(outcome_of(413, "{}"), Delivered::refused);
  EXPECT_EQ(outcome_of(204, ""), Delivered::yes);
}

TEST_F(DeliveryTest, AThreadDeliversWhatComesAndStops) {
  std::thread thread([this] { delivery_->run(); });
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(outbox_->add({rule_of("r" + std::to_string(i))}, {}, {}).ok());
    delivery_->wake();
    EXPECT_TRUE(support::wait_until(
        [&] { return outbox_->counters().rules_delivered == static_cast<std::uint64_t>(i) + 1; }));
  }
  delivery_->stop();
  thread.join();
  EXPECT_EQ(taken_["/v1/rules"], 5U);
}

}  // namespace
}  // namespace mlguard::ml_detector
