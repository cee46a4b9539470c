// Pins: what is kept in the BPF file system so that it outlives processes.
//
//     PIN_FOLDER/blocked_*, block_prefixes                        the blocklist's maps
//     PIN_FOLDER/interfaces/NAME/link                             the XDP program's attachment
//     PIN_FOLDER/interfaces/NAME/sniffer, firewall                folders: who wants it attached
//
// The kernel takes no dots in names there: those of interfaces are written %2e. Functions, without
// state.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "xdp/data_plane.h"

namespace mlguard::xdp {

// Mounts /sys/fs/bpf where that is not the BPF file system yet, and makes the folder.
base::Status prepare_pin_folder(const std::string& pin_folder);

std::string link_path(const std::string& pin_folder, const std::string& interface);

// Marks the interface as wanted by this holder. The descriptor keeps other processes from being
// the same holder of it until it is closed, at the latest when this process ends. Error: conflict /
// "held".
base::Result<base::UniqueFd> add_holder(const std::string& pin_folder, const std::string& interface,
                                        Holder holder);
void remove_holder(const std::string& pin_folder, const std::string& interface, Holder holder);
bool has_holder(const std::string& pin_folder, const std::string& interface, Holder holder);

// The interface's link and folder: nobody wants it any more.
void remove_interface(const std::string& pin_folder, const std::string& interface);

}  // namespace mlguard::xdp
