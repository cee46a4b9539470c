// Pins: what is kept in the BPF file system so that it outlives processes.
//
//     PIN_FOLDER/block_addresses, block_prefixes, block_state     the blocklist's maps
//     PIN_FOLDER/interfaces/NAME/link                             the XDP program's attachment
//     PIN_FOLDER/interfaces/NAME/sniffer, firewall                folders: who wants it attached
//
// The kernel takes no dots in names there: those of interfaces are written %2e. Functions, without
// state; two processes that change the same interface at once are not expected to (each component
// has one instance on a machine).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "xdp/data_plane.h"

namespace mlguard::xdp {

// Mounts /sys/fs/bpf where that is not the BPF file system yet, and makes the folder.
base::Status prepare_pin_folder(const std::string& pin_folder);

std::string link_path(const std::string& pin_folder, const std::string& interface);

base::Status add_holder(const std::string& pin_folder, const std::string& interface, Holder holder);
void remove_holder(const std::string& pin_folder, const std::string& interface, Holder holder);
bool has_holder(const std::string& pin_folder, const std::string& interface, Holder holder);

// The interface's link and folder: nobody wants it any more.
void remove_interface(const std::string& pin_folder, const std::string& interface);

}  // namespace mlguard::xdp
