// `etcd-server restore`: makes the data folder of a new instance out of shipped files. A mode of
// the server's binary, because it is the one that knows the database; `ml-guard restore` runs it.
// Stateless.
#pragma once

#include <iosfwd>
#include <optional>

namespace mlguard::server {

// The exit code when the command line begins with "restore": 0 done, 1 refused (said in one line),
// 2 usage. nullopt: it is about something else.
std::optional<int> restore_command(int argc, const char* const* argv, std::ostream& out,
                                   std::ostream& err);

}  // namespace mlguard::server
