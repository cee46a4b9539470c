// One simulated server: the real core, a storage, a disk that takes time and loses what was not
// synced, a clock that runs wrong, and a process that can be killed or stopped. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "random.h"
#include "replicator/core.h"
#include "storage.h"
#include "world.h"

namespace mlguard::sim {

class Node;
class Oracle;

struct DiskWeather {
  std::int64_t sync_us_min = 300;
  std::int64_t sync_us_max = 3'000;
  bool full = false;
  // The process dies right after it has voted, and is back at once.
  unsigned crash_after_vote_permille = 0;
};

// What a node needs from around it; outlives the node.
struct Surroundings {
  Events& events;
  Network& network;
  Random& random;
  Oracle& oracle;
  const Trace& trace;
  const replicator::Rules& rules;
  const replicator::Settings& settings;
  std::map<std::string, std::unique_ptr<Node>>& nodes;
  bool forgets_votes = false;  // A mutation of the storage: see mutations.h.
};

using AnswerCallback = std::function<void(const replicator::Answer&, const std::string& read)>;

class Node final : private replicator::Jitter {
 public:
  Node(std::string id, std::unique_ptr<Storage> storage, Surroundings around);

  const std::string& id() const { return id_; }
  bool up() const { return core_ != nullptr; }
  bool paused() const { return paused_; }
  const replicator::Core& core() const { return *core_; }
  const Storage& storage() const { return *storage_; }
  Storage& storage() { return *storage_; }
  std::uint64_t incarnation() const { return incarnation_; }

  void start();
  void crash();
  void pause() { paused_ = true; }
  void resume();
  void set_clock_rate_ppm(std::int64_t rate_ppm);
  void jump_wall_ms(std::int64_t by_ms) { wall_offset_ms_ += by_ms; }
  void trim_some();
  DiskWeather disk;

  void receive(const replicator::Message& message);
  void peer_lost(const std::string& peer);
  // Answered at most once; a crash answers nobody.
  void write(const Command& command, replicator::Ack ack, AnswerCallback callback);
  void read(const std::string& key, AnswerCallback callback);
  void change_members(replicator::MemberChange change, const std::string& member);
  void transfer(const std::string& target);

 private:
  struct Waiting {
    AnswerCallback callback;
    std::string read;
  };
  std::int64_t up_to_ms(std::int64_t bound_ms) override;
  std::int64_t local_us() const;
  std::int64_t local_ms() const { return local_us() / kUsPerMs; }
  std::int64_t wall_ms() const;
  // Runs `input` now, or when the process goes on.
  void take(std::function<void()> input);
  void after_input();
  void schedule_tick();
  void queue_disk(StorageCommand command);
  void run_disk();
  void disk_done();
  StorageDone perform(const StorageCommand& command);
  void tear_last_write();
  void crash_and_come_back();
  void fetch_snapshot(const StorageCommand& command);
  void send_snapshot(Term term, Revision revision_min,
                     const std::function<void(std::shared_ptr<const Snapshot>)>& arrive,
                     const std::string& to);
  void finish_fetch(std::uint64_t command_id, std::shared_ptr<const Snapshot> snapshot);

  const std::string id_;
  std::unique_ptr<Storage> storage_;
  Surroundings around_;
  std::unique_ptr<replicator::Core> core_;
  std::uint64_t incarnation_ = 0;
  bool paused_ = false;
  std::vector<std::function<void()>> backlog_;

  std::int64_t rate_ppm_ = 1'000'000;
  std::int64_t anchor_us_ = 0;
  std::int64_t anchor_local_us_ = 0;
  std::int64_t wall_offset_ms_ = 0;
  std::uint64_t tick_generation_ = 0;
  std::int64_t tick_at_us_ = 0;

  std::deque<StorageCommand> disk_queue_;
  bool disk_busy_ = false;
  std::uint64_t snapshot_awaited_ = 0;  // The latest command that waits for one; 0: none.
  std::pair<std::uint64_t, std::shared_ptr<const Snapshot>> snapshot_;  // Fetched last, by command.
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace mlguard::sim
