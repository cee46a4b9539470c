#include "server/forward.h"

#include <gtest/gtest.h>

namespace mlguard::server {
namespace {

ForwardedRequest sample() {
  ForwardedRequest request;
  request.method = "PUT";
  request.target = "/v1/config/sniffer?ack=leader";
  request.caller = {base::Role::sniffer, "sniffer", "aabb", "sniffer"};
  request.address = "192.0.2.7";
  request.message.fields = {{"request-id", "r1"}, {"comment", "why"}};
  request.message.body = std::string("{\0}", 3);
  return request;
}

TEST(ForwardTest, ARequestAndItsAnswerComeBackAsTheyWent) {
  const auto decoded = decode_forwarded(encode(sample()));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded->method, "PUT");
  EXPECT_EQ(decoded->target, sample().target);
  EXPECT_EQ(decoded->caller.role, base::Role::sniffer);
  EXPECT_EQ(decoded->caller.key, "aabb");
  EXPECT_EQ(decoded->address, "192.0.2.7");
  EXPECT_EQ(*decoded->message.field("comment"), "why");
  EXPECT_EQ(decoded->message.body, sample().message.body);

  ApiAnswer answer = json_answer("{}", 412);
  answer.fields = {{"revision", "7"}};
  const auto came = decode_forwarded_answer(encode_forwarded_answer(answer));
  ASSERT_TRUE(came.ok());
  EXPECT_EQ(came->status, 412);
  EXPECT_EQ(came->fields.at(0).value, "7");
}

TEST(ForwardTest, CutShortBytesAndAPeerAsClientAreRefused) {
  const std::string bytes = encode(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_forwarded(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_forwarded(bytes + "x").ok());
  // Nobody gains a peer's rights by being sent on.
  ForwardedRequest peer = sample();
  peer.caller.role = base::Role::peer;
  EXPECT_FALSE(decode_forwarded(encode(peer)).ok());
}

TEST(ForwardTest, TheSmallWritesOfAFollowerComeBackAsTheyWent) {
  base::Identity identity;
  identity.public_key = "aa";
  identity.role = base::Role::firewall;
  identity.name = "firewall";
  identity.token_id = "t1";
  const auto enrolled = decode_identity(encode(identity));
  ASSERT_TRUE(enrolled.ok());
  EXPECT_EQ(enrolled->token_id, "t1");
  EXPECT_EQ(enrolled->role, base::Role::firewall);
  base::AuditRecord record;
  record.actor = "sniffer";
  record.action = "refused";
  record.detail = "may not write rules";
  const auto audit = decode_audit_record(encode(record));
  ASSERT_TRUE(audit.ok());
  EXPECT_EQ(audit->detail, record.detail);
  EXPECT_FALSE(decode_identity("").ok());
  EXPECT_FALSE(decode_audit_record("\x01").ok());
}

}  // namespace
}  // namespace mlguard::server
