#include "xdp/pins.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/logging.h"
#include "xdp/kernel_error.h"

namespace mlguard::xdp {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBpfMount = "/sys/fs/bpf";

bool is_bpf_file_system(const std::string& path) {
  struct statfs found = {};
  return statfs(path.c_str(), &found) == 0 && found.f_type == BPF_FS_MAGIC;
}

// Only names of interfaces come here: no slashes.
std::string encoded(const std::string& interface) {
  std::string name;
  for (const char c : interface) {
    if (c == '.' || c == '%') {
      name += c == '.' ? "%2e" : "%25";
    } else {
      name += c;
    }
  }
  return name;
}

std::string decoded(const std::string& name) {
  std::string interface;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '%' && i + 2 < name.size()) {
      interface += name.compare(i, 3, "%2e") == 0 ? '.' : '%';
      i += 2;
    } else {
      interface += name[i];
    }
  }
  return interface;
}

std::string interfaces_folder(const std::string& pin_folder) { return pin_folder + "/interfaces"; }

std::string interface_folder(const std::string& pin_folder, const std::string& interface) {
  return interfaces_folder(pin_folder) + "/" + encoded(interface);
}

std::string holder_path(const std::string& pin_folder, const std::string& interface,
                        Holder holder) {
  return interface_folder(pin_folder, interface) +
         (holder == Holder::sniffer ? "/sniffer" : "/firewall");
}

base::Status make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return kernel_error("cannot make " + path, error.value());
  return {};
}

}  // namespace

base::Status prepare_pin_folder(const std::string& pin_folder) {
  const std::string parent = fs::path(pin_folder).parent_path().string();
  if (!is_bpf_file_system(parent) && !is_bpf_file_system(pin_folder)) {
    if (parent != kBpfMount) {
      return base::Error(
          base::ErrorCode::invalid_argument, "not_bpf_file_system",
          pin_folder + " is not below a BPF file system: choose a folder below " + kBpfMount);
    }
    if (mount("bpf", kBpfMount, "bpf", 0, "mode=0700") != 0) {
      return kernel_error(std::string("cannot mount the BPF file system at ") + kBpfMount, errno);
    }
    base::log_info("mounted the BPF file system", {{"path", kBpfMount}});
  }
  return make_folder(pin_folder);
}

std::string link_path(const std::string& pin_folder, const std::string& interface) {
  return interface_folder(pin_folder, interface) + "/link";
}

base::Result<base::UniqueFd> add_holder(const std::string& pin_folder, const std::string& interface,
                                        Holder holder) {
  const std::string path = holder_path(pin_folder, interface, holder);
  const base::Status made = make_folder(path);
  if (!made.ok()) return made.error();
  base::UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return kernel_error("cannot open " + path, errno);
  if (flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return folder;
  const std::string name = holder == Holder::sniffer ? "sniffer" : "firewall";
  return base::Error(base::ErrorCode::conflict, "held",
                     "another " + name + " is at work on " + interface +
                         ": stop it first, or give this one another interface");
}

void remove_holder(const std::string& pin_folder, const std::string& interface, Holder holder) {
  rmdir(holder_path(pin_folder, interface, holder).c_str());
}

bool has_holder(const std::string& pin_folder, const std::string& interface, Holder holder) {
  std::error_code error;
  return fs::is_directory(holder_path(pin_folder, interface, holder), error);
}

void remove_interface(const std::string& pin_folder, const std::string& interface) {
  unlink(link_path(pin_folder, interface).c_str());
  rmdir(interface_folder(pin_folder, interface).c_str());
}

std::vector<std::string> attached_interfaces(const std::string& pin_folder, Holder holder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(interfaces_folder(pin_folder), error)) {
    const std::string name = decoded(entry.path().filename().string());
    if (has_holder(pin_folder, name, holder)) names.push_back(name);
  }
  return names;
}

}  // namespace mlguard::xdp
