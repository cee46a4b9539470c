// What change_log.result holds: enough to give a repeated request its first answer.
// Format: "" or "version N" or "ids A B C" (docs/store.md). Stateless; any thread.
#pragma once

#include <string>
#include <string_view>

#include "db/engine.h"

namespace mlguard::db {

std::string encode_result(std::uint64_t version, const std::vector<std::string>& ids);
// Fills version and ids. An unknown text leaves them empty.
void decode_result(std::string_view text, WriteResult& result);

}  // namespace mlguard::db
