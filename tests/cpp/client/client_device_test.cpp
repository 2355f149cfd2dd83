// Device keys: enrolled, logged in with, revoked.
#include <sodium.h>

#include "client/harness.h"

namespace orrery::client::testing {

namespace {

bool is_signed(const std::string& context, const wire::Hash64& hash, const std::string& signature,
               const std::string& key) {
  const std::string message = context + std::string(as_text(hash));
  return key.size() == crypto_sign_PUBLICKEYBYTES && signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(signature.data()),
                                     reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                                     reinterpret_cast<const unsigned char*>(key.data())) == 0;
}

}  // namespace

using ClientDevice = ClientTest;

// Catches an enrolment that proves nothing, and a key with which nobody can log in afterwards.
TEST_F(ClientDevice, IsEnrolledAndLogsIn) {
  std::string known;
  login.on_control = [&](const proto::ClientControl& message) {
    if (message.has_credentials()) {
      const auto& given = message.credentials();
      if (!known.empty()) {
        EXPECT_EQ(given.device_key(), known);
        EXPECT_TRUE(is_signed("orrery/1 device", login.handshake_hash(), given.device_signature(), known));
        EXPECT_TRUE(given.password().empty() && given.one_time_code().empty() && given.new_password().empty());
        EXPECT_EQ(given.name(), "bot0001");
      }
      login.say(login_result());
    }
    if (!message.has_enrol_device()) return;
    const auto& enrol = message.enrol_device();
    EXPECT_EQ(enrol.name(), "my machine");
    EXPECT_TRUE(is_signed("orrery/1 enrol", login.handshake_hash(), enrol.signature(), enrol.public_key()));
    known = enrol.public_key();
    proto::ServerControl answer;
    answer.mutable_device_enrolled()->set_public_key(known);
    login.say(answer);
  };
  start({login.address});
  EXPECT_FALSE(client->enrol_device("too early"));
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  ASSERT_TRUE(client->enrol_device("my machine"));
  ASSERT_TRUE(run_until([&] { return has<DeviceEnrolled>(); }, 2s));
  EXPECT_EQ(last<DeviceEnrolled>().name, "my machine");
  const auto key = DeviceKey::parse(last<DeviceEnrolled>().key.to_text());
  ASSERT_TRUE(key);
  EXPECT_EQ(as_text(key->public_key()), known);

  start({login.address}, {"bot0001", "", "", *key});
  ASSERT_TRUE(run_until([&] { return count<LoggedIn>() == 2; }));
}

// Catches a device that is said to be enrolled or revoked without having been asked for.
TEST_F(ClientDevice, BelievesOnlyAnswersToWhatItAsked) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  proto::ServerControl answer;
  answer.mutable_device_enrolled()->set_public_key(std::string(32, 'x'));
  login.say(answer);
  answer.mutable_device_revoked()->set_public_key(std::string(32, 'x'));
  login.say(answer);
  run_for(1s);
  EXPECT_FALSE(has<DeviceEnrolled>());
  EXPECT_FALSE(has<DeviceRevoked>());
}

// Catches a revocation of another key, and its answer lost.
TEST_F(ClientDevice, IsRevoked) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  login.on_control = [&](const proto::ClientControl& message) {
    ASSERT_TRUE(message.has_revoke_device());
    proto::ServerControl answer;
    answer.mutable_device_revoked()->set_public_key(message.revoke_device().public_key());
    login.say(answer);
  };
  ASSERT_TRUE(client->revoke_device(key_of(3)));
  ASSERT_TRUE(run_until([&] { return has<DeviceRevoked>(); }, 2s));
  EXPECT_EQ(last<DeviceRevoked>().public_key, key_of(3));
}

// Catches a refusal of a device taken for one of the login.
TEST_F(ClientDevice, MayBeRefusedWithoutEndingTheLogin) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  proto::ServerControl no;
  no.mutable_refused()->set_text("there are ten already");
  login.on_control = [&](const proto::ClientControl& message) {
    if (message.has_enrol_device()) login.say(no);
    if (message.has_select_character()) login.say(redirect_to({target_of(zone, 3, 10, "owner", "grid", "42")}));
  };
  ASSERT_TRUE(client->enrol_device("eleventh"));
  ASSERT_TRUE(run_until([&] { return has<DeviceRefused>(); }, 2s));
  EXPECT_EQ(last<DeviceRefused>().text, "there are ten already");
  EXPECT_FALSE(has<LoginRefused>());
  expect_at(zone, 3, 10);
  client->select_character(5);
  ASSERT_TRUE(run_until([&] { return has<Entered>(); }, 2s));
  EXPECT_FALSE(client->enrol_device("too late"));
  EXPECT_FALSE(client->revoke_device(key_of(3)));
}

}  // namespace orrery::client::testing
