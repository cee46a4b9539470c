// TestNetwork: several hosts on one machine, for tests of what crosses a network and of partitions:
// the calling thread (and the processes it starts) moves into a network namespace of its own, in
// which a bridge joins one further namespace for each host. All goes with the object, but for the
// calling thread's namespace, which goes with the process. Needs root.
//
// Not for sharing between threads; make it before the process has others.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mlguard::support {

class TestNetwork {
 public:
  explicit TestNetwork(std::size_t hosts);
  ~TestNetwork();
  TestNetwork(const TestNetwork&) = delete;
  TestNetwork& operator=(const TestNetwork&) = delete;

  // Empty when the network stands, else why not.
  const std::string& problem() const { return problem_; }
  // The host's IPv4 address.
  std::string address(std::size_t host) const;
  // What a command begins with to run on that host.
  std::vector<std::string> enter(std::size_t host) const;

  // Nothing passes between the two hosts any more, either way, and nobody is told.
  void part(std::size_t a, std::size_t b);
  // Nothing from `a` reaches `b`; the other way still works.
  void part_one_way(std::size_t a, std::size_t b);
  // Everything passes again.
  void heal();

 private:
  struct Cut {
    std::size_t host;
    std::string address;
  };
  void run(const std::vector<std::string>& command);
  std::string name(std::size_t host) const;

  std::size_t made_ = 0;
  std::string problem_;
  std::vector<Cut> cuts_;
};

}  // namespace mlguard::support
