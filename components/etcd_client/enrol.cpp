#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "caller.h"
#include "etcd_client/client.h"
#include "replies.h"
#include "wire/credentials.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

namespace {

constexpr mode_t kFolderMode = 0700;

struct Enrolment {
  CallerOptions options;
  wire::ClientIdentity identity;
  wire::HandshakeHello hello;
};

// Makes a session and sends the first transport message, at which the server stores the key.
base::Result<wire::HandshakeWelcome> enrol_once(const Enrolment& enrolment) {
  const base::SystemClock clock;
  Caller caller(enrolment.options, {enrolment.identity, wire::encode(enrolment.hello)}, clock,
                std::random_device{}());
  Call call;
  call.kind = CallKind::write;
  call.method = "POST";
  call.target = "/v1/enrol";
  const auto message = expect_ok(caller.call(std::move(call)));
  if (!message.ok()) return message.error();
  auto welcome = caller.welcome();
  if (!welcome) return base::Error{base::ErrorCode::internal, "the handshake left no trace"};
  return std::move(*welcome);
}

// These may mean that the token was used by ourselves and only the answer got lost.
bool may_be_enrolled(const base::Error& error) {
  return error.code == base::ErrorCode::timeout || error.reason == "token_used" ||
         error.reason == "handshake_failed";
}

base::Result<wire::HandshakeWelcome> enrol_with_fallback(Enrolment enrolment) {
  auto welcome = enrol_once(enrolment);
  if (welcome.ok() || !may_be_enrolled(welcome.error())) return welcome;
  enrolment.identity.psk = wire::Key{};
  enrolment.hello.token_id.clear();
  auto again = enrol_once(enrolment);
  return again.ok() ? std::move(again) : std::move(welcome);
}

}  // namespace

base::Status enrol(const ClientOptions& options, std::string_view token, std::string_view name,
                   const std::string& credential_path) {
  const auto join = wire::JoinToken::parse(token);
  if (!join.ok()) return join.error();
  const auto caller = caller_options(options);
  if (!caller.ok()) return caller.error();
  const wire::KeyPair own = wire::KeyPair::generate();
  wire::Credential credential;
  credential.cluster_public_key = join->cluster_public_key;
  credential.private_key = own.secret;
  credential.name = name;

  // Written before the token is spent, so that a folder without room or rights costs no token.
  const std::string draft_path = credential_path + ".new";
  const auto folder = std::filesystem::path(credential_path).parent_path().string();
  if (!folder.empty()) {
    const auto made = base::make_folders(folder, kFolderMode);
    if (!made.ok()) return made;
  }
  const auto drafted = wire::save_credential(draft_path, credential);
  if (!drafted.ok()) return drafted;

  const auto welcome =
      enrol_with_fallback({*caller,
                           {join->cluster_public_key, own, join->psk},
                           {join->token_id, options.client_name, std::string(name)}});
  if (!welcome.ok()) {
    std::remove(draft_path.c_str());
    return welcome.error();
  }
  credential.role = welcome->role;
  const auto saved = wire::save_credential(credential_path, credential);
  std::remove(draft_path.c_str());
  return saved;
}

}  // namespace mlguard::etcd_client
