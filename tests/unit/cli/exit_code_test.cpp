#include "cli/exit_code.h"

#include <gtest/gtest.h>

#include "cli/advice.h"

namespace mlguard::cli {
namespace {

using base::Error;
using base::ErrorCode;

TEST(ExitCodeTest, EveryErrorHasTheDocumentedCode) {
  EXPECT_EQ(exit_code_of(usage_error("x")), ExitCode::usage);
  EXPECT_EQ(exit_code_of({ErrorCode::unavailable, "x"}), ExitCode::unreachable);
  EXPECT_EQ(exit_code_of({ErrorCode::unauthenticated, "x"}), ExitCode::not_permitted);
  EXPECT_EQ(exit_code_of({ErrorCode::permission_denied, "x"}), ExitCode::not_permitted);
  EXPECT_EQ(exit_code_of({ErrorCode::not_found, "x"}), ExitCode::not_found);
  EXPECT_EQ(exit_code_of({ErrorCode::precondition_failed, "x"}), ExitCode::precondition_failed);
  EXPECT_EQ(exit_code_of({ErrorCode::unavailable, "no_leader", "x"}), ExitCode::no_quorum);
  EXPECT_EQ(exit_code_of({ErrorCode::unavailable, "no_quorum", "x"}), ExitCode::no_quorum);
  for (const ErrorCode code :
       {ErrorCode::invalid_argument, ErrorCode::conflict, ErrorCode::too_large,
        ErrorCode::resource_exhausted, ErrorCode::timeout, ErrorCode::corrupt, ErrorCode::io,
        ErrorCode::unsupported, ErrorCode::internal}) {
    EXPECT_EQ(exit_code_of({code, "x"}), ExitCode::failed) << base::to_string(code);
  }
}

TEST(ExitCodeTest, TheTableOfMeaningsIsComplete) {
  ASSERT_EQ(exit_code_meanings().size(), 8U);
  for (std::size_t i = 0; i < exit_code_meanings().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(exit_code_meanings()[i].code), i);
  }
}

TEST(AdviceTest, WithoutAServerItSaysHowToStartOne) {
  Settings settings;
  settings.endpoints = {"localhost:2380"};
  const Error error{ErrorCode::unavailable, kReasonNoServer, "x"};
  EXPECT_EQ(advice_for(error, "", settings).rfind("etcd-server --port 2380", 0), 0U);
}

TEST(AdviceTest, WithoutAMajorityItOffersWhatStillWorks) {
  Settings settings;
  settings.endpoints = {"localhost:2380"};
  const std::string advice = advice_for({ErrorCode::unavailable, "no_quorum", "x"}, "", settings);
  EXPECT_NE(advice.find("ml-guard status"), std::string::npos);
  EXPECT_NE(advice.find("--consistency local"), std::string::npos);
}

TEST(AdviceTest, ItNamesTheComponentInQuestion) {
  const Settings settings;
  const Error error{ErrorCode::precondition_failed, "version_mismatch", "x"};
  EXPECT_EQ(advice_for(error, "sniffer", settings), "ml-guard config history sniffer");
  EXPECT_EQ(advice_for(error, "", settings), "ml-guard config history COMPONENT");
}

TEST(AdviceTest, AnErrorThatSaysEverythingGetsNoAdvice) {
  EXPECT_EQ(advice_for({ErrorCode::io, "some_reason", "x"}, "", Settings()), "");
}

}  // namespace
}  // namespace mlguard::cli
