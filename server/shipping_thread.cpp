#include "server/shipping_thread.h"

#include <chrono>
#include <utility>
#include <vector>

#include "base/logging.h"
#include "db/data_folder.h"
#include "db/log_view.h"
#include "replicator/log_entries.h"

namespace mlguard::server {

using base::Result;
using base::Status;
using replicator::Entry;
using replicator::Position;
using replicator::Revision;

// The store as shipping sees it: the log through a connection of its own.
class ShippingThread::Source final : public replicator::EntrySource {
 public:
  Source(replicator::Replicator& replica, std::unique_ptr<db::LogView> log)
      : replica_(replica), log_(std::move(log)) {}

  Revision committed() override { return replica_.committed(); }

  Result<std::optional<Position>> position_at(Revision revision) override {
    Result<std::optional<db::LogPosition>> found = log_->position_at(revision);
    if (!found) return found.error();
    if (!found->has_value()) return std::optional<Position>();
    return std::optional(Position{(*found)->revision, (*found)->term, (*found)->digest});
  }

  Result<std::vector<Entry>> entries(Revision after, std::size_t count_max,
                                     std::size_t bytes_max) override {
    const Result<std::vector<db::LogEntry>> found =
        log_->entries(after, committed(), count_max, bytes_max);
    if (!found) return found.error();
    std::vector<Entry> entries;
    entries.reserve(found->size());
    for (const db::LogEntry& entry : *found) entries.push_back(replicator::entry_of(entry));
    return entries;
  }

  Status snapshot_to(const std::string& path) override {
    const Result<std::uint64_t> made = replica_.backup_to(path);
    return made ? Status() : Status(made.error());
  }

 private:
  replicator::Replicator& replica_;
  const std::unique_ptr<db::LogView> log_;
};

Result<std::unique_ptr<ShippingThread>> ShippingThread::start(const ShippingOptions& options,
                                                              const wire::ClusterKey& cluster,
                                                              replicator::Replicator& replica,
                                                              const base::Clock& clock) {
  Result<std::unique_ptr<db::LogView>> log =
      db::LogView::open(options.data_dir + "/" + db::kDatabaseFile);
  if (!log) return log.error();
  auto source = std::make_unique<Source>(replica, std::move(*log));
  return std::unique_ptr<ShippingThread>(
      new ShippingThread(options, cluster, replica, std::move(source), clock));
}

ShippingThread::ShippingThread(const ShippingOptions& options, const wire::ClusterKey& cluster,
                               replicator::Replicator& replica, std::unique_ptr<Source> source,
                               const base::Clock& clock)
    : replica_(replica),
      clock_(clock),
      source_(std::move(source)),
      shipper_({.folder = options.folder, .work_folder = options.data_dir + "/shipping"},
               replicator::ShippingKey::of(cluster), *source_) {
  thread_ = std::thread([this] { run(); });
}

ShippingThread::~ShippingThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

replicator::ShipStatus ShippingThread::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

// Only who has committed an entry of its own term knows that the folder's history is not ahead of
// its own.
bool ShippingThread::may_ship() {
  const std::uint64_t term = replica_.ticket().term;
  if (term == 0) return false;
  const Result<std::optional<Position>> at = source_->position_at(source_->committed());
  return at && at->has_value() && (*at)->term == term;
}

void ShippingThread::run() {
  bool shipping = false;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool may = may_ship();
    if (may) {
      (void)shipper_.ship(clock_.monotonic_ms());  // It has said what stands in the way.
    } else if (shipping) {
      shipper_.stand_down();
    }
    shipping = may;
    lock.lock();
    status_ = shipper_.status();
    wake_.wait_for(lock, std::chrono::milliseconds(kShipStepMs), [this] { return stopping_; });
  }
  lock.unlock();
  if (!may_ship()) return;
  if (Status flushed = shipper_.flush(clock_.monotonic_ms()); !flushed) {
    base::log_warn("the last segment could not be shipped; the next start does it",
                   {{"error", flushed.error().message}});
  }
}

}  // namespace mlguard::server
