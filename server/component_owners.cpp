#include "server/component_owners.h"

#include <mutex>

namespace mlguard::server {

void ComponentOwners::load(const std::vector<base::Component>& components) {
  const std::unique_lock lock(mutex_);
  keys_.clear();
  for (const base::Component& component : components) {
    keys_[component.name] = component.public_key;
  }
}

void ComponentOwners::set(const std::string& component, const std::string& key) {
  const std::unique_lock lock(mutex_);
  keys_[component] = key;
}

void ComponentOwners::erase(const std::string& component) {
  const std::unique_lock lock(mutex_);
  keys_.erase(component);
}

bool ComponentOwners::free_or_held_by(std::string_view component, std::string_view key) const {
  const std::shared_lock lock(mutex_);
  const auto found = keys_.find(component);
  return found == keys_.end() || found->second == key;
}

}  // namespace mlguard::server
