#include "world.h"

#include <algorithm>
#include <cstdio>

namespace mlguard::sim {
namespace {
constexpr std::int64_t kLateFactor = 10;
}  // namespace

void Events::at(std::int64_t time_us, std::function<void()> action) {
  queue_.push(Event{std::max(time_us, now_us_), made_++, std::move(action)});
}

bool Events::run_one(std::int64_t until_us) {
  if (queue_.empty() || queue_.top().time_us > until_us) {
    now_us_ = std::max(now_us_, until_us);
    return false;
  }
  const Event event = queue_.top();
  queue_.pop();
  now_us_ = event.time_us;
  ++count_;
  event.action();
  return true;
}

void Network::send(const std::string& from, const std::string& to,
                   const std::function<void()>& deliver) {
  if (!random_.chance_permille(weather.lost_permille)) send_once(from, to, deliver);
  if (random_.chance_permille(weather.doubled_permille)) send_once(from, to, deliver);
}

void Network::send_once(const std::string& from, const std::string& to,
                        std::function<void()> deliver) {
  std::int64_t delay_us = random_.between(weather.delay_us_min, weather.delay_us_max);
  if (random_.chance_permille(weather.late_permille)) delay_us *= kLateFactor;
  events_.after(delay_us, [this, from, to, deliver = std::move(deliver)] {
    if (reaches(from, to)) deliver();
  });
}

void Trace::line(std::int64_t time_us, const std::string& text) const {
  if (on_) std::printf("%10.3f ms  %s\n", static_cast<double>(time_us) / kUsPerMs, text.c_str());
}

}  // namespace mlguard::sim
