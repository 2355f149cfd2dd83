// A login server whose database knows a few accounts, for the tests of role login.
#pragma once

#include <sodium.h>

#include "lab.h"
#include "sessiond/login_core.h"

namespace orrery::sessiond::test {

/// Of "correct", once for all tests: hashing takes its time.
inline const std::string& stored_hash() {
  static const std::string hash = run_hash_job(HashJob{HashId{1}, "correct", {}}).hash;
  return hash;
}

inline proto::ClientControl credentials(const std::string& name, const std::string& password,
                                        const std::string& code = {}) {
  proto::ClientControl message;
  auto& out = *message.mutable_credentials();
  out.set_name(name);
  if (code.empty()) {
    out.set_password(password);
  } else {
    out.set_one_time_code(code);
    out.set_new_password(password);
  }
  return message;
}

/// An Ed25519 key pair of a device.
struct Device {
  explicit Device(std::uint8_t seed) {
    const Key32 bytes = key_of(seed);
    crypto_sign_seed_keypair(public_key.data(), secret.data(), bytes.data());
  }
  std::string key() const { return {public_key.begin(), public_key.end()}; }
  std::string sign(std::string_view label, ByteView handshake_hash) const {
    Bytes message(label.begin(), label.end());
    message.insert(message.end(), handshake_hash.begin(), handshake_hash.end());
    std::string out(crypto_sign_BYTES, '\0');
    crypto_sign_detached(reinterpret_cast<unsigned char*>(out.data()), nullptr, message.data(), message.size(),
                         secret.data());
    return out;
  }
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_key{};
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret{};
};

class LoginLab : public ::testing::Test {
 protected:
  using Entry = std::function<Result<Json>(const Json&)>;
  Lab<LoginCore> lab{"login"};
  bool up = true;
  std::uint64_t session = 50;  // the next to be opened
  Device phone{40};            // ann's, number 4
  Result<Json> selected = Json{{"status", "waiting"}, {"reason", "grid 42 is starting"}};
  std::function<bool(const DatabaseRequest&)> holds = [](const DatabaseRequest&) { return false; };

  Entry begin = [this](const Json& entry) -> Result<Json> {
    Json none{{"account_id", nullptr}, {"password_hash", nullptr}, {"device_id", nullptr}};
    const std::string name = entry.value("name", "");
    if (const auto key = entry.find("device_key"); key != entry.end()) {
      if (name == "ann" && *key == to_hex(phone.public_key)) none["account_id"] = 11, none["device_id"] = 4;
    } else if (name == "ann") {
      none["account_id"] = 11, none["password_hash"] = stored_hash();
    } else if (name == "banned") {
      none["account_id"] = 12, none["password_hash"] = stored_hash();
    } else if (name == "fresh") {
      none["account_id"] = 13;
    }
    return none;
  };
  Entry open = [this](const Json& entry) -> Result<Json> {
    if (entry.at("account_id") == 12) return Error{"banned until tomorrow: it cheated", "OR002"};
    return Json{
        {"session_id", session++},
        {"epoch", 3},
        {"root", to_hex(key_of(2))},
        {"token_expires_in_ms", 86'400'000},
        {"characters",
         {{{"character_id", 7}, {"name", "Vega"}, {"kind", "grid"}, {"key", "42"}, {"details", {{"skill", 1}}}}}}};
  };
  Entry resolve = [](const Json&) -> Result<Json> { return Json{{"status", "ended"}, {"reason", "unknown"}}; };

  std::optional<Result<Json>> answer(const DatabaseRequest& request) {
    if (!up) return Result<Json>(away);
    if (const auto* r = std::get_if<BeginLogins>(&request)) return each(r->attempts, begin);
    if (const auto* r = std::get_if<OpenSessions>(&request)) return each(r->opens, open);
    if (const auto* r = std::get_if<SelectSessions>(&request))
      return each(r->selects, [this](const Json&) { return selected; });
    if (const auto* r = std::get_if<ResolveSessions>(&request)) return each(r->resolves, resolve);
    if (const auto* r = std::get_if<SetPassword>(&request)) {
      if (r->name == "fresh" && r->one_time_code == "CODE") return Json{{"account_id", 13}, {"active", true}};
      return Json();
    }
    if (std::holds_alternative<EndSessions>(request)) return Json();
    if (const auto* r = std::get_if<RenewSessions>(&request)) {
      Json out = Json::array();
      for (const auto& e : r->renewals) out.push_back({{"session_id", e.at("session_id")}, {"expires_in_ms", 1000}});
      return out;
    }
    if (std::holds_alternative<EnrolDevice>(request)) return Json{{"device_id", 5}};
    if (std::holds_alternative<ForgetDevice>(request)) return Json();
    return std::nullopt;
  }

  void SetUp() override {
    lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
      if (holds(request)) return std::nullopt;
      return answer(request);
    };
    lab.start();
  }
  template <class Request>
  void hold() {
    holds = [](const DatabaseRequest& request) { return std::holds_alternative<Request>(request); };
  }
  /// Answers everything that was held back, as the database would have.
  void release() {
    holds = [](const DatabaseRequest&) { return false; };
    while (!lab.pending.empty()) lab.answer(0, *answer(DatabaseRequest(lab.pending[0].request)));
  }

  std::size_t connect(const char* from = "198.51.100.1") {
    const auto client = lab.login(from);
    EXPECT_TRUE(lab.run_until(seconds{2}, [&] { return lab.client(client).dialer.is_open(); }));
    return client;
  }
  /// Connects and sends one message.
  std::size_t say(const proto::ClientControl& message, const char* from = "198.51.100.1") {
    const auto client = connect(from);
    lab.client(client).send(message);
    lab.run(milliseconds{100});
    return client;
  }
  std::size_t log_in() {
    const auto client = say(credentials("ann", "correct"));
    EXPECT_TRUE(!lab.client(client).control.empty() && last(client).has_login_result());
    return client;
  }
  proto::ClientControl device_credentials(std::size_t client, const std::string& name, const Device& device) {
    proto::ClientControl message;
    auto& out = *message.mutable_credentials();
    out.set_name(name);
    out.set_device_key(device.key());
    out.set_device_signature(device.sign("orrery/1 device", lab.client(client).handshake_hash));
    return message;
  }
  void select(std::size_t client, std::uint64_t character) {
    proto::ClientControl message;
    message.mutable_select_character()->set_character_id(character);
    lab.client(client).send(message);
    lab.run(milliseconds{100});
  }
  const proto::ServerControl& last(std::size_t client) { return lab.client(client).control.back(); }
  proto::Refused::Reason refused(std::size_t client) { return last(client).refused().reason(); }

  static Json target(std::uint64_t server, const char* kind) {
    return Json{{"server_id", server},
                {"server_epoch", 8},
                {"kind", kind},
                {"key", "42"},
                {"epoch", 4},
                {"public_host", "192.0.2.9"},
                {"public_port", 20001},
                {"private_host", "10.0.0.9"},
                {"private_port", 30001},
                {"link_key", to_hex(wire::link_key(key_of(30), decltype(lab)::self, decltype(lab)::self_epoch))}};
  }
};

}  // namespace orrery::sessiond::test
