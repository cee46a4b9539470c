// The whole detector in one process, with a real pipeline and a control plane played by the test.
#include "ml_detector/live_detector.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <zmq.hpp>

#include "base/sha256.h"
#include "pipeline/flow_sender.h"
#include "pipeline/sealed_batch.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "tests/unit/detector_live/records.h"
#include "tests/unit/ml_detector/trained_models.h"
#include "tests/unit/pipeline/samples.h"
#include "wire/messages.h"

namespace mlguard::ml_detector {
namespace {

using nlohmann::json;
using support::wait_until;

std::string sha256_of(std::string_view text) {
  base::Sha256 hash;
  hash.update(text);
  return hash.finish();
}

class LiveDetectorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.endpoint = "tcp://127.0.0.1:0";
    make();
  }
  void TearDown() override {
    if (detector_) detector_->stop();
  }

  void make() {
    detector_.reset();
    DetectorOptions options;
    options.state_folder = folder_ / "state";
    options.models_folders = {folder_ / "models"};
    auto made = LiveDetector::create(options, clock_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    detector_ = std::move(*made);
    ASSERT_TRUE(detector_->apply(config_).ok());
    ASSERT_TRUE(detector_->set_keys({pipeline::pipeline_key(1)}).ok());
  }
  void connect() {
    detector_->connect([this](const etcd_client::RawRequest& request) { return answer(request); });
  }

  base::Result<etcd_client::RawResponse> answer(const etcd_client::RawRequest& request) {
    const std::lock_guard lock(mutex_);
    if (request.target.rfind("/v1/models/", 0) == 0) {
      const bool part = request.target.find("/parts/0") != std::string::npos;
      if (model_.empty()) return etcd_client::RawResponse{404, "{}", {}};
      return etcd_client::RawResponse{200, part ? model_ : R"({"parts":1,"complete":true})", {}};
    }
    if (request.target == "/v1/rules") {
      const auto rules = wire::decode_rules(request.body, clock_.wall_ms());
      rules_.insert(rules_.end(), rules->begin(), rules->end());
    } else {
      const auto detections = wire::decode_detections(request.body);
      detections_.insert(detections_.end(), detections->begin(), detections->end());
    }
    return etcd_client::RawResponse{200, "{}", {}};
  }

  void send(const std::vector<flow::FlowRecord>& records) {
    pipeline::FlowSenderOptions options;
    options.endpoint = detector_->endpoint();
    options.sniffer = "sniffer";
    auto sender = pipeline::FlowSender::start(options, clock_);
    ASSERT_TRUE(sender.ok());
    ASSERT_TRUE((*sender)->set_keys({pipeline::pipeline_key(1)}).ok());
    for (const auto& record : records) ASSERT_TRUE((*sender)->offer(record));
    ASSERT_TRUE((*sender)->drain(std::chrono::seconds(10)));
    flows_sent_ += records.size();
    ASSERT_TRUE(wait_until([&] { return told("/flows") == flows_sent_; }));
  }
  void send_frame(const std::string& frame) {
    zmq::context_t context(1);
    zmq::socket_t socket(context, zmq::socket_type::push);
    socket.connect(detector_->endpoint());
    socket.send(zmq::buffer(frame));
    socket.close();  // lingers until it is sent
  }
  std::uint64_t told(const std::string& pointer) const {
    return json::parse(detector_->detail()).at(json::json_pointer(pointer));
  }
  std::vector<flow::FlowRecord> scan(std::uint32_t from = 1) {
    flow::Recorder recorder;
    for (std::uint16_t port = 1; port <= 100; ++port) {
      recorder.add(flow::tcp({from, 2, 50'000, port}, MLG_TCP_SYN), port * flow::kMs);
    }
    recorder.tracker.finish();
    return recorder.records;
  }
  std::size_t rules_taken() {
    const std::lock_guard lock(mutex_);
    return rules_.size();
  }
  std::size_t detections_taken() {
    const std::lock_guard lock(mutex_);
    return detections_.size();
  }

  support::TempDir folder_;
  base::SystemClock clock_;
  DetectorConfig config_;
  std::unique_ptr<LiveDetector> detector_;
  std::uint64_t flows_sent_ = 0;
  std::mutex mutex_;
  std::string model_;  // what the control plane has; guarded by mutex_, as the next
  std::vector<base::Rule> rules_;
  std::vector<base::Detection> detections_;
};

TEST_F(LiveDetectorTest, AScanBecomesDetectionsAndOneRule) {
  connect();
  send(scan());
  ASSERT_TRUE(wait_until([&] { return rules_taken() == 1 && detections_taken() == 2; }));
  EXPECT_EQ(rules_[0].cidr, "10.0.0.1/32");
  EXPECT_EQ(told("/rules"), 1U);
  EXPECT_TRUE(wait_until([&] { return told("/queue/rules_delivered") == 1; }));
  EXPECT_TRUE(detector_->health().ok());
  EXPECT_EQ(json::parse(detector_->detail())["layers"], "fast rules only: no model");
}

TEST_F(LiveDetectorTest, WhatIsQueuedWhileNobodyAnswersIsDeliveredAfterARestart) {
  send(scan());
  ASSERT_TRUE(wait_until([&] { return told("/queue/rules") == 1; }));
  detector_->stop();
  make();
  flows_sent_ = 0;
  connect();
  ASSERT_TRUE(wait_until([&] { return rules_taken() == 1 && detections_taken() == 2; }));
  // The source is known as blocked: no second rule.
  send(scan());
  ASSERT_TRUE(wait_until([&] { return detections_taken() >= 3; }));
  EXPECT_EQ(rules_taken(), 1U);
  EXPECT_GT(told("/withheld/already_blocked"), 0U);
}

TEST_F(LiveDetectorTest, WhatCannotBeTrueIsRefusedCountedAndHarmsNothing) {
  connect();
  pipeline::BatchSealer sealer;
  const auto keys = pipeline::Keyring::of({pipeline::pipeline_key(1)});
  const auto old = pipeline::Keyring::of({pipeline::pipeline_key(9)});
  ASSERT_TRUE(keys.ok() && old.ok());
  const auto frame_of = [&](const pipeline::Keyring& ring, const std::string& bytes) {
    return *sealer.seal(ring, clock_.wall_ms(), bytes);
  };
  const auto batch_of = [&](const flow::FlowRecord& record) {
    return pipeline::encode_batch(
        {"sniffer", sealer.instance_id(), sealer.next_sequence(), {record}});
  };
  send_frame("no frame at all");
  send_frame(frame_of(*old, batch_of(syn_record({}))));
  send_frame(frame_of(*keys, "no batch"));
  flow::FlowRecord absurd = syn_record({});
  absurd.windows.source.flows = 1e300;
  send_frame(frame_of(*keys, batch_of(absurd)));
  const std::string good = frame_of(*keys, batch_of(syn_record({})));
  send_frame(good);
  send_frame(good);
  ASSERT_TRUE(wait_until([&] { return told("/refused/replayed") == 1; }));
  EXPECT_TRUE(wait_until([&] {
    return told("/refused/malformed") == 1 && told("/refused/unknown_key") == 1 &&
           told("/refused/bad_batch") == 2;
  }));
  flows_sent_ = 1;
  flow::FlowRecord nan = syn_record({3, 4, 50'000, 80});
  nan.windows.source.half_open_ratio = std::numeric_limits<double>::quiet_NaN();
  send({nan});
  send(scan());
  EXPECT_TRUE(wait_until([&] { return rules_taken() == 1; }));
  EXPECT_TRUE(detector_->health().ok());
}

TEST_F(LiveDetectorTest, ConfigurationHoldsFromTheNextFlowOn) {
  connect();
  config_.policy.rules_enabled = false;
  ASSERT_TRUE(detector_->apply(config_).ok());
  send(scan());
  ASSERT_TRUE(wait_until([&] { return detections_taken() >= 1; }));
  EXPECT_EQ(told("/rules"), 0U);
  config_.policy.rules_enabled = true;
  ASSERT_TRUE(detector_->apply(config_).ok());
  send(scan());
  EXPECT_TRUE(wait_until([&] { return rules_taken() == 1; }));
}

TEST_F(LiveDetectorTest, TheGlobalAllowlistCountsBesideItsOwn) {
  connect();
  const auto shared = parse_shared_allowlist(R"({"allowlist":["10.0.0.0/30"]})");
  ASSERT_TRUE(shared.ok());
  detector_->set_shared_allowlist(*shared);
  send(scan(1));
  send(scan(9));
  ASSERT_TRUE(wait_until([&] { return rules_taken() == 1; }));
  EXPECT_EQ(rules_[0].cidr, "10.0.0.9/32");
  EXPECT_GT(told("/withheld/allowlisted"), 0U);
  detector_->set_shared_allowlist({});
  send(scan(1));
  EXPECT_TRUE(wait_until([&] { return rules_taken() == 2; }));
}

TEST_F(LiveDetectorTest, ItMovesToAnotherEndpointAndBackOffFromOneThatIsTaken) {
  const std::string first = detector_->endpoint();
  config_.endpoint = "ipc://" + (folder_ / "pipe");
  ASSERT_TRUE(detector_->apply(config_).ok());
  EXPECT_EQ(detector_->endpoint(), config_.endpoint);
  send(scan());
  DetectorConfig taken = config_;
  taken.endpoint = "tcp://203.0.113.1:5571";
  EXPECT_FALSE(detector_->apply(taken).ok());
  EXPECT_EQ(detector_->endpoint(), config_.endpoint);
  send(scan(7));
}

TEST_F(LiveDetectorTest, AModelIsFetchedWhenTheControlPlaneHasIt) {
  const std::string text = model_file_text(trained_model(3, 6, 5, 3).xgboost, 3, 6);
  config_.model_sha256 = sha256_of(text);
  ASSERT_TRUE(detector_->apply(config_).ok());
  EXPECT_NE(detector_->health().error().message.find(config_.model_sha256), std::string::npos);
  send(scan());  // the fast rules work on
  {
    const std::lock_guard lock(mutex_);
    model_ = text;
  }
  connect();
  ASSERT_TRUE(wait_until([&] { return detector_->health().ok(); }, 20'000));
  EXPECT_EQ(json::parse(detector_->detail())["model"]["sha256"], config_.model_sha256);
  // From now on it needs no control plane for that.
  detector_->stop();
  make();
  EXPECT_EQ(json::parse(detector_->detail())["model"]["name"], "made-up");
}

TEST_F(LiveDetectorTest, ABadModelIsRefusedByNameAndTheOldOneStays) {
  const std::string text = model_file_text(trained_model(3, 6, 5, 3).xgboost, 3, 6);
  connect();
  model_ = text;
  config_.model_sha256 = sha256_of(text);
  ASSERT_TRUE(detector_->apply(config_).ok());
  EXPECT_EQ(json::parse(detector_->detail())["layers"], "fast rules and model");
  {
    const std::lock_guard lock(mutex_);
    model_ = text.substr(0, text.size() / 2);
  }
  DetectorConfig bad = config_;
  bad.model_sha256 = sha256_of(model_);
  const base::Status refused = detector_->apply(bad);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find(bad.model_sha256), std::string::npos);
  bad.model_sha256 = std::string(64, '0');  // what comes does not hash to it
  EXPECT_FALSE(detector_->apply(bad).ok());
  bad.model_sha256.clear();
  bad.model_path = folder_ / "nowhere.json";
  EXPECT_FALSE(detector_->apply(bad).ok());
  EXPECT_EQ(json::parse(detector_->detail())["model"]["sha256"], config_.model_sha256);
  send(scan());
}

}  // namespace
}  // namespace mlguard::ml_detector
