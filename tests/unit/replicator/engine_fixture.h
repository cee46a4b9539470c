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
#include "support/alone.h"
#include "support/temp_dir.h"
#include "tests/unit/db/samples.h"

namespace mlguard::db::test {

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    options_.folder = dir_ / "data";
    open();
  }

  void open() {
    engine_.reset();
    auto opened = support::open_alone(options_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    engine_ = std::move(opened).value();
    start_ = engine_->status().revision;
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
  std::uint64_t start_ = 0;  // The revision of the entry with which the instance began to lead.
};

}  // namespace mlguard::db::test
