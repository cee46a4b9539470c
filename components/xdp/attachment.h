// Attaching the programs to one interface: the XDP link, which is pinned, and the TC filter at
// egress, which has a fixed handle and priority, so that the next process replaces it. Functions,
// without state. Errors are those of data_plane.h.
#pragma once

#include <string>

#include "base/result.h"
#include "xdp/data_plane.h"

namespace mlguard::xdp {

// What to do with the program that an earlier process left attached.
enum class Earlier { replace, keep };

// Where there is no link, or it does not mean this interface any more: native, or generic where
// the driver cannot.
base::Result<AttachMode> attach_xdp(const std::string& pin_folder, const std::string& interface,
                                    int program, Earlier earlier);
base::Status attach_egress(const std::string& interface, int program);
// Nothing to take off is no error.
base::Status detach_egress(const std::string& interface);

base::Result<int> interface_index(const std::string& interface);

}  // namespace mlguard::xdp
