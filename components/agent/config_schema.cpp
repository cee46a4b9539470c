#include "agent/config_schema.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json_check.h"

namespace mlguard::agent {

namespace {

using Json = nlohmann::json;

constexpr int kIpv4BitsMax = 32;
constexpr int kIpv6BitsMax = 128;
constexpr std::size_t kListTextCharsMax = 256;
constexpr double kAllowlistMax = 10'000;
constexpr double kSiteNameCharsMax = 100;

base::Error invalid_value(const std::string& path, const std::string& must) {
  return {base::ErrorCode::invalid_argument, "invalid_value", "'" + path + "' must be " + must};
}

std::string number_text(double number) {
  std::ostringstream out;
  out.precision(15);
  out << number;
  return out.str();
}

std::string range_text(const ConfigKey& key) {
  return "from " + number_text(key.min) + " to " + number_text(key.max);
}

bool in_range(double number, const ConfigKey& key) {
  return number >= key.min && number <= key.max;
}

bool is_cidr(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  int bits_max = 0;
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) bits_max = kIpv4BitsMax;
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) bits_max = kIpv6BitsMax;
  if (bits_max == 0) return false;
  if (slash == std::string::npos) return true;
  int bits = -1;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + slash + 1, end, bits);
  return parsed.ec == std::errc() && parsed.ptr == end && bits >= 0 && bits <= bits_max;
}

base::Status check_list(const ConfigKey& key, const Json& value) {
  const std::string what =
      key.type == ConfigType::cidr_list ? "addresses or networks like 10.0.0.0/8" : "texts";
  const std::string must = "a list of " + what + ", " + range_text(key) + " of them";
  if (!value.is_array() || !in_range(static_cast<double>(value.size()), key)) {
    return invalid_value(key.path, must);
  }
  for (const Json& entry : value) {
    if (!entry.is_string()) return invalid_value(key.path, must);
    const auto& text = entry.get_ref<const std::string&>();
    const bool good = key.type == ConfigType::cidr_list
                          ? is_cidr(text)
                          : !text.empty() && text.size() <= kListTextCharsMax;
    if (!good) {
      return invalid_value(key.path, must + "; '" + text.substr(0, kListTextCharsMax) + "' is not");
    }
  }
  return {};
}

base::Status check_text(const ConfigKey& key, const Json& value) {
  if (key.type == ConfigType::choice) {
    std::string list;
    for (const std::string& choice : key.choices) {
      if (value.is_string() && value.get_ref<const std::string&>() == choice) return {};
      list += (list.empty() ? "\"" : ", \"") + choice + "\"";
    }
    return invalid_value(key.path, "one of " + list);
  }
  if (!value.is_string() ||
      !in_range(static_cast<double>(value.get_ref<const std::string&>().size()), key)) {
    return invalid_value(key.path, "a text of " + number_text(key.min) + " to " +
                                       number_text(key.max) + " characters");
  }
  return {};
}

base::Status check_value(const ConfigKey& key, const Json& value) {
  switch (key.type) {
    case ConfigType::boolean:
      if (!value.is_boolean()) return invalid_value(key.path, "true or false");
      return {};
    case ConfigType::whole:
      if (!value.is_number_integer() || !in_range(value.get<double>(), key)) {
        return invalid_value(key.path, "a whole number " + range_text(key));
      }
      return {};
    case ConfigType::real:
      if (!value.is_number() || !in_range(value.get<double>(), key)) {
        return invalid_value(key.path, "a number " + range_text(key));
      }
      return {};
    case ConfigType::text:
    case ConfigType::choice: return check_text(key, value);
    case ConfigType::text_list:
    case ConfigType::cidr_list: return check_list(key, value);
  }
  return {};
}

base::Error unknown_key(const ConfigSchema& schema, const std::string& path) {
  std::string known;
  for (const ConfigKey& key : schema) known += (known.empty() ? "" : ", ") + key.path;
  return {base::ErrorCode::invalid_argument, "unknown_key",
          "there is no key '" + path + "'; the keys are: " + known};
}

// One object's keys; `prefix` is "" for the document, "flow." inside it.
base::Status check_object(const ConfigSchema& schema, const Json& object,
                          const std::string& prefix) {
  for (const auto& [name, value] : object.items()) {
    const std::string path = prefix + name;
    const auto exact = std::find_if(schema.begin(), schema.end(),
                                    [&](const ConfigKey& key) { return key.path == path; });
    if (exact != schema.end()) {
      const auto checked = check_value(*exact, value);
      if (!checked.ok()) return checked;
      continue;
    }
    const std::string inner = path + ".";
    const bool is_group = std::any_of(schema.begin(), schema.end(), [&](const ConfigKey& key) {
      return key.path.starts_with(inner);
    });
    if (!is_group) return unknown_key(schema, path);
    if (!value.is_object()) return invalid_value(path, "an object: {\"key\": value, …}");
    const auto checked = check_object(schema, value, inner);
    if (!checked.ok()) return checked;
  }
  return {};
}

}  // namespace

const ConfigSchema& global_schema() {
  static const ConfigSchema schema = {
      {"site.name", ConfigType::text, 0, kSiteNameCharsMax},
      {"heartbeat.interval_s", ConfigType::whole, 1, 15},
      {"pipeline.key_period_s", ConfigType::whole, 10, 366 * 24 * 3'600},
      {"pipeline.key_grace_s", ConfigType::whole, 1, 24 * 3'600},
      {"allowlist", ConfigType::cidr_list, 0, kAllowlistMax},
  };
  return schema;
}

base::Status check_config(const ConfigSchema& schema, std::string_view document) {
  const auto checked = base::check_json(document);
  if (!checked.ok()) return checked;
  const Json parsed = Json::parse(document, nullptr, false);
  if (!parsed.is_object()) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_value",
                       "a configuration is a JSON object: {\"key\": value, …}"};
  }
  return check_object(schema, parsed, "");
}

}  // namespace mlguard::agent
