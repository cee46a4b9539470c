#include "firewall/remembered.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace mlguard::firewall {
namespace {

using nlohmann::json;

constexpr std::size_t kBytesMax = 16 << 20;
constexpr mode_t kMode = 0600;

base::Error senseless(const std::string& path) {
  return {base::ErrorCode::corrupt, "invalid_state",
          path + " makes no sense: going on without what it remembered"};
}

bool is_texts(const json& value) {
  if (!value.is_array()) return false;
  return std::all_of(value.begin(), value.end(), [](const json& one) { return one.is_string(); });
}

}  // namespace

base::Result<Remembered> load_remembered(const std::string& path) {
  const auto text = base::read_file(path, kBytesMax);
  if (!text.ok()) return text.error();
  const json document = json::parse(*text, nullptr, false);
  const json none = json::array();
  if (!document.is_object()) return senseless(path);
  const json config = document.value("config", json(""));
  const json allowlist = document.value("global_allowlist", none);
  const json control_plane = document.value("control_plane", none);
  if (!config.is_string() || !is_texts(allowlist) || !control_plane.is_array()) {
    return senseless(path);
  }
  Remembered remembered;
  remembered.config = config.get<std::string>();
  remembered.global_allowlist = allowlist.get<std::vector<std::string>>();
  for (const json& one : control_plane) {
    if (!one.is_array() || one.size() != 2 || !is_texts(one)) return senseless(path);
    const auto network = parse_network(one[0].get<std::string>());
    if (!network.ok()) return senseless(path);
    remembered.control_plane.push_back({*network, one[1].get<std::string>()});
  }
  return remembered;
}

base::Status save_remembered(const std::string& path, const Remembered& remembered) {
  json control_plane = json::array();
  for (const ProtectedNetwork& one : remembered.control_plane) {
    control_plane.push_back({to_text(one.network), one.why});
  }
  const json document = {{"config", remembered.config},
                         {"global_allowlist", remembered.global_allowlist},
                         {"control_plane", control_plane}};
  const base::Status made = base::make_folders(base::folder_of(path), 0700);
  if (!made.ok()) return made;
  return base::write_file_atomic(path, document.dump(2, ' ', false, json::error_handler_t::replace),
                                 kMode);
}

}  // namespace mlguard::firewall
