// InterfaceSource: the packets of this machine's interfaces, as the kernel programs count them
// (xdp/data_plane.h). An interface that stays is not touched when the configuration changes; one
// that is missing is named by health() and tried again every two seconds.
//
// Rounds have the time of CLOCK_MONOTONIC. Event time is the wall clock's at the start and goes on
// with the kernel's monotonic clock: seconds begin when a capture's do, and a clock that is set
// neither ends flows nor keeps them. Records tell wall-clock time.
//
// Threads: packet_source.h's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sniffer/packet_source.h"

namespace mlguard::sniffer {

using LoadDataPlane =
    std::function<base::Result<std::unique_ptr<xdp::DataPlane>>(std::uint32_t flows_max)>;

// `interfaces`: instead of the configuration's, when there are any. Loads nothing and attaches
// nothing yet. The clock must outlive it.
std::unique_ptr<PacketSource> make_interface_source(std::vector<std::string> interfaces,
                                                    LoadDataPlane load, const base::Clock& clock);

}  // namespace mlguard::sniffer
