// Result<T> and Error: how every folder reports an operating error. Exceptions stop in the folder
// that calls the throwing library; programmer errors are asserted.
//
// Plain values, no locks: safe to move between threads.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace mlguard::base {

// What the caller should do about it. The HTTP status each maps to stands in wire/api_error.h.
enum class ErrorCode {
  invalid_argument,     // The input is wrong: correct it, a retry cannot help.
  not_found,            // There is no such thing: create it first, or look at the spelling.
  conflict,             // It exists, or is held by another: choose another name.
  precondition_failed,  // Compare-and-set saw another version: read again, decide, retry.
  too_large,            // Over a named limit: send less.
  unauthenticated,      // No session, or a bad one: handshake (enrol) again.
  permission_denied,    // The role may not do this: use another credential.
  resource_exhausted,   // A limit on rate, sessions or disk: wait, or make room.
  unavailable,          // No leader, no quorum or no endpoint: retry later, here or elsewhere.
  timeout,              // Outcome unknown: retry with the same request id.
  corrupt,              // Data does not match its checksum or format: recover, never ignore.
  io,                   // The operating system refused: see the message.
  unsupported,          // This build or kernel cannot do it.
  internal,             // A bug of ours: report it.
};

// The stable lower-case name of a code ("not_found"), used where an error has no finer reason.
const char* to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  // Machine-readable, stable, finer than the code: "version_mismatch". Never empty.
  std::string reason;
  // For a person: what is wrong and what to do next. Never holds a secret.
  std::string message;

  Error() = default;
  Error(ErrorCode code_in, std::string message_in)
      : code(code_in), reason(to_string(code_in)), message(std::move(message_in)) {}
  Error(ErrorCode code_in, std::string reason_in, std::string message_in)
      : code(code_in), reason(std::move(reason_in)), message(std::move(message_in)) {}
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & {
    assert(ok());
    return *std::get_if<T>(&state_);
  }
  const T& value() const& {
    assert(ok());
    return *std::get_if<T>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<T>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const& {
    assert(!ok());
    return *std::get_if<Error>(&state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<Error>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    assert(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace mlguard::base
