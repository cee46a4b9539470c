// Whether all instances have the same state: those at the same revision must have the same digests,
// of the history and of the rows. Pure: observations go in, a verdict on each instance comes out.
// Not for sharing between threads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/cluster_messages.h"

namespace mlguard::cli {

class InstanceCheck {
 public:
  enum class Verdict {
    agrees,     // Seen at a revision at which another was seen, with the same digests.
    differs,    // With other digests.
    not_met,    // Not seen at the revision of another one yet.
    no_answer,  // The last question was not answered.
  };
  struct Instance {
    std::string address;
    Verdict verdict = Verdict::no_answer;
    wire::NodeStatus status{};  // the last one
    std::string problem{};      // of no_answer and of differs
  };

  // The one that is observed first each time, best the leader, is what the others are held against.
  explicit InstanceCheck(const std::vector<wire::MemberInfo>& members);

  // What that instance said just now; an instance is an index into instances().
  void observe(std::size_t instance, const base::Result<wire::NodeStatus>& status);

  // In the order of the members.
  const std::vector<Instance>& instances() const { return instances_; }
  bool all_agree() const;
  bool any_differs() const;
  std::uint64_t highest_revision() const;

 private:
  struct Sight {
    std::size_t instance = 0;
    std::string digest;
    std::string state_digest;
  };
  void compare(std::size_t instance, const Sight& seen, const Sight& other);

  std::vector<Instance> instances_;
  std::map<std::uint64_t, Sight> first_seen_;  // by revision
};

const char* to_string(InstanceCheck::Verdict verdict);

}  // namespace mlguard::cli
