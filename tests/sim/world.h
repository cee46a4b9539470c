// The simulated world around the nodes: time, the network, and the trace. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "random.h"

namespace mlguard::sim {

inline constexpr std::int64_t kUsPerMs = 1'000;

// An invariant does not hold. Ends the run.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Events in the order of their time; those of one instant in the order in which they were made.
class Events {
 public:
  std::int64_t now_us() const { return now_us_; }
  void at(std::int64_t time_us, std::function<void()> action);
  void after(std::int64_t delay_us, std::function<void()> action) {
    at(now_us_ + delay_us, std::move(action));
  }
  // Runs the next event, unless it lies beyond `until_us`: then time becomes that.
  bool run_one(std::int64_t until_us);
  std::uint64_t count() const { return count_; }

 private:
  struct Event {
    std::int64_t time_us;
    std::uint64_t order;
    std::function<void()> action;
    bool operator<(const Event& other) const {
      return std::tie(time_us, order) > std::tie(other.time_us, other.order);
    }
  };
  std::priority_queue<Event> queue_;
  std::int64_t now_us_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t count_ = 0;
};

struct NetworkWeather {
  std::int64_t delay_us_min = 200;
  std::int64_t delay_us_max = 2'000;
  unsigned lost_permille = 0;
  unsigned doubled_permille = 0;
  unsigned late_permille = 0;  // Delayed ten times as long, so that others overtake it.
};

class Network {
 public:
  Network(Events& events, Random& random) : events_(events), random_(random) {}

  NetworkWeather weather;
  void cut(const std::string& from, const std::string& to) { cut_.insert({from, to}); }
  void heal() { cut_.clear(); }
  bool reaches(const std::string& from, const std::string& to) const {
    return cut_.count({from, to}) == 0;
  }
  // Delivers once, twice or never. What is under way when a link is cut is lost.
  void send(const std::string& from, const std::string& to, const std::function<void()>& deliver);

 private:
  void send_once(const std::string& from, const std::string& to, std::function<void()> deliver);

  Events& events_;
  Random& random_;
  std::set<std::pair<std::string, std::string>> cut_;
};

// Lines for people, kept only when asked for.
class Trace {
 public:
  explicit Trace(bool on) : on_(on) {}
  bool on() const { return on_; }
  void line(std::int64_t time_us, const std::string& text) const;

 private:
  bool on_;
};

}  // namespace mlguard::sim
