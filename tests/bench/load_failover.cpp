// How long nobody takes a write after the leader was killed.
#include <csignal>
#include <thread>

#include "bench/load_options.h"

namespace mlguard::bench {

namespace {

// One try; then the next endpoint gets one. Many times what a put takes, a small part of what an
// election takes. A server may drop a write that came while it had no leader, so nobody is waited
// for longer.
constexpr milliseconds kTryMax{50};
constexpr milliseconds kPauseAfterRefusal{2};
constexpr milliseconds kFailoverMax{60'000};
constexpr int kPutsBefore = 20;

// A failed try leaves an unread answer behind, so its connection is not used again; its session is.
class Survivor {
 public:
  Survivor(wire::Endpoint endpoint, std::unique_ptr<Protocol> protocol)
      : endpoint_(std::move(endpoint)), protocol_(std::move(protocol)) {}

  base::Status put(const Document& document, milliseconds patience) {
    const base::Status done = try_put(document, patience);
    if (!done.ok()) connection_.reset();
    return done;
  }

 private:
  base::Status try_put(const Document& document, milliseconds patience) {
    if (!connection_) {
      auto opened = Connection::open(endpoint_);
      if (!opened.ok()) return std::move(opened).error();
      connection_ = std::move(*opened);
    }
    std::string out;
    base::Status status = protocol_->put(key_name(0), document, out);
    if (status.ok()) status = connection_->send(out);
    AnswerReader reader;
    if (status.ok()) {
      status = connection_->wait_for_answer(reader, SteadyClock::now() + patience);
    }
    return status.ok() ? protocol_->accept(reader.answer()) : status;
  }

  wire::Endpoint endpoint_;
  std::unique_ptr<Protocol> protocol_;
  std::optional<Connection> connection_;
};

}  // namespace

base::Result<double> run_failover(const LoadOptions& options, const Side& side) {
  LoadOptions others = options;
  others.target = Target::follower;
  const auto endpoints = choose_endpoints(others, side);
  if (!endpoints.ok()) return endpoints.error();
  const Document document = make_documents(1, options.document_bytes).front();
  std::vector<Survivor> survivors;
  for (const wire::Endpoint& endpoint : *endpoints) {
    auto protocol = side.open(endpoint);
    if (!protocol.ok()) return std::move(protocol).error();
    survivors.emplace_back(endpoint, std::move(*protocol));
    for (int i = 0; i < kPutsBefore; ++i) {
      if (auto put = survivors.back().put(document, kStallMax); !put.ok()) return put.error();
    }
  }
  if (::kill(options.victim, SIGKILL) != 0) {
    return base::Error{base::ErrorCode::not_found, "no_victim",
                       "there is no process " + std::to_string(options.victim) + " to --kill"};
  }
  const auto begin = SteadyClock::now();
  std::string problem;
  for (std::size_t turn = 0; SteadyClock::now() < begin + kFailoverMax; ++turn) {
    const base::Status put = survivors[turn % survivors.size()].put(document, kTryMax);
    if (put.ok()) {
      return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
    }
    problem = put.error().message;
    if (put.error().code != base::ErrorCode::timeout) {
      std::this_thread::sleep_for(kPauseAfterRefusal);
    }
  }
  return base::Error{base::ErrorCode::timeout, "no_failover",
                     "no write succeeded after the leader's end (last: " + problem + ")"};
}

}  // namespace mlguard::bench
