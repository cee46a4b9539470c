// Structured logs: a sentence and named fields, written to standard error for people or as one
// JSON object a line. spdlog does the writing. Safe from any thread. Never log a secret.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::base {

enum class LogLevel { debug, info, warn, error };
enum class LogFormat { human, json };

// Error: invalid_argument for any other text than debug|info|warn|error, human|json.
Result<LogLevel> parse_log_level(std::string_view text);
Result<LogFormat> parse_log_format(std::string_view text);

// A field's value is text or a whole number (unquoted in JSON).
struct LogField {
  LogField(std::string_view key_in, std::string_view value) : key(key_in), text(value) {}
  LogField(std::string_view key_in, const char* value) : key(key_in), text(value) {}
  LogField(std::string_view key_in, const std::string& value) : key(key_in), text(value) {}
  template <class Integer>
  requires std::is_integral_v<Integer> LogField(std::string_view key_in, Integer value)
      : key(key_in), text(std::to_string(value)), is_number(true) {}

  std::string_view key;
  std::string text;
  bool is_number = false;
};

// Call once from main, before threads start. Default: info, human. The journal gets priorities.
void configure_logging(LogLevel level, LogFormat format);
bool log_enabled(LogLevel level);

// `event` is a short sentence without the values ("component registered"). Line breaks and control
// characters in values are escaped, so that input from the network cannot forge a line.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::debug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, event, fields);
}
inline void log_warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warn, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, event, fields);
}

}  // namespace mlguard::base
