// etcd_load: the loads of `ml-guard bench put|get` against etcd's v3 JSON gateway, by the same kind
// of generator: blocking threads, each with a keep-alive connection by cpp-httplib, the same
// documents, the same percentiles. Only for tests/bench/compare_etcd.sh.
//
//   etcd_load HOST PORT put|get|get-serializable CLIENTS SECONDS BYTES
//
// Prints the JSON of `ml-guard bench -o json` in one line.
#include <httplib.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/bench.h"

namespace {

using mlguard::cli::BenchResult;
using mlguard::cli::Latencies;
using Clock = std::chrono::steady_clock;

constexpr int kArguments = 7;
constexpr int kReadySeconds = 20;
constexpr int kTimeoutSeconds = 10;
constexpr int kHttpOk = 200;

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      const auto byte = i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j])
                                             : static_cast<unsigned char>(0);
      group = (group << 8U) | byte;
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const bool padding = i + j > bytes.size();
      out += padding ? '=' : kAlphabet[(group >> (18 - 6 * j)) & 0x3FU];
    }
  }
  return out;
}

class Worker {
 public:
  Worker(const std::string& host, int port, std::string operation, std::size_t number,
         std::size_t bytes)
      : client_(host, port),
        operation_(std::move(operation)),
        key_(base64("bench-" + std::to_string(number))),
        bytes_(bytes) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_read_timeout(kTimeoutSeconds, 0);
    client_.set_write_timeout(kTimeoutSeconds, 0);
  }

  bool put() {
    const std::string document = mlguard::cli::bench_document(bytes_, ++sent_);
    return post("/v3/kv/put", R"({"key":")" + key_ + R"(","value":")" + base64(document) + "\"}");
  }

  bool step() {
    if (operation_ == "put") return put();
    const char* serializable = operation_ == "get-serializable" ? R"(,"serializable":true)" : "";
    return post("/v3/kv/range", R"({"key":")" + key_ + "\"" + serializable + "}");
  }

  void remove() { post("/v3/kv/deleterange", R"({"key":")" + key_ + "\"}"); }

  void repeat(Clock::time_point until) {
    auto before = Clock::now();
    while (before < until) {
      const bool done = step();
      const auto after = Clock::now();
      if (done) {
        latencies_.add_ns((after - before).count());
      } else {
        ++errors_;
      }
      before = after;
    }
  }

  const Latencies& latencies() const { return latencies_; }
  std::uint64_t errors() const { return errors_; }

 private:
  bool post(const char* path, const std::string& body) {
    const auto answer = client_.Post(path, body, "application/json");
    return answer && answer->status == kHttpOk;
  }

  httplib::Client client_;
  std::string operation_;
  std::string key_;
  std::size_t bytes_;
  std::uint64_t sent_ = 0;
  Latencies latencies_;
  std::uint64_t errors_ = 0;
};

bool wait_until_ready(const std::string& host, int port) {
  const auto until = Clock::now() + std::chrono::seconds(kReadySeconds);
  while (Clock::now() < until) {
    Worker probe(host, port, "put", 0, 32);
    if (probe.put()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != kArguments) {
    std::fputs("usage: etcd_load HOST PORT put|get|get-serializable CLIENTS SECONDS BYTES\n",
               stderr);
    return 2;
  }
  const std::string host = argv[1];
  const int port = std::atoi(argv[2]);
  BenchResult result;
  result.options.operation = argv[3];
  result.options.clients = std::strtoul(argv[4], nullptr, 10);
  result.options.duration = std::chrono::seconds(std::atoi(argv[5]));
  result.options.size_bytes = std::strtoul(argv[6], nullptr, 10);
  if (!wait_until_ready(host, port)) {
    std::fprintf(stderr, "etcd_load: no etcd answers at %s:%d\n", host.c_str(), port);
    return 3;
  }
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < result.options.clients; ++i) {
    workers.push_back(std::make_unique<Worker>(host, port, result.options.operation, i,
                                               result.options.size_bytes));
    if (!workers.back()->put() || !workers.back()->step()) {
      std::fputs("etcd_load: the first request failed\n", stderr);
      return 1;
    }
  }
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (const auto& worker : workers) {
    threads.emplace_back(
        [&worker, until = begin + result.options.duration] { worker->repeat(until); });
  }
  for (std::thread& thread : threads) thread.join();
  result.elapsed_s = std::chrono::duration<double>(Clock::now() - begin).count();
  Latencies all;
  for (const auto& worker : workers) {
    all.merge(worker->latencies());
    result.errors += worker->errors();
    worker->remove();
  }
  result.latency = all.summarize();
  std::puts(mlguard::cli::bench_json(result).c_str());
  return 0;
}
