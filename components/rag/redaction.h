// Keeps secrets out of everything that rag holds: applied to each text before a Record is made of
// it. A value is a secret by its name ("smtp_password"), or by its looks wherever it stands: join
// tokens, PEM blocks, "Bearer …", a URL's password, keys of known services, and long random text
// that nothing near it calls a digest. What is hidden becomes kHidden; the name stays.
//
// It errs towards hiding: that a threshold is called "api_key_hash" costs an answer, the other way
// round costs a key. What it cannot know is a password that looks like a word, in a sentence that
// does not call it one.
//
// Stateless; safe from any thread. Linear in the text.
#pragma once

#include <string>
#include <string_view>

namespace mlguard::rag {

inline constexpr std::string_view kHidden = "(hidden)";

// Of a configuration's key: "password", "apiKey", "tls.private_key" (one segment at a time is
// enough). Not of what measures or names one: "token_ttl_s", "key_file", "password_min_length".
bool is_secret_name(std::string_view name);
// "sha256", "certificate_fingerprint", "public_key": random by nature, and no secret.
bool is_digest_name(std::string_view name);

// Free text: comments, reasons, details, addresses.
std::string redacted(std::string_view text);
// One value of a document, below a key of that name.
std::string redacted_value(std::string_view name, std::string_view value);

}  // namespace mlguard::rag
