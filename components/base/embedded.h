// EmbeddedFile: a text file compiled into the binary by mlguard_embed() (cmake/EmbedFiles.cmake).
#pragma once

#include <string>
#include <vector>

namespace mlguard::base {

struct EmbeddedFile {
  std::string name;     // File name without folder, e.g. "0001_initial.sql".
  std::string content;  // Byte for byte.
};

}  // namespace mlguard::base
