// Text as FTS5's tokenizer is to see it: the dots and colons inside an address or a number become
// letters, so that "10.77.1.66", "2001:db8::9" and "0.92" are one word each and not four of the
// most frequent ones. Done to what is put in, to what is taken out, and to what is looked for.
// Stateless; safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace mlguard::rag {

std::string joined_words(std::string_view text);

}  // namespace mlguard::rag
