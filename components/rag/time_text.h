// Times as answers tell them: in the asker's zone, to the minute, and with their age, because at
// night "3 h ago" is read before a date is. Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

namespace mlguard::rag {

// "UTC", "UTC+1", "UTC-3:30".
std::string zone_text(int utc_offset_min);
// "2026-11-25 14:03:20 UTC+1", "2026-11-25 14:03 UTC+1" at the full minute; empty for 0.
std::string local_time(std::int64_t wall_ms, int utc_offset_min);
// "3 h ago", "in 40 min", "just now".
std::string age_text(std::int64_t wall_ms, std::int64_t now_ms);
// "2026-11-25 14:03 UTC+1 (3 h ago)".
std::string time_with_age(std::int64_t wall_ms, std::int64_t now_ms, int utc_offset_min);

}  // namespace mlguard::rag
