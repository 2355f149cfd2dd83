// Who it is: credentials, what the database knows of them, and hashing.
#include <sodium.h>

#include <algorithm>

#include "base/log.h"
#include "sessiond/hash_pool.h"
#include "sessiond/login_core.h"

namespace orrery::sessiond {
namespace {

/// A device key that nobody has (libsodium takes no signature of it): only the address is charged.
constexpr std::string_view no_device_key = "0000000000000000000000000000000000000000000000000000000000000000";

bool fits(const std::string& text, std::size_t bytes_max) {
  // What PostgreSQL's text cannot hold names nobody.
  return !text.empty() && text.size() <= bytes_max && text.find('\0') == std::string::npos;
}

}  // namespace

bool is_signed(std::string_view label, std::span<const std::uint8_t> handshake_hash, const std::string& public_key,
               const std::string& signature) {
  if (public_key.size() != crypto_sign_PUBLICKEYBYTES || signature.size() != crypto_sign_BYTES) return false;
  Bytes message(label.begin(), label.end());
  message.insert(message.end(), handshake_hash.begin(), handshake_hash.end());
  return crypto_sign_verify_detached(as_bytes(signature).data(), message.data(), message.size(),
                                     as_bytes(public_key).data()) == 0;
}

LoginCore::Kind LoginCore::read(Login& login, const proto::Credentials& given) const {
  const bool password = !given.password().empty();
  const bool code = !given.one_time_code().empty() || !given.new_password().empty();
  const bool device = !given.device_key().empty() || !given.device_signature().empty();
  if (password + code + device != 1 || !fits(given.name(), login_name_bytes_max)) return Kind::wrong;
  login.name = given.name();
  if (device) {
    if (!is_signed("orrery/1 device", login.handshake_hash, given.device_key(), given.device_signature()))
      return Kind::wrong;
    login.device_key_hex = to_hex(as_bytes(given.device_key()));
    return Kind::device;
  }
  const std::string& secret = password ? given.password() : given.new_password();
  if (secret.empty() || secret.size() > login_password_bytes_max) return Kind::wrong;
  if (code && !fits(given.one_time_code(), login_code_bytes_max)) return Kind::wrong;
  login.password = secret;
  login.one_time_code = given.one_time_code();
  return password ? Kind::password : Kind::code;
}

void LoginCore::on_credentials(Login& login, const proto::Credentials& credentials, Instant now) {
  login.stage = Stage::checking;
  set_deadline(login, now + login_timeout_);
  login.kind = read(login, credentials);
  if (!host_.database_up()) return refuse_busy(login, {}, now);
  const bool hashes = login.kind == Kind::password || login.kind == Kind::code;
  if (hashes && !hashes_.takes(login.from)) return refuse_busy(login, hashes_.wait(), now);

  Json entry{{"address", login.from.to_string()}};
  if (login.kind == Kind::password || login.kind == Kind::device) entry["name"] = login.name;
  if (login.kind == Kind::device) entry["device_key"] = login.device_key_hex;
  // A code is charged to its account where it is checked.
  if (login.kind == Kind::code || login.kind == Kind::wrong) entry["device_key"] = no_device_key;
  ask_in(begins_, login, std::move(entry),
         [this](Login& asked, const Result<Json>& answer, Instant at) { on_begun(asked, answer, at); });
}

void LoginCore::on_begun(Login& login, const Result<Json>& answer, Instant now) {
  if (!answer && is_busy(answer.error())) return refuse_busy(login, {}, now);
  if (answer && answer->contains("wait_ms")) return refuse_limited(login, *answer, now);
  if (!answer && !is_bad_data(answer.error()))
    spdlog::error("login_begin: {} ({})", answer.error().message, answer.error().code);
  const auto number = [&answer](const char* member) {
    const auto found = answer ? answer->find(member) : Json::const_iterator{};
    return answer && found != answer->end() && found->is_number_integer() ? found->get<std::uint64_t>() : 0;
  };
  if (login.kind == Kind::password || login.kind == Kind::device) {
    login.account = AccountId{number("account_id")};
    login.device = login.kind == Kind::device ? DeviceId{number("device_id")} : DeviceId{};
  }
  switch (login.kind) {
    case Kind::wrong:
      return refuse(login, proto::Refused::CREDENTIALS, credentials_refused, {}, now);
    case Kind::device:
      if (!login.account || !login.device)
        return refuse(login, proto::Refused::CREDENTIALS, credentials_refused, {}, now);
      return open_session(login);
    case Kind::password:
      login.stored_hash = answer ? text_of(*answer, "password_hash") : std::string();
      login.real = login.account && !login.stored_hash.empty();
      if (!login.real) login.stored_hash = dummy_hash_;
      return queue_hash(login, now);
    case Kind::code:
      // It is checked by the database with the hash that it is to store, which therefore is made first.
      return queue_hash(login, now);
  }
}

void LoginCore::queue_hash(Login& login, Instant now) {
  const auto [taken, displaced] = hashes_.add(login.connection, login.from);
  if (!taken) return refuse_busy(login, hashes_.wait(), now);
  if (Login* other = displaced ? find(*displaced) : nullptr) refuse_busy(*other, hashes_.wait(), now);
  start_hashes(now);
}

void LoginCore::start_hashes(Instant now) {
  while (const auto turn = hashes_.next(now)) {
    const HashId id{turn->value};
    if (!*turn) {
      Key32 secret;
      host_.random().fill(secret);
      host_.emit(HashJob{id, to_hex(secret), {}});
      continue;
    }
    Login& login = *find(*turn);  // finish() takes those that go out of the queue
    host_.emit(HashJob{id, login.password, login.stored_hash});
    wipe(login.password);
  }
}

void LoginCore::on_hash_done(const HashDone& done, Instant now) {
  const wire::ConnectionId connection{done.id.value};
  hashes_.done(connection, now);
  start_hashes(now);
  if (!connection) {
    dummy_hash_ = done.hash;
    if (dummy_hash_.empty()) spdlog::error("no memory to hash passwords with");
    return maybe_ready();
  }
  Login* login = find(connection);
  if (login == nullptr || login->stage != Stage::checking) return;
  if (login->kind == Kind::code) {
    if (done.hash.empty()) return refuse_busy(*login, hashes_.wait(), now);
    return set_password(*login, done.hash);
  }
  if (!done.verified || !login->real) return refuse(*login, proto::Refused::CREDENTIALS, credentials_refused, {}, now);
  open_session(*login);
}

void LoginCore::set_password(Login& login, const std::string& hash) {
  // Who is sent away now would find its code used up. It gives way to nobody until the database has judged it.
  trust(login);
  host_.call(SetPassword{login.name, login.one_time_code, hash, login.from.to_string()},
             [this, connection = login.connection](Result<Json> answer, Instant at) {
               Login* asked = find(connection);
               if (asked == nullptr) return;
               if (!answer && is_busy(answer.error())) return refuse_busy(*asked, {}, at);
               if (answer && answer->is_object() && answer->contains("wait_ms"))
                 return refuse_limited(*asked, *answer, at);
               if (!answer || !answer->is_object())
                 return refuse(*asked, proto::Refused::CREDENTIALS, credentials_refused, {}, at);
               asked->account = AccountId{answer->at("account_id").get<std::uint64_t>()};
               open_session(*asked);
             });
  wipe(login.one_time_code);
}

}  // namespace orrery::sessiond
