// ConfigSchema: which keys a component's configuration has, of which type and in which range. A
// document with an unknown key is refused by that key's name, so that a typing mistake never
// silently means "the default". Passive data and one function; safe from any thread.
// docs/configuration.md lists every key for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::agent {

enum class ConfigType {
  boolean,
  whole,      // a whole number in [min, max]
  real,       // a number in [min, max]
  text,       // at most max characters, at least min
  choice,     // one of `choices`
  text_list,  // at most max texts, at least min, none of them empty
  cidr_list,  // at most max addresses or networks, at least min
};

struct ConfigKey {
  std::string path;  // "flow.idle_timeout_s": object and key, or a key of the document itself
  ConfigType type = ConfigType::text;
  double min = 0;
  double max = 0;
  std::vector<std::string> choices = {};
};

using ConfigSchema = std::vector<ConfigKey>;

// What every component reads of the pseudo-component "global".
const ConfigSchema& global_schema();

// Every key of the document must be known, of its type and in its range; keys may be absent.
// Error: invalid_argument / "invalid_json", "unknown_key", "invalid_value", naming the key.
base::Status check_config(const ConfigSchema& schema, std::string_view document);

}  // namespace mlguard::agent
