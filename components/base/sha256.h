// SHA-256 over a stream. Not for sharing between threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace mlguard::base {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  // Lower-case hex. Call once, last.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlguard::base
