// Progress: one line on standard error that fills up while a capture is read. Silent when that is
// no terminal, when the size is not known and when reading takes less than kProgressAfter. One
// thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mlguard::capture {

inline constexpr std::chrono::milliseconds kProgressAfter{300};
inline constexpr std::chrono::milliseconds kProgressInterval{100};

class Progress {
 public:
  Progress();
  // Clears its line, so that what is printed next stands alone.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool due() const;
  void show(std::uint64_t done_bytes, std::uint64_t size_bytes, std::uint64_t packets);

  // "[#####     ]  50%  1,234,567 packets"
  static std::string line(std::uint64_t done_bytes, std::uint64_t size_bytes,
                          std::uint64_t packets);

 private:
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_;
};

// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number);

}  // namespace mlguard::capture
