// LiveRag: questions in, answers out: it polls the control plane for the next question, brings its
// index up to date, answers from it, and has a model write prose where one is configured. The
// composition root of the component's online half; live_mode.h puts it on an Agent.
//
// It listens on no port, and changes nothing: what it proposes is the asker's to do.
//
// Threads: one works (index, answers, endpoint), one gives signs of life while an answer takes its
// time. Every method from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "etcd_client/client.h"
#include "rag/answerer.h"
#include "rag/index.h"
#include "rag/live_config.h"

namespace mlguard::rag {

struct RagParts {
  std::unique_ptr<Index> index;
  std::unique_ptr<Answerer> answerer;
  // Brings the index up to date, and keeps it within the configuration's bounds. Called by the
  // working thread only.
  std::function<base::Status(const RagConfig& config)> sync;
  // Must work until stop() has returned.
  std::function<base::Result<etcd_client::RawResponse>(const etcd_client::RawRequest&)> send;
};

class LiveRag {
 public:
  // The clock must outlive it.
  static std::unique_ptr<LiveRag> create(const base::Clock& clock);
  // As stop().
  virtual ~LiveRag() = default;

  // From the next question on.
  virtual void apply(const RagConfig& config) = 0;
  // Begins to work.
  virtual void start(RagParts parts) = 0;
  // Ends all threads. Whoever made `send` must make its calls fail first.
  virtual void stop() = 0;

  // Counters, as a JSON object of at most base::kDetailBytesMax.
  virtual std::string detail() const = 0;
  // Why it does not do all of its work: it cannot follow, or the endpoint fails.
  virtual base::Status health() const = 0;
};

}  // namespace mlguard::rag
