// ProblemLog: says a problem that lasts once, and once that it is over. Belongs to one thread.
#pragma once

#include <optional>
#include <string>

#include "base/logging.h"
#include "base/result.h"

namespace mlguard::replicator {

class ProblemLog {
 public:
  // `subject`: "shipping to /srv/shipped".
  explicit ProblemLog(std::string subject) : subject_(std::move(subject)) {}

  void note(const std::optional<base::Error>& problem) {
    const std::string message = problem ? problem->message : std::string();
    if (message == said_) return;
    said_ = message;
    if (problem) {
      base::log_warn(subject_ + " stands still", {{"reason", problem->reason}, {"error", message}});
    } else {
      base::log_info(subject_ + " goes on");
    }
  }

 private:
  std::string subject_;
  std::string said_;
};

}  // namespace mlguard::replicator
