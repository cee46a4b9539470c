// Configuration through the CLI as an operator uses it: byte-exact round trips, the counters that
// prove what was compressed, every distinct error, and the history.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "live.h"

namespace mlguard::e2e {
namespace {

using support::CommandResult;
using support::read_text;
using support::write_text;

class ConfigTest : public LiveServerTest {
 protected:
  // Ready, it may still be writing what is its own: the first entry of its term, the first key of
  // the pipeline. From then on nobody writes but the test.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start());
    const auto admin = operator_client();
    ASSERT_TRUE(admin);
    ASSERT_TRUE(support::wait_until([&] {
      const auto keys = admin->pipeline_keys();
      return keys.ok() && !keys->keys.empty();
    }));
  }

  CommandResult cli(std::vector<std::string> arguments, const std::string& input = {}) {
    return support::ml_guard(server_, std::move(arguments), input);
  }
  std::string file(const std::string& name, const std::string& content) {
    write_text(folder_ / name, content);
    return folder_ / name;
  }
  // How many configuration documents travelled in that direction ("in", "out") and encoding.
  double documents(const std::string& direction, const std::string& encoding) {
    const std::string route = direction == "in" ? "config_put" : "config_get";
    return metric("mlguard_http_bodies_total{route=\"" + route + "\",direction=\"" + direction +
                  "\",encoding=\"" + encoding + "\"}")
        .value_or(0);
  }
  std::uint64_t revision() { return std::stoull("0" + json_at(page("/status"), "/revision")); }
};

TEST_F(ConfigTest, RoundTripsAreByteExactAndOnlyLargeDocumentsTravelCompressed) {
  struct Case {
    std::size_t bytes;
    bool compressed;
  };
  for (const Case& one : {Case{40, false}, Case{4'096, true}, Case{1'048'576, true}}) {
    const std::string document = config_document(one.bytes);
    ASSERT_EQ(document.size(), one.bytes);
    const std::string used = one.compressed ? "lz4" : "identity";
    const std::string unused = one.compressed ? "identity" : "lz4";
    const double in = documents("in", used);
    const double out = documents("out", used);
    const double others = documents("in", unused) + documents("out", unused);
    const CommandResult put = cli({"config", "put", "ml-detector", file("put.json", document)});
    ASSERT_TRUE(put.exit.ok()) << put.err;
    const CommandResult get = cli({"config", "get", "ml-detector"});
    ASSERT_TRUE(get.exit.ok()) << get.err;
    EXPECT_EQ(get.out, document) << one.bytes;
    EXPECT_GE(documents("in", used), in + 1) << one.bytes;
    EXPECT_GE(documents("out", used), out + 1) << one.bytes;
    EXPECT_EQ(documents("in", unused) + documents("out", unused), others) << one.bytes;
  }
}

TEST_F(ConfigTest, OddBytesComeBackAsTheyWerePut) {
  for (const std::string& document :
       {std::string("{\"a\": 1}\n\n"), std::string("  {\"ü\":\"\\u0000→\",\"n\":1e300}  "),
        std::string("{\r\n\t\"a\":[1,2,3]\r\n}")}) {
    ASSERT_TRUE(cli({"config", "put", "rag", file("odd.json", document)}).exit.ok()) << document;
    EXPECT_EQ(cli({"config", "get", "rag"}).out, document);
  }
}

TEST_F(ConfigTest, EveryErrorIsDistinctSaysWhatToDoAndChangesNothing) {
  const std::string good = config_document(200);
  ASSERT_TRUE(cli({"config", "put", "sniffer", file("good.json", good)}).exit.ok());
  const std::uint64_t before = revision();
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string says;  // part of the message
  };
  const std::string bad_json = file("bad.json", "{\"a\": 1,\n \"b\": }");
  const std::string large = file("large.json", config_document(base::kConfigBytesMax + 1));
  const std::string fine = file("fine.json", config_document(100, 2));
  const std::vector<Case> cases = {
      {{"config", "put", "sniffer", bad_json}, 1, "line 2"},
      {{"config", "put", "sniffer", fine, "--if-version", "7"}, 6, "version"},
      {{"config", "put", "Sniffer!", fine}, 1, "name"},
      {{"config", "put", "sniffer", large}, 1, "4"},
      {{"config", "get", "firewall"}, 5, "config put firewall"},
      {{"config", "get", "sniffer", "--version", "99"}, 5, "version"},
      {{"config", "rollback", "sniffer", "98"}, 5, "version"},
      {{"config", "put", "sniffer", folder_ / "absent.json"}, 2, "absent.json"},
  };
  std::vector<std::string> messages;
  for (const Case& one : cases) {
    const CommandResult result = cli(one.arguments);
    const std::string what = one.arguments[1] + " " + one.arguments.back() + ": " + result.err;
    EXPECT_EQ(result.exit.text(), "exit " + std::to_string(one.exit_code)) << what;
    EXPECT_NE(result.err.find(one.says), std::string::npos) << what;
    for (const std::string& other : messages) EXPECT_NE(result.err, other);
    messages.push_back(result.err);
  }
  EXPECT_EQ(cli({"config", "get", "sniffer"}).out, good);
  EXPECT_EQ(revision(), before);
}

TEST_F(ConfigTest, HistoryDiffAndRollback) {
  const std::string one = "{\"threshold\": 0.5, \"window\": 10}\n";
  const std::string two = "{\"threshold\": 0.9, \"window\": 10}\n";
  ASSERT_TRUE(cli({"config", "put", "ml-detector", file("1.json", one)}).exit.ok());
  ASSERT_TRUE(cli({"config", "put", "ml-detector", file("2.json", two)}).exit.ok());
  const std::string diff = cli({"config", "diff", "ml-detector", "1", "2"}).out;
  EXPECT_NE(diff.find("0.5"), std::string::npos) << diff;
  EXPECT_NE(diff.find("0.9"), std::string::npos) << diff;

  const CommandResult rollback = cli({"config", "rollback", "ml-detector", "1"});
  ASSERT_TRUE(rollback.exit.ok()) << rollback.err;
  EXPECT_EQ(cli({"config", "get", "ml-detector"}).out, one);
  EXPECT_EQ(cli({"config", "get", "ml-detector", "--version", "2"}).out, two);
  // A rollback is a new version: three of them now.
  const CommandResult history = cli({"config", "history", "ml-detector", "-o", "json"});
  ASSERT_TRUE(history.exit.ok()) << history.err;
  EXPECT_EQ(json_array_size(history.out, "/versions"), 3u) << history.out;
  EXPECT_EQ(json_at(history.out, "/versions/0/version"), "3") << history.out;
  EXPECT_EQ(json_at(history.out, "/versions/0/active"), "true") << history.out;
}

TEST_F(ConfigTest, CompareAndSetLetsExactlyOneOfTwoEditorsWin) {
  ASSERT_TRUE(cli({"config", "put", "rag", file("1.json", "{\"a\":1}")}).exit.ok());
  const std::string second = file("2.json", "{\"a\":2}");
  const std::string third = file("3.json", "{\"a\":3}");
  EXPECT_TRUE(cli({"config", "put", "rag", second, "--if-version", "1"}).exit.ok());
  EXPECT_EQ(cli({"config", "put", "rag", third, "--if-version", "1"}).exit.text(), "exit 6");
  EXPECT_EQ(cli({"config", "get", "rag"}).out, "{\"a\":2}");
}

TEST_F(ConfigTest, AnUnsealedWriteIsRefusedWithTheCommandThatWouldWork) {
  const std::uint64_t before = revision();
  const support::HttpReply reply =
      support::http_call(server_.port(), "PUT", "/v1/config/sniffer",
                         {{"Content-Type", "application/json"}}, "{\"a\":1}");
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(json_at(reply.body, "/error"), "not_sealed") << reply.body;
  EXPECT_NE(json_at(reply.body, "/message").find("ml-guard api PUT /v1/config/sniffer"),
            std::string::npos)
      << reply.body;
  EXPECT_EQ(support::http_get(server_.port(), "/v1/config/sniffer").status, 401);
  EXPECT_EQ(revision(), before);
  // And the command that it names does work.
  EXPECT_TRUE(cli({"api", "PUT", "/v1/config/sniffer", "-d", "{\"a\":1}"}).exit.ok());
  EXPECT_EQ(cli({"config", "get", "sniffer"}).out, "{\"a\":1}");
}

}  // namespace
}  // namespace mlguard::e2e
