// The watch load: one put after the other, each waited for by all watchers.
#include <poll.h>

#include "bench/load_options.h"

namespace mlguard::bench {

namespace {

constexpr std::size_t kDocuments = 256;

base::Error missed(const std::string& what) {
  return {base::ErrorCode::timeout, "watch_missed",
          what + " within " + std::to_string(kStallMax.count()) +
              " ms: look at the server's log, or use fewer --clients"};
}

class WatchRun {
 public:
  WatchRun(Client writer, std::vector<Client> watchers, const LoadOptions& options)
      : writer_(std::move(writer)),
        watchers_(std::move(watchers)),
        documents_(make_documents(kDocuments, options.document_bytes)) {
    for (const Client& watcher : watchers_) {
      polled_.push_back({watcher.connection.fd(), POLLIN, 0});
    }
  }

  // Every watcher asks, and has seen one change: from then on all know where they are.
  base::Status begin() {
    if (auto put = put_once(); !put.ok()) return put;
    for (Client& watcher : watchers_) {
      if (auto asked = ask(watcher); !asked.ok()) return asked;
    }
    // A watch that begins too late for the first change sees a later one.
    for (;;) {
      if (auto round = put_round(milliseconds(200)); !round.ok()) return round;
      if (missing_ == 0) return {};
      if (++futile_ > kFutileMax) return missed("not every watch began");
    }
  }

  base::Status round() {
    if (auto put = put_round(kStallMax); !put.ok()) return put;
    return missing_ == 0 ? base::Status{} : base::Status{missed("a watcher saw no change")};
  }

  cli::Latencies take_latencies() { return std::exchange(latencies_, {}); }

 private:
  static constexpr int kFutileMax = 50;

  base::Status put_once() {
    std::string out;
    base::Status status =
        writer_.protocol->put(key_name(0), documents_[writer_.steps++ % kDocuments], out);
    sent_at_ = SteadyClock::now();
    if (status.ok()) status = writer_.connection.send(out);
    if (!status.ok()) return status;
    status = writer_.connection.wait_for_answer(writer_.reader, sent_at_ + kStallMax);
    if (!status.ok()) return status;
    status = writer_.protocol->accept(writer_.reader.answer());
    if (!status.ok()) return status;
    return writer_.reader.next();
  }

  // One put, then whatever the watchers see of it.
  base::Status put_round(milliseconds patience) {
    for (Client& watcher : watchers_) watcher.under_way = true;
    missing_ = watchers_.size();
    if (auto put = put_once(); !put.ok()) return put;
    const auto deadline = SteadyClock::now() + patience;
    while (missing_ > 0 && SteadyClock::now() < deadline) {
      ::poll(polled_.data(), polled_.size(), static_cast<int>(patience.count()));
      for (std::size_t i = 0; i < watchers_.size(); ++i) {
        if (polled_[i].revents == 0) continue;
        if (auto seen = on_bytes(watchers_[i]); !seen.ok()) return seen;
      }
    }
    return {};
  }

  base::Status ask(Client& watcher) {
    std::string out;
    const base::Status made = watcher.protocol->watch(key_name(0), out);
    return made.ok() ? watcher.connection.send(out) : made;
  }

  base::Status on_bytes(Client& watcher) {
    const auto received = watcher.connection.receive(watcher.reader);
    if (!received.ok()) return received;
    const bool streams = watcher.protocol->watch_streams();
    if (!(streams ? watcher.reader.has_head() : watcher.reader.whole())) return {};
    const auto changes = watcher.protocol->changes(watcher.reader.answer());
    if (!changes.ok()) return changes.error();
    if (*changes > 0 && std::exchange(watcher.under_way, false)) {
      latencies_.add_ns((SteadyClock::now() - sent_at_).count());
      --missing_;
    }
    if (streams) return {};
    const auto next = watcher.reader.next();
    return next.ok() ? ask(watcher) : next;
  }

  Client writer_;
  std::vector<Client> watchers_;
  const std::vector<Document> documents_;
  std::vector<pollfd> polled_;
  SteadyClock::time_point sent_at_{};
  std::size_t missing_ = 0;  // Watchers that have not seen the present put.
  int futile_ = 0;
  cli::Latencies latencies_;
};

}  // namespace

base::Result<LoadReport> run_watch(const LoadOptions& options, const Side& side) {
  const auto endpoints = choose_endpoints(options, side);
  if (!endpoints.ok()) return endpoints.error();
  auto writer = open_client(side, endpoints->front(), 0);
  if (!writer.ok()) return std::move(writer).error();
  std::vector<Client> watchers;
  for (std::size_t i = 0; i < options.clients; ++i) {
    auto client = open_client(side, (*endpoints)[i % endpoints->size()], i + 1);
    if (!client.ok()) return std::move(client).error();
    watchers.push_back(std::move(*client));
  }
  WatchRun run(std::move(*writer), std::move(watchers), options);
  if (auto begun = run.begin(); !begun.ok()) return begun.error();
  LoadReport report;
  bool warm = false;
  auto begin = SteadyClock::now();
  for (;;) {
    const std::chrono::duration<double> gone = SteadyClock::now() - begin;
    if (!warm && gone.count() >= options.warmup_s) {
      warm = true;
      run.take_latencies();
      begin = SteadyClock::now();
    } else if (warm && gone.count() >= options.seconds) {
      report.seconds = gone.count();
      report.result.latencies = run.take_latencies();
      return report;
    }
    if (auto round = run.round(); !round.ok()) return round.error();
  }
}

}  // namespace mlguard::bench
