// StateSource: what rag reads of the control plane, behind an interface: over the API
// (api_state.h), or from a folder of recorded answers (recorded_state.h). Passive data beside it.
//
// A source may be read at different revisions by different calls; each is at least as new as what
// changes() said before it. Threads: one at a time. Errors: the source's own, as base::Error;
// changes() says not_found / "compacted" when it does not know the revision it is asked to go on
// from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/model.h"
#include "base/result.h"

namespace mlguard::rag {

inline constexpr std::size_t kStatePageRows = 1'000;  // As the server's.

struct StateHead {
  std::string cluster_id;
  std::uint64_t oldest_revision = 0;  // Of the change log; what is before it is compacted.
};

struct StoredDetection {
  base::Detection detection;
  std::uint64_t revision = 0;
};

// A component and what its last heartbeat said.
struct ComponentState {
  base::Component component;
  std::string says;     // "ok", "degraded"; empty before the first beat.
  std::string problem;  // With "degraded".
  std::int64_t last_heartbeat_ms = 0;
  std::uint64_t config_version = 0;  // active for it; 0: none
  std::string detail;                // JSON object of counters
  std::vector<base::Applied> applied;
};

class StateSource {
 public:
  virtual ~StateSource() = default;

  virtual base::Result<StateHead> head() = 0;
  // Ascending, after that revision, at most kStatePageRows; fewer than that: all there are.
  virtual base::Result<std::vector<base::Change>> changes(std::uint64_t after) = 0;
  // The active ones, without documents.
  virtual base::Result<std::vector<base::ConfigVersion>> configs() = 0;
  // Newest first, without documents; `below`: a version, 0 from the newest. Pages as changes().
  virtual base::Result<std::vector<base::ConfigVersion>> config_history(
      const std::string& component, std::uint64_t below) = 0;
  virtual base::Result<std::string> config_document(const std::string& component,
                                                    std::uint64_t version) = 0;
  // Whole: all pages joined. after 0: everything live.
  virtual base::Result<base::RuleSet> rules_since(std::uint64_t after) = 0;
  // Ascending, after that revision. A full page may end inside a revision.
  virtual base::Result<std::vector<StoredDetection>> detections(std::uint64_t after) = 0;
  // Newest first, below that id (0: from the newest). Pages as changes().
  virtual base::Result<std::vector<base::AuditRecord>> audit(std::uint64_t below) = 0;
  virtual base::Result<std::vector<ComponentState>> components() = 0;
};

}  // namespace mlguard::rag
