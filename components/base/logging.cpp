#include "base/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/service_manager.h"

namespace mlguard::base {

namespace {

std::atomic<LogFormat> current_format = LogFormat::human;

// The flag %*: the priority of a line, as the journal reads it (sd-daemon(3)).
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& into) override {
    const std::string_view text = priority(message.level);
    into.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }

 private:
  static std::string_view priority(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return "<3>";
    if (level == spdlog::level::warn) return "<4>";
    return level == spdlog::level::info ? "<6>" : "<7>";
  }
};

std::string pattern_of(LogFormat format, bool journal) {
  if (format == LogFormat::json) {
    return std::string(journal ? "%*" : "") + R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l"%v})";
  }
  return journal ? "%*%-7l %v" : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
}

spdlog::logger& logger() {
  // Leaked on purpose: threads may still log while static objects are destroyed.
  static auto* instance = [] {
    auto* made = new std::shared_ptr<spdlog::logger>(std::make_shared<spdlog::logger>(
        "mlguard", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    (*made)->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-5l %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return **instance;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// JSON's own string escapes, invalid UTF-8 replaced.
std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 127 || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

std::string render(LogFormat format, std::string_view event,
                   std::initializer_list<LogField> fields) {
  const bool json = format == LogFormat::json;
  std::string line = json ? ",\"event\":" + json_text(event) : std::string(event);
  for (const LogField& field : fields) {
    line += json ? "," + json_text(field.key) + ":" : " " + std::string(field.key) + "=";
    const bool bare = field.is_number || (!json && !needs_quotes(field.text));
    line += bare ? field.text : json_text(field.text);
  }
  return line;
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warn") return LogLevel::warn;
  if (text == "error") return LogLevel::error;
  return Error{ErrorCode::invalid_argument,
               "'" + std::string(text) + "' is not a log level; use debug, info, warn or error"};
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "human") return LogFormat::human;
  if (text == "json") return LogFormat::json;
  return Error{ErrorCode::invalid_argument,
               "'" + std::string(text) + "' is not a log format; use human or json"};
}

void configure_logging(LogLevel level, LogFormat format) {
  current_format = format;
  logger().set_level(spdlog_level(level));
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JournalPriority>('*').set_pattern(pattern_of(format, stderr_is_journal()));
  logger().set_formatter(std::move(formatter));
  logger().flush_on(spdlog::level::debug);
}

bool log_enabled(LogLevel level) { return logger().should_log(spdlog_level(level)); }

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  logger().log(spdlog_level(level), "{}", render(current_format, event, fields));
}

}  // namespace mlguard::base
