// What goes wrong in a run, and when: drawn from the seed. Each run switches its own selection of
// faults on, so that some runs are all partitions and others all disks. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "node.h"
#include "world.h"

namespace mlguard::sim {

class Faults {
 public:
  enum class Kind { storm, members, rivals };
  Faults(Surroundings around, Kind kind);

  // From now on, every now and then, something breaks or is mended.
  void start();
  // No more; everything mended, every node up.
  void stop_and_mend();

 private:
  void select(Kind kind);
  void schedule();
  void strike();
  void split_in_two();
  void isolate_one();
  void cut_one_way();
  void crash_one();
  void crash_all();
  void pause_one();
  void jump_clock();
  void change_clock_rate();
  void change_disk();
  void change_weather();
  void change_members();
  void transfer();
  void start_later(Node& node);
  Node& some_node();
  Node* leader();
  void line(const std::string& text) const;

  Surroundings around_;
  std::vector<std::function<void()>> selected_;
  std::int64_t between_us_min_ = 0;
  std::int64_t between_us_max_ = 0;
  std::int64_t down_us_max_ = 0;
  std::int64_t slow_sync_us_max_ = 0;
  unsigned mend_percent_ = 0;
  unsigned crash_after_vote_permille_ = 0;
  bool tells_lost_peers_ = false;
  bool stopped_ = false;
};

}  // namespace mlguard::sim
