// What tests of the engine share: a folder, a clock that only moves when told, and short ways to
// write. Not for sharing between threads.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "db/engine.h"
#include "db/store.h"
#include "support/temp_dir.h"

namespace mlguard::db::test {

inline base::Component component_named(const std::string& name,
                                       const std::string& instance = "one") {
  base::Component component;
  component.name = name;
  component.instance_id = instance;
  component.role = base::Role::sniffer;
  component.version = "1.0";
  component.address = "localhost";
  component.public_key = std::string(64, 'a');
  return component;
}

inline base::Heartbeat beat_of(const base::Component& component, std::uint64_t seq = 1) {
  base::Heartbeat beat;
  beat.component = component.name;
  beat.instance_id = component.instance_id;
  beat.seq = seq;
  return beat;
}

inline base::Rule rule_for(const std::string& cidr, const std::string& id = "") {
  base::Rule rule;
  rule.id = id;
  rule.cidr = cidr;
  rule.reason = "test";
  rule.score = 1;
  return rule;
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    options_.folder = dir_ / "data";
    open();
  }

  void open() {
    engine_.reset();
    auto opened = open_store(options_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    engine_ = std::move(opened).value();
  }

  base::Result<WriteResult> write(Command command, const std::string& request_id = "",
                                  const std::string& author = "operator") {
    return transact_and_wait(*engine_, Write{std::move(command), author, request_id});
  }
  base::Result<WriteResult> put(const std::string& component, const std::string& document,
                                std::optional<std::uint64_t> expected = std::nullopt) {
    return write(PutConfig{component, document, "", expected});
  }
  std::unique_ptr<Reader> read() {
    auto reader = engine_->read();
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    return std::move(reader).value();
  }
  void expect_sound() {
    auto report = engine_->verify();
    ASSERT_TRUE(report.ok()) << report.error().message;
    for (const std::string& problem : report->problems) ADD_FAILURE() << problem;
    EXPECT_EQ(report->state_digest, engine_->status().state_digest);
  }

  support::TempDir dir_;
  base::ManualClock clock_;
  StoreOptions options_;
  std::unique_ptr<Engine> engine_;
};

// "reason" of an error, or "ok".
template <class T>
std::string reason_of(const base::Result<T>& result) {
  return result.ok() ? "ok" : result.error().reason;
}

}  // namespace mlguard::db::test
