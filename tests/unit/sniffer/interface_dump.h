// InterfaceDump: writes all that passes an interface, either way, into a capture file, by libpcap
// alone: what the live sniffer's records are compared with. A thread of its own reads; the object
// belongs to one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

struct pcap;
struct pcap_dumper;

namespace mlguard::sniffer {

class InterfaceDump {
 public:
  // Aborts when it cannot capture: the test is then meaningless.
  InterfaceDump(const std::string& interface, const std::string& path);
  ~InterfaceDump();
  InterfaceDump(const InterfaceDump&) = delete;
  InterfaceDump& operator=(const InterfaceDump&) = delete;

  std::uint64_t packets() const { return packets_; }
  // Closes the file. Packets that the kernel could not hand over: there must be none.
  std::uint64_t finish();

 private:
  pcap* capture_;
  pcap_dumper* file_;
  std::atomic<std::uint64_t> packets_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace mlguard::sniffer
