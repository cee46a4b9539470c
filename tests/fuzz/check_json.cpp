// check_json against the parser that reads the documents afterwards: the same verdict, but for the
// byte order mark (which we refuse and it skips), zero bytes (where it takes the text to end) and
// the depth (which only we bound).
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const mlguard::base::Status checked = mlguard::base::check_json(text);
  const bool only_ours =
      !checked.ok() && (text.find('\0') != std::string_view::npos ||
                        checked.error().message.find("byte order mark") != std::string::npos ||
                        checked.error().message.find("levels deep") != std::string::npos);
  if (!only_ours && checked.ok() != nlohmann::json::accept(text)) {
    std::fprintf(stderr, "the verdicts differ: %s\n",
                 checked.ok() ? "accepted" : checked.error().message.c_str());
    std::abort();
  }
  return 0;
}
