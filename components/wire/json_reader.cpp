#include "wire/json_reader.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/json_check.h"
#include "base/time_format.h"

namespace mlguard::wire {

namespace {

// Not ordered_json: that looks for every name from the start, and a text of many names would take
// time with the square of their number.
using Json = nlohmann::json;

const Json& json_at(const void* node) { return *static_cast<const Json*>(node); }

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// ASCII and C1 controls: they could forge lines and steer the terminal of whoever lists the text.
bool has_control_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

// Why a text may not stand there, or nothing.
std::optional<std::string> problem_of_text(const Json& value, TextBounds bounds) {
  if (!value.is_string()) return "must be a text in double quotes";
  const auto& text = value.get_ref<const std::string&>();
  const std::size_t count = count_characters(text);
  if (count < bounds.chars_min) {
    return bounds.chars_min == 1
               ? "must not be empty"
               : "must have at least " + std::to_string(bounds.chars_min) + " characters";
  }
  if (count > bounds.chars_max) {
    return "must have at most " + std::to_string(bounds.chars_max) + " characters";
  }
  if (has_control_characters(text)) return "must not hold control characters or line breaks";
  return std::nullopt;
}

// Nothing when the text holds too many values. Building stops, and so does its memory, right there.
// REQUIRES: check_json accepts the text.
std::optional<Json> parse_bounded(std::string_view text, std::size_t values_max) {
  // A value takes a character at least, so that short texts need no counting.
  if (text.size() <= values_max) return Json::parse(text, nullptr, false);
  std::size_t values = 0;
  const auto count = [&values, values_max](int, Json::parse_event_t event, Json&) {
    using Event = Json::parse_event_t;
    if (event == Event::value || event == Event::object_start || event == Event::array_start) {
      ++values;
    }
    return values <= values_max;
  };
  Json json = Json::parse(text, count, false);
  if (values > values_max) return std::nullopt;
  return json;
}

}  // namespace

// ---- JsonDocument --------------------------------------------------------------------------

struct JsonDocument::State {
  Json json;
  std::optional<base::Error> error;
};

JsonDocument::JsonDocument(std::string_view json, std::size_t bytes_max, std::size_t values_max)
    : state_(std::make_unique<State>()) {
  if (json.size() > bytes_max) {
    state_->error =
        base::Error{base::ErrorCode::too_large,
                    "the JSON text is " + std::to_string(json.size()) + " bytes long; at most " +
                        std::to_string(bytes_max) + " are taken here, send less"};
    return;
  }
  const base::Status checked = base::check_json(json);
  if (!checked.ok()) {
    state_->error = checked.error();
    return;
  }
  std::optional<Json> parsed = parse_bounded(json, values_max);
  if (!parsed) {
    state_->error = base::Error{base::ErrorCode::too_large,
                                "the JSON text holds more than " + std::to_string(values_max) +
                                    " values; send it in several parts"};
  } else if (!parsed->is_object()) {
    state_->error = base::Error{base::ErrorCode::invalid_argument, "invalid_json",
                                "the JSON text must be an object: { … }"};
  } else {
    state_->json = std::move(*parsed);
  }
}

JsonDocument::~JsonDocument() = default;

ObjectReader JsonDocument::root() {
  return {*state_, state_->error ? nullptr : static_cast<const void*>(&state_->json), ""};
}

base::Status JsonDocument::status() const {
  if (state_->error) return *state_->error;
  return {};
}

// ---- ObjectReader --------------------------------------------------------------------------

std::string ObjectReader::path_of(const char* name) const {
  return path_.empty() ? std::string(name) : path_ + "." + name;
}

void ObjectReader::fail_at(const std::string& path, const std::string& why) {
  if (state_.error) return;
  state_.error =
      base::Error{base::ErrorCode::invalid_argument, "invalid_field", "'" + path + "' " + why};
}

void ObjectReader::fail(const char* name, const std::string& why) { fail_at(path_of(name), why); }

bool ObjectReader::has(const char* name) const {
  if (node_ == nullptr) return false;
  const Json& object = json_at(node_);
  const auto found = object.find(name);
  return found != object.end() && !found->is_null();
}

const void* ObjectReader::find(const char* name, Presence presence) {
  if (node_ == nullptr || state_.error) return nullptr;
  const Json& object = json_at(node_);
  const auto found = object.find(name);
  if (found != object.end() && !found->is_null()) return &*found;
  if (presence == Presence::required) fail(name, "is missing");
  return nullptr;
}

void ObjectReader::text(const char* name, std::string& out, TextBounds bounds, Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  if (const auto problem = problem_of_text(json_at(node), bounds)) return fail(name, *problem);
  out = json_at(node).get_ref<const std::string&>();
}

void ObjectReader::lines(const char* name, std::string& out, std::size_t bytes_max,
                         Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  const Json& value = json_at(node);
  if (!value.is_string()) return fail(name, "must be a text in double quotes");
  const auto& text_read = value.get_ref<const std::string&>();
  if (text_read.size() > bytes_max) {
    return fail(name, "must have at most " + std::to_string(bytes_max) + " bytes");
  }
  std::string bare;
  std::copy_if(text_read.begin(), text_read.end(), std::back_inserter(bare),
               [](char c) { return c != '\n' && c != '\t'; });
  if (has_control_characters(bare)) {
    return fail(name, "must not hold control characters besides line breaks and tabs");
  }
  out = text_read;
}

void ObjectReader::component_name(const char* name, std::string& out, Presence presence) {
  std::string text_read;
  text(name, text_read, {1, kTextCharsMax}, presence);
  if (state_.error || text_read.empty()) return;
  const base::Status checked = base::check_component_name(text_read);
  if (!checked.ok()) {
    // Its own reason: a wrong name is a distinct error to users.
    state_.error = checked.error();
    return;
  }
  out = std::move(text_read);
}

void ObjectReader::whole(const char* name, std::int64_t& out, std::int64_t min, std::int64_t max,
                         Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  const Json& value = json_at(node);
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(kWholeMax)
                        : value.is_number_integer();
  if (!fits || value.get<std::int64_t>() < min || value.get<std::int64_t>() > max) {
    const std::string upto = max == kWholeMax ? " or more" : " to " + std::to_string(max);
    return fail(name, "must be a whole number, " + std::to_string(min) + upto);
  }
  out = value.get<std::int64_t>();
}

void ObjectReader::whole(const char* name, std::uint64_t& out, Presence presence) {
  auto number_read = static_cast<std::int64_t>(out);
  whole(name, number_read, 0, kWholeMax, presence);
  out = static_cast<std::uint64_t>(number_read);
}

void ObjectReader::number(const char* name, double& out, double min, double max,
                          Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  const Json& value = json_at(node);
  if (!value.is_number() || value.get<double>() < min || value.get<double>() > max) {
    return fail(name, "must be a number from " + Json(min).dump() + " to " + Json(max).dump());
  }
  out = value.get<double>();
}

void ObjectReader::boolean(const char* name, bool& out, Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  if (!json_at(node).is_boolean()) return fail(name, "must be true or false");
  out = json_at(node).get<bool>();
}

void ObjectReader::time(const char* name, std::int64_t& out_ms, Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  const Json& value = json_at(node);
  const base::Result<std::int64_t> parsed =
      value.is_string() ? base::parse_iso_time_ms(value.get_ref<const std::string&>())
                        : base::Error{base::ErrorCode::invalid_argument, "no text"};
  if (!parsed.ok()) return fail(name, "must be a time in UTC, as 2026-11-23T23:05:28.123Z");
  out_ms = *parsed;
}

void ObjectReader::json_object(const char* name, std::string& out, std::size_t bytes_max,
                               Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  if (!json_at(node).is_object()) return fail(name, "must be an object: { … }");
  std::string dumped = json_at(node).dump();
  if (dumped.size() > bytes_max) {
    return fail(name, "must be at most " + std::to_string(bytes_max) + " bytes long");
  }
  out = std::move(dumped);
}

void ObjectReader::texts(const char* name, std::vector<std::string>& out, TextBounds bounds,
                         std::size_t count_max, Presence presence) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  const Json& list = json_at(node);
  if (!list.is_array() || list.size() > count_max) {
    return fail(name, "must be a list of at most " + std::to_string(count_max) + " texts");
  }
  std::vector<std::string> read;
  read.reserve(list.size());
  for (const Json& item : list) {
    if (const auto problem = problem_of_text(item, bounds)) {
      return fail_at(path_of(name) + "[" + std::to_string(read.size()) + "]", *problem);
    }
    read.push_back(item.get_ref<const std::string&>());
  }
  out = std::move(read);
}

void ObjectReader::object(const char* name, Presence presence,
                          const std::function<void(ObjectReader&)>& read) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  if (!json_at(node).is_object()) return fail(name, "must be an object: { … }");
  ObjectReader nested(state_, node, path_of(name));
  read(nested);
}

void ObjectReader::objects(const char* name, std::size_t count_max, Presence presence,
                           const std::function<void(ObjectReader&)>& read) {
  const void* node = find(name, presence);
  if (node == nullptr) return;
  const Json& list = json_at(node);
  if (!list.is_array() || list.size() > count_max) {
    return fail(name, "must be a list of at most " + std::to_string(count_max) + " objects");
  }
  std::size_t index = 0;
  for (const Json& item : list) {
    const std::string path = path_of(name) + "[" + std::to_string(index++) + "]";
    if (!item.is_object()) return fail_at(path, "must be an object: { … }");
    ObjectReader nested(state_, &item, path);
    read(nested);
    if (state_.error) return;
  }
}

}  // namespace mlguard::wire
