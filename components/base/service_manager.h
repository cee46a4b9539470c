// What systemd asks of the services it runs, as far as it helps them; outside systemd nothing is
// done. The protocols are sd_notify(3) and the journal's own (JOURNAL_STREAM, sd-daemon(3)).
// Safe from any thread, as long as none changes the environment.
#pragma once

#include "base/result.h"

namespace mlguard::base {

// Someone waits to hear that this process is ready (NOTIFY_SOCKET).
bool readiness_is_awaited();

// Says so; to nobody when none waits. Errors: io, the socket that is named cannot be reached;
// invalid_argument, its name is too long for one.
Status tell_ready();

// What is written to standard error arrives in the journal: it has a time of its own, and takes a
// line's priority from "<N>" before it.
bool stderr_is_journal();

}  // namespace mlguard::base
