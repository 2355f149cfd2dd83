#include "login_lab.h"

namespace orrery::sessiond::test {
namespace {

class LoginCredentialsTest : public LoginLab {
 protected:
  void enrol(std::size_t client, const Device& device, std::string_view label = "orrery/1 enrol",
             const std::string& name = "phone") {
    proto::ClientControl message;
    auto& out = *message.mutable_enrol_device();
    out.set_public_key(device.key());
    out.set_signature(device.sign(label, lab.client(client).handshake_hash));
    out.set_name(name);
    lab.client(client).send(message);
    lab.run(milliseconds{100});
  }
  std::size_t entries() const {
    std::size_t n = 0;
    for (const auto& request : lab.asked)
      if (const auto* call = std::get_if<BeginLogins>(&request)) n += call->attempts.size();
    return n;
  }
};

TEST_F(LoginCredentialsTest, ADeviceKeyLogsIn) {
  const auto client = connect();
  lab.client(client).send(device_credentials(client, "ann", phone));
  lab.run(milliseconds{100});
  ASSERT_TRUE(last(client).has_login_result());
  EXPECT_EQ(last(client).login_result().token_expires_in_ms(), 86'400'000u);
  for (const auto& request : lab.asked)
    if (const auto* call = std::get_if<OpenSessions>(&request)) {
      EXPECT_EQ(call->opens.at(0).at("account_id"), 11);
      EXPECT_EQ(call->opens.at(0).at("device_id"), 4) << "the session ends with the key";
    }
  EXPECT_EQ(lab.hashes.size(), 0u);
}

// Catches signatures that are good for another connection, another purpose, another name, or by another key.
TEST_F(LoginCredentialsTest, ADeviceKeyIsRefusedAsWrongCredentialsAre) {
  std::vector<std::string> answers;
  const auto attempt = [&](const std::function<void(proto::Credentials&, std::size_t client)>& spoil) {
    const auto client = connect();
    auto message = device_credentials(client, "ann", phone);
    spoil(*message.mutable_credentials(), client);
    lab.client(client).send(message);
    lab.run(milliseconds{100});
    ASSERT_FALSE(lab.client(client).control.empty());
    EXPECT_EQ(lab.client(client).closed, wire::CloseReason::refused);
    answers.push_back(last(client).SerializeAsString());
  };
  attempt([&](auto& c, auto) { c.set_name("nobody"); });
  attempt([&](auto& c, auto) { c.set_device_key(Device(41).key()); });
  attempt([&](auto& c, auto client) {
    c.set_device_key(Device(41).key());
    c.set_device_signature(Device(41).sign("orrery/1 device", lab.client(client).handshake_hash));
  });
  attempt([&](auto& c, auto client) {
    c.set_device_signature(phone.sign("orrery/1 enrol", lab.client(client).handshake_hash));
  });
  attempt([&](auto& c, auto) { c.set_device_signature(phone.sign("orrery/1 device", lab.client(0).handshake_hash)); });
  attempt([&](auto& c, auto) { c.mutable_device_signature()->back() ^= 1; });
  attempt([&](auto& c, auto) { c.mutable_device_signature()->pop_back(); });
  attempt([&](auto& c, auto) { c.mutable_device_key()->push_back('x'); });
  attempt([&](auto& c, auto) { c.clear_device_key(); });
  attempt([&](auto& c, auto) { c.clear_device_signature(); });
  attempt([&](auto& c, auto) { c.set_device_key(std::string(32, '\0')); });
  // Several kinds at once, and none.
  attempt([&](auto& c, auto) { c.set_password("correct"); });
  attempt([&](auto& c, auto) { c.set_new_password("correct"); });
  attempt([&](auto& c, auto) { c.clear_device_key(), c.clear_device_signature(); });
  const auto wrong = say(credentials("ann", "wrong"));
  for (const auto& answer : answers) EXPECT_EQ(answer, last(wrong).SerializeAsString());
  EXPECT_EQ(lab.count<OpenSessions>(), 0u);
  EXPECT_EQ(entries(), answers.size() + 1) << "each was charged to its address";
}

TEST_F(LoginCredentialsTest, PasswordAndCodeAtOnceAreWrong) {
  auto message = credentials("fresh", "my new one", "CODE");
  message.mutable_credentials()->set_password("correct");
  const auto client = say(message);
  EXPECT_EQ(refused(client), proto::Refused::CREDENTIALS);
  EXPECT_EQ(lab.count<SetPassword>(), 0u);
}

// Catches a server that hashes for whom the database refuses to count.
TEST_F(LoginCredentialsTest, WhoIsLimitedIsToldWhenAndCostsNoHash) {
  begin = [](const Json& entry) -> Result<Json> {
    EXPECT_TRUE(entry.at("address").get<std::string>().starts_with("198.51.100.1:")) << entry;
    return Json{{"wait_ms", 2500}};
  };
  lab.hashing = false;
  const auto client = say(credentials("ann", "correct"));
  EXPECT_EQ(refused(client), proto::Refused::LIMITED);
  EXPECT_EQ(last(client).refused().retry_after_ms(), 2500u);
  EXPECT_NE(last(client).refused().text().find("in 3 s"), std::string::npos);
  const auto code = say(credentials("fresh", "my new one", "CODE"));
  EXPECT_EQ(refused(code), proto::Refused::LIMITED);
  EXPECT_TRUE(lab.hashes.empty());
}

TEST_F(LoginCredentialsTest, ACodeIsLimitedWhereItIsChecked) {
  lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<SetPassword>(request)) return Result<Json>(Json{{"wait_ms", 9'000'000'000}});
    return answer(request);
  };
  const auto client = say(credentials("fresh", "my new one", "CODE"));
  EXPECT_EQ(refused(client), proto::Refused::LIMITED);
  EXPECT_EQ(last(client).refused().retry_after_ms(), UINT32_MAX);
}

TEST_F(LoginCredentialsTest, ABanIsSaidToWhoKnowsThePasswordOnly) {
  const auto right = say(credentials("banned", "correct"));
  EXPECT_EQ(refused(right), proto::Refused::BANNED);
  EXPECT_NE(last(right).refused().text().find("until tomorrow"), std::string::npos);
  const auto wrong = say(credentials("banned", "wrong"));
  EXPECT_EQ(refused(wrong), proto::Refused::CREDENTIALS);
  EXPECT_EQ(last(wrong).refused().text(), credentials_refused);
}

TEST_F(LoginCredentialsTest, AnAccountThatIsNotActiveIsWrongAndAClusterThatIsShutDownIsSaid) {
  open = [](const Json&) -> Result<Json> { return Error{"account banned is not active", "OR002"}; };
  EXPECT_EQ(refused(say(credentials("ann", "correct"))), proto::Refused::CREDENTIALS);
  open = [](const Json&) -> Result<Json> { return Error{"cluster dev is shut down", "OR002"}; };
  EXPECT_EQ(refused(say(credentials("ann", "correct"))), proto::Refused::NO_SERVER);
}

TEST_F(LoginCredentialsTest, AFullHashQueueIsBusyForAsLongAsItTakes) {
  lab.hashing = false;
  // hash_threads 1, hash_queue_max 4
  for (int i = 0; i < 5; ++i) say(credentials("ann", "correct"));
  EXPECT_EQ(lab.hashes.size(), 1u);
  const auto begun = entries();
  std::vector<std::uint32_t> after;
  for (int i = 0; i < 3; ++i) {
    const auto client = say(credentials("ann", "correct"));
    EXPECT_EQ(refused(client), proto::Refused::BUSY);
    after.push_back(last(client).refused().retry_after_ms());
    EXPECT_GE(after.back(), 2000u);
    EXPECT_LE(after.back(), 60'000u);
    const auto said = std::to_string((after.back() + 999) / 1000) + " s";
    EXPECT_NE(last(client).refused().text().find(said), std::string::npos) << last(client).refused().text();
  }
  EXPECT_NE(after[0], after[1]) << "those that are refused together are not to come together";
  EXPECT_EQ(entries(), begun) << "nor is the database asked";
  // Measured hashes of 20 s: five of them are longer than any wait that is told.
  lab.run(seconds{20});
  for (int i = 0; i < 3 && !lab.hashes.empty(); ++i) {
    const auto id = lab.hashes.back().id;
    lab.hashes.clear();
    lab.host.on_hash_done(HashDone{.id = id}, lab.now);
    lab.run(seconds{10});
  }
  for (int i = 0; i < 5; ++i) say(credentials("ann", "correct"));
  const auto late = say(credentials("ann", "correct"));
  EXPECT_EQ(refused(late), proto::Refused::BUSY);
  EXPECT_GT(last(late).refused().retry_after_ms(), 5000u) << "more than when hashes were quick";
}

// Catches a flood from one address that keeps everybody else out.
TEST_F(LoginCredentialsTest, AFloodFromOneNetworkKeepsNobodyElseOut) {
  lab.hashing = false;
  std::vector<std::size_t> flood;
  for (int i = 0; i < 5; ++i) flood.push_back(say(credentials("ann", "guess"), "203.0.113.66"));
  const auto player = say(credentials("ann", "correct"), "198.51.100.7");
  EXPECT_TRUE(lab.client(player).control.empty()) << "waits for its hash";
  EXPECT_EQ(refused(flood.back()), proto::Refused::BUSY) << "the last of the flood has made room";
  // The next but one hash is the player's: one was under way, and the flood's network is first in turn.
  lab.host.on_hash_done(HashDone{.id = lab.hashes.back().id}, lab.now);
  lab.run(milliseconds{100});
  lab.host.on_hash_done(HashDone{.id = lab.hashes.back().id}, lab.now);
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.hashes.back().password, "correct");
  lab.host.on_hash_done(run_hash_job(lab.hashes.back()), lab.now);
  lab.run(milliseconds{100});
  EXPECT_TRUE(last(player).has_login_result());
}

TEST_F(LoginCredentialsTest, ADeviceIsEnrolledAndRevoked) {
  const auto client = log_in();
  const Device tablet(50);
  enrol(client, tablet);
  ASSERT_TRUE(last(client).has_device_enrolled());
  EXPECT_EQ(last(client).device_enrolled().public_key(), tablet.key());
  for (const auto& request : lab.asked)
    if (const auto* asked = std::get_if<EnrolDevice>(&request)) {
      EXPECT_EQ(asked->public_key_hex, to_hex(tablet.public_key));
      EXPECT_EQ(asked->name, "phone");
      EXPECT_EQ(asked->session, SessionId{50});
    }
  proto::ClientControl message;
  message.mutable_revoke_device()->set_public_key(tablet.key());
  lab.client(client).send(message);
  lab.run(milliseconds{100});
  ASSERT_TRUE(last(client).has_device_revoked());
  select(client, 7);
  EXPECT_TRUE(last(client).has_waiting());
}

// Catches a player's bytes that reach the database's log.
TEST_F(LoginCredentialsTest, ADevicesNameIsCheckedBeforeTheDatabaseIsAsked) {
  const auto client = log_in();
  for (const std::string& name : {std::string(), std::string(65, 'a'), std::string("a\n"), std::string("\x1b[2J"),
                                  std::string("a\0b", 3), std::string("\xc2\x9b")}) {
    enrol(client, phone, "orrery/1 enrol", name);
    EXPECT_EQ(refused(client), proto::Refused::UNKNOWN) << to_hex(as_bytes(name));
  }
  EXPECT_EQ(lab.count<EnrolDevice>(), 0u);
  enrol(client, phone, "orrery/1 enrol", std::string(64, 'a'));
  EXPECT_EQ(lab.count<EnrolDevice>(), 1u);
}

TEST_F(LoginCredentialsTest, AnEnrolmentThatIsRefusedDoesNotEndTheLogin) {
  const auto client = log_in();
  enrol(client, phone, "orrery/1 device");
  EXPECT_EQ(refused(client), proto::Refused::CREDENTIALS);
  EXPECT_EQ(lab.count<EnrolDevice>(), 0u) << "a login's signature enrols nothing";
  lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<EnrolDevice>(request))
      return Result<Json>(Error{"account ann has 10 device keys", "OR006"});
    return answer(request);
  };
  enrol(client, phone);
  EXPECT_EQ(last(client).refused().text(), "account ann has 10 device keys");
  up = false;
  enrol(client, phone);
  EXPECT_EQ(last(client).refused().text(), "account ann has 10 device keys") << "the script answers before that";
  EXPECT_TRUE(lab.client(client).dialer.is_open());
  EXPECT_EQ(lab.host.sessions().size(), 1u);
}

// Catches a session that is handed off while its old server is asked to enrol under it.
TEST_F(LoginCredentialsTest, AHandOffWaitsForAnEnrolmentThatIsUnderWay) {
  const auto client = log_in();
  hold<EnrolDevice>();
  enrol(client, phone);
  select(client, 7);
  EXPECT_EQ(lab.count<SelectSessions>(), 0u);
  selected = Json{{"status", "ready"}, {"owner", target(9, "grid")}, {"chat", nullptr}};
  release();
  lab.run(milliseconds{100});
  const auto& control = lab.client(client).control;
  ASSERT_GE(control.size(), 2u);
  EXPECT_TRUE(control[control.size() - 2].has_device_enrolled());
  EXPECT_TRUE(control.back().has_redirect());
}

}  // namespace
}  // namespace orrery::sessiond::test
