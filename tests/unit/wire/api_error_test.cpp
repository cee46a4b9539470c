#include "wire/api_error.h"

#include <gtest/gtest.h>

namespace mlguard::wire {
namespace {

using base::Error;
using base::ErrorCode;

TEST(ApiErrorTest, EveryCodeHasAStatusAndTheUsualOnesComeBack) {
  for (const ErrorCode code :
       {ErrorCode::invalid_argument, ErrorCode::not_found, ErrorCode::conflict,
        ErrorCode::precondition_failed, ErrorCode::too_large, ErrorCode::unauthenticated,
        ErrorCode::permission_denied, ErrorCode::resource_exhausted, ErrorCode::unavailable,
        ErrorCode::timeout, ErrorCode::unsupported, ErrorCode::internal}) {
    EXPECT_EQ(code_of_status(http_status(code)), code) << base::to_string(code);
  }
  EXPECT_EQ(http_status(ErrorCode::precondition_failed), 412);
  EXPECT_EQ(http_status(ErrorCode::corrupt), 500);
  EXPECT_EQ(http_status(ErrorCode::io), 500);
  EXPECT_EQ(code_of_status(405), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of_status(502), ErrorCode::unavailable);
  EXPECT_EQ(code_of_status(302), ErrorCode::internal);
}

TEST(ApiErrorTest, AnErrorSurvivesTheWire) {
  const Error error{ErrorCode::precondition_failed, "version_mismatch", "read \"again\"\n– décide"};
  const Error back = decode_error(412, encode_error(error));
  EXPECT_EQ(back.code, error.code);
  EXPECT_EQ(back.reason, error.reason);
  EXPECT_EQ(back.message, error.message);
}

TEST(ApiErrorTest, BytesThatAreNoUtf8AreReplacedAndNotThrown) {
  const Error back = decode_error(400, encode_error({ErrorCode::invalid_argument, "x", "a\xff"}));
  EXPECT_EQ(back.message, "a\xef\xbf\xbd");
}

TEST(ApiErrorTest, ABodyThatIsNotOursIsNotGuessedAt) {
  const std::string deep(100'000, '[');
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("{}"), std::string("[1]"),
        std::string(R"({"error":1,"message":"x"})"), std::string(R"({"error":"","message":"x"})"),
        std::string(R"({"error":"x"})"), deep, "{\"error\":" + deep,
        "{\"error\":\"x\",\"message\":\"" + std::string(70'000, 'y') + "\"}"}) {
    const Error error = decode_error(503, body);
    EXPECT_EQ(error.code, ErrorCode::unavailable);
    EXPECT_EQ(error.reason, "unavailable");
    EXPECT_NE(error.message.find("HTTP 503"), std::string::npos);
  }
}

}  // namespace
}  // namespace mlguard::wire
