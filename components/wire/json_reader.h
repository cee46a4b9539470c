// Reads the fields of JSON objects strictly: every type checked, every size bounded, and the first
// thing that is wrong reported by its name ("rules[3].score must be a number from 0 to 1").
// Internal to wire/. A document and its readers belong to one thread.
//
//   JsonDocument document(json, kSmallJsonBytesMax);
//   ObjectReader root = document.root();
//   root.text("name", name, {1, 64}, Presence::required);
//   if (!document.status().ok()) return document.status().error();
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::wire {

inline constexpr std::size_t kSmallJsonBytesMax = 64 * 1024;
// Each value costs up to 80 bytes once parsed, however short its text: "[{},{},…" is a small bomb.
inline constexpr std::size_t kJsonValuesMax = 200'000;
// For what a server that we trust sends: a full set of rules.
inline constexpr std::size_t kLargeJsonValuesMax = 4'000'000;
inline constexpr std::size_t kNameCharsMax = 64;  // ids, names, words
inline constexpr std::size_t kTextCharsMax = 255;
inline constexpr std::size_t kDigestCharsMax = 128;
// The largest whole number that JSON, SQLite and C++ all hold without loss as a signed 64 bits.
inline constexpr std::int64_t kWholeMax = 0x7fff'ffff'ffff'ffff;

enum class Presence { required, optional };

// In characters (Unicode code points).
struct TextBounds {
  std::size_t chars_min = 0;
  std::size_t chars_max = kTextCharsMax;
};

class ObjectReader;

class JsonDocument {
 public:
  // Parses the text, which must be an object; status() tells whether it is.
  JsonDocument(std::string_view json, std::size_t bytes_max,
               std::size_t values_max = kJsonValuesMax);
  ~JsonDocument();
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  // Lives no longer than the document. Of a text that is no object: one that reads nothing.
  ObjectReader root();
  // The first error so far: too_large; invalid_argument / "invalid_json" or "invalid_field".
  base::Status status() const;

 private:
  friend class ObjectReader;
  struct State;
  std::unique_ptr<State> state_;
};

// A field that is absent or null leaves the output as it is (an error when it is required).
class ObjectReader {
 public:
  bool has(const char* name) const;

  // Text without control characters.
  void text(const char* name, std::string& out, TextBounds bounds, Presence presence);
  // Text of several lines: line breaks and tabs are no harm there.
  void lines(const char* name, std::string& out, std::size_t bytes_max, Presence presence);
  void component_name(const char* name, std::string& out, Presence presence);
  void whole(const char* name, std::int64_t& out, std::int64_t min, std::int64_t max,
             Presence presence);
  void whole(const char* name, std::uint64_t& out, Presence presence);
  void number(const char* name, double& out, double min, double max, Presence presence);
  void boolean(const char* name, bool& out, Presence presence);
  // An ISO 8601 time in UTC, as milliseconds.
  void time(const char* name, std::int64_t& out_ms, Presence presence);
  // A nested object, as compact JSON text.
  void json_object(const char* name, std::string& out, std::size_t bytes_max, Presence presence);
  void texts(const char* name, std::vector<std::string>& out, TextBounds bounds,
             std::size_t count_max, Presence presence);

  void object(const char* name, Presence presence, const std::function<void(ObjectReader&)>& read);
  void objects(const char* name, std::size_t count_max, Presence presence,
               const std::function<void(ObjectReader&)>& read);

  // Records that a field is wrong for a reason that only the caller knows: `why` goes on after the
  // field's name ("must be …").
  void fail(const char* name, const std::string& why);

 private:
  friend class JsonDocument;
  ObjectReader(JsonDocument::State& state, const void* node, std::string path)
      : state_(state), node_(node), path_(std::move(path)) {}
  const void* find(const char* name, Presence presence);
  std::string path_of(const char* name) const;
  void fail_at(const std::string& path, const std::string& why);

  JsonDocument::State& state_;
  const void* node_;  // The library's value, which stays out of this header; nullptr: none.
  std::string path_;
};

}  // namespace mlguard::wire
