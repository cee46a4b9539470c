#include "unit/sniffer/interface_dump.h"

#include <pcap/pcap.h>

#include <cstdio>
#include <cstdlib>

namespace mlguard::sniffer {
namespace {

constexpr int kDumpSnapBytes = 65'536;
constexpr int kBufferBytes = 64 << 20;

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "cannot capture: %s\n", what);
  std::abort();
}

}  // namespace

InterfaceDump::InterfaceDump(const std::string& interface, const std::string& path) {
  char problem[PCAP_ERRBUF_SIZE] = {};
  capture_ = pcap_create(interface.c_str(), problem);
  if (capture_ == nullptr) give_up(problem);
  pcap_set_snaplen(capture_, kDumpSnapBytes);
  pcap_set_buffer_size(capture_, kBufferBytes);
  pcap_set_immediate_mode(capture_, 1);
  pcap_set_tstamp_precision(capture_, PCAP_TSTAMP_PRECISION_NANO);
  if (pcap_activate(capture_) < 0 || pcap_setnonblock(capture_, 1, problem) != 0) {
    give_up(pcap_geterr(capture_));
  }
  file_ = pcap_dump_open(capture_, path.c_str());
  if (file_ == nullptr) give_up(pcap_geterr(capture_));
  thread_ = std::thread([this] {
    constexpr auto kPause = std::chrono::milliseconds(2);
    for (bool last = false; !last;) {
      last = stopping_;
      const int read =
          pcap_dispatch(capture_, -1, pcap_dump, reinterpret_cast<unsigned char*>(file_));
      if (read > 0) packets_ += static_cast<std::uint64_t>(read);
      if (read == 0) std::this_thread::sleep_for(kPause);
    }
  });
}

InterfaceDump::~InterfaceDump() {
  if (thread_.joinable()) finish();
  pcap_close(capture_);
}

std::uint64_t InterfaceDump::finish() {
  stopping_ = true;
  thread_.join();
  pcap_dump_close(file_);
  pcap_stat counts = {};
  pcap_stats(capture_, &counts);
  return counts.ps_drop;
}

}  // namespace mlguard::sniffer
