// ComponentOwners: which key each registered component's name belongs to, in memory, so that a
// heartbeat's sender is checked without a read of the database.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/model.h"

namespace mlguard::server {

class ComponentOwners {
 public:
  void load(const std::vector<base::Component>& components);
  void set(const std::string& component, const std::string& key);
  void erase(const std::string& component);
  // True when nobody, or that very key, registered the name.
  bool free_or_held_by(std::string_view component, std::string_view key) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> keys_;  // Guarded.
};

}  // namespace mlguard::server
