// Turns what SQLite throws into Errors that say what to do. Exceptions stop in db/: every public
// function catches and answers with this. Stateless; safe from any thread.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::db {

// REQUIRES: called inside a catch block. `path` names the database file in the message, `doing`
// says what failed ("writing"). Disk full: resource_exhausted / "disk_full"; damaged or no
// database: corrupt / "database_corrupt"; read-only: io / "read_only"; locked by a foreign
// program: unavailable / "database_locked"; the rest: io / "io" or internal.
base::Error current_exception_error(std::string_view doing, const std::string& path);

// Runs a reading function that gives a Result, and turns what it throws into an Error.
template <class Function>
auto guarded(std::string_view doing, const std::string& path, Function&& function)
    -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception&) {
    return current_exception_error(doing, path);
  }
}

// The advice that every report of a damaged file ends with.
base::Error damaged_file_error(const std::string& path, std::string_view what);

}  // namespace mlguard::db
