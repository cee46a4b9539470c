// What the kernel says about a process (/proc/PID). Stateless; safe from any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace mlguard::support {

// Resident memory now, and the highest it ever was. 0 when the process is gone.
std::size_t resident_bytes(pid_t pid);
std::size_t resident_bytes_peak(pid_t pid);
// User and system time used so far, all threads together.
std::int64_t cpu_ms(pid_t pid);
std::size_t open_files(pid_t pid);

// Raises the soft limit on open files to the hard one and returns it.
std::size_t raise_open_files_limit();

// How many times longer than its own CPU time work takes on this machine just now: 1 on one that
// has nothing else to do. Takes as much CPU time as is needed to tell.
double time_stretch();

}  // namespace mlguard::support
