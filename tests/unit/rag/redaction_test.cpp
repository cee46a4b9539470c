#include "rag/redaction.h"

#include <gtest/gtest.h>

namespace mlguard::rag {
namespace {

TEST(RedactionTest, NamesOfSecretsAreKnown) {
  for (const char* name : {"password",
                           "smtp_password",
                           "Passwd",
                           "db.passphrase",
                           "pwd",
                           "secret",
                           "client_secret",
                           "clientSecret",
                           "token",
                           "join_token",
                           "apiToken",
                           "psk",
                           "wifi-psk",
                           "credentials",
                           "api_key",
                           "apikey",
                           "API-KEY",
                           "apiKey",
                           "authorization",
                           "private_key",
                           "privateKey",
                           "tls.private.key",
                           "key",
                           "cookie",
                           "session_cookie",
                           "dsn",
                           "sentry_dsn",
                           "access_key",
                           "accessKeySecret",
                           "encryption_key",
                           "key_material",
                           "signing_keys",
                           "smtp_pass",
                           "auth_password",
                           "snmp.community",
                           "cluster_key",
                           "hmac_key",
                           "bearer",
                           "jwt",
                           "private"}) {
    EXPECT_TRUE(is_secret_name(name)) << name;
  }
}

TEST(RedactionTest, NamesThatOnlySoundLikeSecretsAreNone) {
  for (const char* name : {"pipeline_keys",
                           "pipeline.key_period_s",
                           "key_grace_s",
                           "keyboard",
                           "monkey",
                           "token_ttl_s",
                           "tokens_max",
                           "password_min_length",
                           "key_file",
                           "private_key_path",
                           "token_id",
                           "sha256",
                           "certificate_sha256",
                           "public_key",
                           "digest",
                           "fingerprint",
                           "secret_name",
                           "passive",
                           "passthrough",
                           "bypass_enabled",
                           "compass",
                           "authors",
                           "private_networks",
                           "allowlist",
                           "thresholds.block",
                           "key_id",
                           "keys",
                           "primary_keys",
                           "cookie_max_age",
                           "password_policy",
                           "api_key_rotation",
                           "keyed",
                           "interfaces",
                           "endpoint",
                           "heartbeat.interval_s",
                           "hotkey",
                           "author",
                           "tokenizer",
                           ""}) {
    EXPECT_FALSE(is_secret_name(name)) << name;
  }
}

struct Case {
  const char* text;
  const char* expected;
};

TEST(RedactionTest, SecretsInTextAreHidden) {
  for (const Case& one : {
           Case{"join with mlg1.RkFLRUZBS0VGQUtFRkFLRUZBS0VG now", "join with (hidden) now"},
           Case{"mlg1.RkFLRUZBS0VGQUtFRkFLRUZBS0VG.", "(hidden)."},
           Case{"x -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- y", "x (hidden) y"},
           Case{"-----BEGIN RSA PRIVATE KEY-----\ncut off", "(hidden)"},
           Case{"Authorization: Bearer abc123def456", "Authorization: Bearer (hidden)"},
           Case{"header Bearer FAKE.eyJhbGciOi.FAKE1", "header Bearer (hidden)"},
           Case{"basic dXNlcjpwYXNzMTIz", "basic (hidden)"},
           Case{"tcp://collector:Fake-Pa55@198.51.100.20:5571/x",
                "tcp://collector:(hidden)@198.51.100.20:5571/x"},
           Case{"see https://u:p@h and http://a:b@c.d?x",
                "see https://u:(hidden)@h and http://a:(hidden)@c.d?x"},
           Case{"key sk-abcdefghijklmnop1234", "key (hidden)"},
           Case{"ghp_0123456789abcdefABCDEF0123456789abcd", "(hidden)"},
           Case{"AKIAIOSFODNN7EXAMPLE1", "(hidden)"},
           Case{"password is hunter2-Fake9 for now", "password is (hidden) for now"},
           Case{"the password: swordfish, then", "the password: (hidden), then"},
           Case{"psk = Fake-Psk-77-do-not-share, moved", "psk = (hidden), moved"},
           Case{"PASSWORD=x", "PASSWORD=(hidden)"},
           Case{"{\"api_key\":\"abc\",\"a\":1}", "{\"api_key\":\"abc\",\"a\":1}"},
           Case{"{\"api_key\":\"abcdefgh1\",\"a\":1}", "{\"api_key\":\"(hidden)\",\"a\":1}"},
           Case{"?token=abc&x=1", "?token=(hidden)&x=1"},
           Case{"mlguard-cluster-key-1 00112233445566778899aabbccddeeff",
                "mlguard-cluster-key-1 (hidden)"},
           Case{"random dGhpcyBpcyBhIHNlY3JldCBrZXkh0123Zz here", "random (hidden) here"},
           Case{"hex 3a7bd3e2360a3d29eea436fcfb7e44c735d117c4 end", "hex (hidden) end"},
           Case{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "(hidden)"},
       }) {
    EXPECT_EQ(redacted(one.text), one.expected) << one.text;
  }
}

TEST(RedactionTest, WhatIsNoSecretStaysAsItIs) {
  for (const char* text :
       {"",
        "portscan by port_scan: ports 60 (limit 20), half_open 0.9508 (limit 0.6)",
        "rule auto-d95908403b5f60dc0f73 put: drop 10.77.1.66/32",
        "token 0123456789abcdef created for sniffer",
        "the token is expired",
        "token: expired",
        "the password was changed by alice",
        "password policy and key rotation",
        "model sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "models/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "digest: 3a7bd3e2360a3d29eea436fcfb7e44c735d117c4",
        "2026-11-26T14:58:38.123Z",
        "https://example.org/a/very/long/path/without/any/secret/in/it/at/all",
        "http://10.0.0.5:2379/status",
        "user@example.org",
        "2001:db8:1234:5678:9abc:def0:1234:5678/128",
        "550e8400-e29b-41d4-a716-446655440000",
        "/var/lib/ml-guard/2379/control.db",
        "sniffer-dmz-building-2-floor-3-cabinet-4-port-5-and-so-on",
        "fast_rules.brute_force_ports",
        "Basic authentication is off",
        "bearer of bad news",
        "the secret is out",
        "key_period_s: 86400",
        "\xff\xfe broken utf8",
        "getHTTPResponseCodeFromServerAndRetry"}) {
    EXPECT_EQ(redacted(text), text) << text;
  }
}

TEST(RedactionTest, ItIsDoneOnceAndForAll) {
  for (const char* text : {"password=abc", "psk is a1b2c3", "Bearer abc123def456", "https://u:p@h/",
                           "token: abcdefghijk"}) {
    EXPECT_EQ(redacted(redacted(text)), redacted(text)) << text;
  }
}

TEST(RedactionTest, AValueIsJudgedByItsName) {
  EXPECT_EQ(redacted_value("password", "a"), "(hidden)");
  EXPECT_EQ(redacted_value("password", ""), "");
  const char* digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  EXPECT_EQ(redacted_value("certificate_sha256", digest), digest);
  EXPECT_EQ(redacted_value("note", digest), "(hidden)");
  EXPECT_EQ(redacted_value("key_period_s", "86400"), "86400");
  EXPECT_EQ(redacted_value("note", "mlg1.RkFLRUZBS0VGQUtFRkFLRUZBS0VG"), "(hidden)");
}

TEST(RedactionTest, LongTextTakesLinearTime) {
  std::string text;
  for (int part = 0; part < 20'000; ++part) text += "password -----BEGIN://a:";
  EXPECT_FALSE(redacted(text).empty());
}

}  // namespace
}  // namespace mlguard::rag
