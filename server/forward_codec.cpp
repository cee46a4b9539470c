// The bytes of forward.h.
#include <initializer_list>
#include <utility>

#include "base/bytes.h"
#include "server/forward.h"

namespace mlguard::server {

namespace {

using base::ByteReader;
using base::ByteWriter;
using base::Result;

constexpr std::uint8_t kFormat = 1;
constexpr std::uint64_t kFieldsMax = 64;

base::Error bad_forward() {
  return {base::ErrorCode::invalid_argument, "bad_forward",
          "this is no request that an etcd-server of this version forwards"};
}

void put(ByteWriter& out, std::initializer_list<std::string_view> texts) {
  for (const std::string_view text : texts) out.counted(text);
}

void take(ByteReader& in, std::initializer_list<std::string*> texts) {
  for (std::string* text : texts) *text = in.counted().value_or(std::string_view());
}

void put_fields(ByteWriter& out, const std::vector<wire::Field>& fields) {
  out.varint(fields.size());
  for (const wire::Field& field : fields) put(out, {field.name, field.value});
}

bool take_fields(ByteReader& in, std::vector<wire::Field>& fields) {
  const std::uint64_t count = in.varint().value_or(0);
  if (count > kFieldsMax) return false;
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    wire::Field field;
    take(in, {&field.name, &field.value});
    fields.push_back(std::move(field));
  }
  return !in.failed();
}

bool take_role(ByteReader& in, base::Role& role) {
  const std::uint8_t number = in.byte().value_or(UINT8_MAX);
  role = static_cast<base::Role>(number);
  return number < kRoles;
}

}  // namespace

std::string encode(const ForwardedRequest& request) {
  std::string bytes;
  bytes.reserve(request.message.body.size() + 512);
  ByteWriter out(bytes);
  out.byte(kFormat);
  out.byte(static_cast<std::uint8_t>(request.caller.role));
  put(out, {request.method, request.target, request.caller.name, request.caller.key,
            request.caller.component, request.address});
  put_fields(out, request.message.fields);
  out.counted(request.message.body);
  return bytes;
}

Result<ForwardedRequest> decode_forwarded(std::string_view bytes) {
  ByteReader in(bytes);
  ForwardedRequest request;
  const bool known = in.byte() == kFormat && take_role(in, request.caller.role);
  if (!known) return bad_forward();
  take(in, {&request.method, &request.target, &request.caller.name, &request.caller.key,
            &request.caller.component, &request.address});
  if (!take_fields(in, request.message.fields)) return bad_forward();
  take(in, {&request.message.body});
  if (!in.at_end() || request.caller.role == base::Role::peer) return bad_forward();
  return request;
}

std::string encode_forwarded_answer(const ApiAnswer& answer) {
  std::string bytes;
  bytes.reserve(answer.body.size() + 256);
  ByteWriter out(bytes);
  out.byte(kFormat);
  out.varint(static_cast<std::uint64_t>(answer.status));
  put_fields(out, answer.fields);
  out.counted(answer.body);
  return bytes;
}

Result<ApiAnswer> decode_forwarded_answer(std::string_view bytes) {
  ByteReader in(bytes);
  ApiAnswer answer;
  const bool known = in.byte() == kFormat;
  answer.status = static_cast<int>(in.varint().value_or(0));
  if (!known || !take_fields(in, answer.fields)) return bad_forward();
  take(in, {&answer.body});
  if (!in.at_end()) return bad_forward();
  return answer;
}

std::string encode(const base::Identity& identity) {
  std::string bytes;
  ByteWriter out(bytes);
  out.byte(kFormat);
  out.byte(static_cast<std::uint8_t>(identity.role));
  put(out, {identity.public_key, identity.name, identity.component, identity.token_id});
  return bytes;
}

Result<base::Identity> decode_identity(std::string_view bytes) {
  ByteReader in(bytes);
  base::Identity identity;
  const bool known = in.byte() == kFormat && take_role(in, identity.role);
  take(in, {&identity.public_key, &identity.name, &identity.component, &identity.token_id});
  if (!known || !in.at_end() || identity.role == base::Role::peer) return bad_forward();
  return identity;
}

std::string encode(const base::AuditRecord& record) {
  std::string bytes;
  ByteWriter out(bytes);
  out.byte(kFormat);
  put(out, {record.actor, record.action, record.subject, record.detail});
  return bytes;
}

Result<base::AuditRecord> decode_audit_record(std::string_view bytes) {
  ByteReader in(bytes);
  base::AuditRecord record;
  const bool known = in.byte() == kFormat;
  take(in, {&record.actor, &record.action, &record.subject, &record.detail});
  if (!known || !in.at_end()) return bad_forward();
  return record;
}

}  // namespace mlguard::server
