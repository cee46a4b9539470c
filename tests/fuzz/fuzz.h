// What the fuzz targets share: libFuzzer's entry point, a check that ends the run, and fixed keys,
// so that committed seeds hold messages that really open. Header only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/handmade_client.h"
#include "wire/channel.h"
#include "wire/noise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mlguard::fuzz {

using support::must;

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline wire::KeyPair fixed_keys(char letter) {
  return wire::KeyPair::from_secret(*wire::Key::from_bytes(std::string(wire::kKeyBytes, letter)));
}

inline wire::HandshakeSetup fixed_setup(wire::NoiseSide side) {
  const bool client = side == wire::NoiseSide::initiator;
  wire::HandshakeSetup setup;
  setup.side = side;
  setup.prologue = "mlguard-wire-1";
  setup.own_static = fixed_keys(client ? 'c' : 's');
  setup.ephemeral = fixed_keys(client ? 'e' : 'f');
  if (client) setup.remote_static = fixed_keys('s').public_key;
  setup.psk = wire::Key();
  return setup;
}

// Cuts the first byte off, to choose by.
inline unsigned take_byte(std::string_view& text) {
  if (text.empty()) return 0;
  const auto byte = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  return byte;
}

// Cuts up to four bytes off, as a number.
inline std::size_t take_number(std::string_view& text) {
  std::size_t number = 0;
  for (int i = 0; i < 4; ++i) number = number << 8 | take_byte(text);
  return number;
}

}  // namespace mlguard::fuzz
