// Clients that leave, repeat themselves, flood and lie, and a database that is away or late, at every stage of a login.
#include <set>

#include "login_lab.h"

namespace orrery::sessiond::test {
namespace {

/// A login's way, step by step, and which call the database is asked for at each.
struct Step {
  const char* name;
  bool device;
  bool (*asks)(const DatabaseRequest&);
};
template <class Request>
bool is(const DatabaseRequest& request) {
  return std::holds_alternative<Request>(request);
}
const std::vector<Step> steps{{"login_begin", false, is<BeginLogins>},
                              {"login_begin by device", true, is<BeginLogins>},
                              {"account_password_set", false, is<SetPassword>},
                              {"session_open", false, is<OpenSessions>},
                              {"session_open by device", true, is<OpenSessions>},
                              {"session_select", false, is<SelectSessions>},
                              {"device_enrol", false, is<EnrolDevice>},
                              {"session_renew", false, is<RenewSessions>},
                              {"session_resolve", false, is<ResolveSessions>}};

class LoginHostileTest : public LoginLab {
 protected:
  std::size_t opened = 0;  // sessions that the database has opened
  void SetUp() override {
    LoginLab::SetUp();
    open = [this, scripted = open](const Json& entry) {
      Result<Json> answer = scripted(entry);
      opened += answer && answer->contains("session_id");
      return answer;
    };
    resolve = [](const Json&) -> Result<Json> {
      return Json{{"status", "ready"}, {"owner", target(9, "grid")}, {"chat", nullptr}};
    };
  }
  /// A client that sends all that leads to the step, and `times` each.
  std::size_t walk(const Step& step, int times = 1) {
    const auto client = connect();
    std::vector<proto::ClientControl> messages;
    if (step.asks == is<ResolveSessions>) {
      auto& asked = *messages.emplace_back().mutable_resolve();
      asked.set_session_id(77);
      asked.set_proof(std::string(32, 'p'));
    } else if (step.device) {
      messages.push_back(device_credentials(client, "ann", phone));
    } else if (step.asks == is<SetPassword>) {
      messages.push_back(credentials("fresh", "my new one", "CODE"));
    } else {
      messages.push_back(credentials("ann", "correct"));
    }
    if (step.asks == is<EnrolDevice>) {
      auto& device = *messages.emplace_back().mutable_enrol_device();
      device.set_name("phone");
      device.set_public_key(phone.key());
      device.set_signature(phone.sign("orrery/1 enrol", lab.client(client).handshake_hash));
    }
    if (step.asks == is<RenewSessions>) messages.emplace_back().mutable_renew_token();
    if (step.asks == is<SelectSessions>) messages.emplace_back().mutable_select_character()->set_character_id(7);
    for (const auto& message : messages) {
      for (int i = 0; i < times && lab.client(client).dialer.is_open(); ++i) lab.client(client).send(message);
      lab.run(milliseconds{60});
    }
    return client;
  }
  /// Nothing is left of anybody, and each session that was opened has been ended, once.
  void expect_clean() {
    lab.run(seconds{15});
    EXPECT_TRUE(lab.host.connections().empty());
    EXPECT_TRUE(lab.host.sessions().empty());
    EXPECT_NE(lab.role_core.statistics().find("0 logins under way"), std::string::npos) << lab.role_core.statistics();
    EXPECT_NE(lab.role_core.statistics().find(" 0 wait to be hashed"), std::string::npos) << lab.role_core.statistics();
    std::set<Json> ended;
    for (const auto& end : lab.ends()) EXPECT_TRUE(ended.insert(end.at("session_id")).second) << end;
    EXPECT_EQ(ended.size(), opened);
    EXPECT_EQ(lab.exit_code, std::nullopt);
  }
};

TEST_F(LoginHostileTest, AClientThatGoesAtAnyStageLeavesNothing) {
  for (const Step& step : steps) {
    for (const bool silent : {false, true}) {
      SCOPED_TRACE(step.name);
      holds = step.asks;
      const auto client = walk(step);
      EXPECT_EQ(lab.pending.size(), 1u) << "the database is being asked";
      if (silent)
        lab.client(client).silent = true;
      else
        lab.client(client).dialer.close(wire::CloseReason::logout);
      lab.run(seconds{15});
      release();
      expect_clean();
    }
  }
  EXPECT_GT(opened, 4u);
}

// Catches a session that stays open in the database since its answer came for a connection that is gone.
TEST_F(LoginHostileTest, AnAnswerForWhomIsGoneIsForNobodyElse) {
  hold<OpenSessions>();
  const auto first = walk(steps[3]);
  lab.client(first).dialer.close(wire::CloseReason::logout);
  lab.run(milliseconds{100});
  const auto second = walk(steps[3]);
  release();
  lab.run(milliseconds{200});
  EXPECT_TRUE(last(second).has_login_result());
  EXPECT_EQ(last(second).login_result().session_id(), 51u);
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("session_id"), 50);
}

TEST_F(LoginHostileTest, WhatIsSaidTwiceIsDoneOnce) {
  for (const Step& step : steps) {
    SCOPED_TRACE(step.name);
    const auto begun = lab.count<BeginLogins>();
    std::size_t before = 0, after = 0;
    for (const auto& request : lab.asked) before += step.asks(request);
    holds = step.asks;
    const auto client = walk(step, 3);
    for (const auto& request : lab.asked) after += step.asks(request);
    EXPECT_EQ(after, before + 1);
    EXPECT_LE(lab.count<BeginLogins>(), begun + 1);
    release();
    lab.run(milliseconds{100});
    lab.client(client).dialer.close(wire::CloseReason::logout);
    expect_clean();
  }
}

TEST_F(LoginHostileTest, WithTheDatabaseAwayAtAnyStageTheClientIsTold) {
  for (const Step& step : steps) {
    SCOPED_TRACE(step.name);
    holds = step.asks;
    const auto client = walk(step);
    ASSERT_EQ(lab.pending.size(), 1u);
    holds = [](const DatabaseRequest&) { return false; };
    lab.host.on_database(false, lab.now);
    lab.answer(0, away);
    lab.run(milliseconds{100});
    ASSERT_FALSE(lab.client(client).control.empty());
    if (step.asks == is<SelectSessions> || step.asks == is<ResolveSessions>)
      EXPECT_NE(last(client).waiting().text().find("away"), std::string::npos);
    else
      EXPECT_EQ(refused(client), proto::Refused::BUSY) << last(client).ShortDebugString();
    lab.host.on_database(true, lab.now);
    lab.client(client).dialer.close(wire::CloseReason::logout);
    expect_clean();
  }
}

// Catches a database error that leaves a login hanging, or ends the server.
TEST_F(LoginHostileTest, AnswersThatCannotBeReadEndOnlyTheirLogin) {
  for (const Step& step : steps) {
    for (const Json& rubbish : {Json(), Json(5), Json::array(), Json::array({Json()}), Json{{"x", 1}},
                                Json::array({{{"ref", 1}, {"status", 7}}})}) {
      SCOPED_TRACE(step.name + rubbish.dump());
      holds = step.asks;
      const auto client = walk(step);
      ASSERT_EQ(lab.pending.size(), 1u);
      Json answer = rubbish;
      // The right reference, with nothing that is of use.
      if (const auto* call = std::get_if<OpenSessions>(&lab.pending[0].request);
          call && answer.is_array() && !answer.empty())
        answer = Json::array({{{"ref", call->opens[0].at("ref")}, {"session_id", "x"}}});
      holds = [](const DatabaseRequest&) { return false; };
      lab.answer(0, answer);
      lab.run(seconds{1});
      lab.client(client).dialer.close(wire::CloseReason::logout);
      expect_clean();
    }
  }
}

TEST_F(LoginHostileTest, RubbishIsCountedAndTheConnectionClosedInTime) {
  const auto client = connect();
  const std::vector<std::string> rubbish{"", "\xff", std::string(3000, '\x08'), "\x0a\x7f",
                                         std::string("\x0a\x05\x0a\xff\xff\xff\x0f", 7)};
  for (int second = 0; second < 9; ++second) {
    for (const auto& bytes : rubbish)
      (void)lab.client(client).dialer.send(wire::Channel::control, wire::Delivery::reliable, as_bytes(bytes));
    (void)lab.client(client).dialer.send(wire::Channel::game, wire::Delivery::unreliable, as_bytes("x"));
    (void)lab.client(client).dialer.send(wire::Channel::chat, wire::Delivery::reliable, as_bytes("x"));
    lab.run(seconds{1});
  }
  EXPECT_TRUE(lab.client(client).dialer.is_open());
  EXPECT_GT(lab.host.statistics().messages_malformed, 25u);
  EXPECT_GT(lab.host.statistics().messages_ignored, 20u);
  lab.run(seconds{2});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::lapse);
  expect_clean();
}

// Catches messages that are carried out in a state in which they mean nothing.
TEST_F(LoginHostileTest, WhatComesBeforeItsTimeIsIgnored) {
  const auto client = connect();
  proto::ClientControl message;
  message.mutable_select_character()->set_character_id(7);
  lab.client(client).send(message);
  message.mutable_renew_token();
  lab.client(client).send(message);
  message.mutable_revoke_device()->set_public_key(phone.key());
  lab.client(client).send(message);
  auto& device = *message.mutable_enrol_device();
  device.set_public_key(phone.key());
  device.set_signature(phone.sign("orrery/1 enrol", lab.client(client).handshake_hash));
  lab.client(client).send(message);
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.host.statistics().messages_ignored, 4u);
  EXPECT_TRUE(lab.client(client).control.empty());
  lab.client(client).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  EXPECT_TRUE(last(client).has_login_result());
}

// Catches a client that keeps the database busy with its device keys.
TEST_F(LoginHostileTest, AFloodOfDeviceKeysIsBounded) {
  const auto client = log_in();
  for (int i = 0; i < 100; ++i) {
    proto::ClientControl message;
    message.mutable_revoke_device()->set_public_key(phone.key());
    lab.client(client).send(message);
    lab.run(milliseconds{20});
  }
  EXPECT_EQ(lab.count<ForgetDevice>(), device_messages_max);
}

// Catches a flood that fills what waits for the database with entries of clients that are long gone.
TEST_F(LoginHostileTest, WhatWaitsIsNoMoreThanThereAreClients) {
  hold<BeginLogins>();
  for (int i = 0; i < 300; ++i) {
    const auto client = connect();
    lab.client(client).send(credentials("ann", "correct"));
    lab.run(milliseconds{5});
    lab.client(client).dialer.close(wire::CloseReason::logout);
    lab.run(milliseconds{5});
    lab.clients.clear();
  }
  ASSERT_EQ(lab.pending.size(), 1u);
  release();
  EXPECT_EQ(lab.count<BeginLogins>(), 1u) << "who is gone is not asked for";
  opened = 0;
  expect_clean();
}

// Catches logins that are answered under another's name when many go at once.
TEST_F(LoginHostileTest, ManyLoginsAtOnceShareCallsAndEachGetsItsOwn) {
  std::size_t largest = 0;
  begin = [](const Json& entry) -> Result<Json> {
    const auto name = entry.at("name").get<std::string>();
    const auto number = std::stoul(name.substr(1));
    if (number % 7 == 0) return Error{"no", "OR003"};
    if (number % 5 == 0) return Json{{"wait_ms", number}};
    return Json{{"account_id", number}, {"device_id", number}, {"password_hash", nullptr}};
  };
  open = [&](const Json& entry) -> Result<Json> {
    const auto number = entry.at("account_id").get<std::uint64_t>();
    if (number % 3 == 0) return Error{"banned for good: " + std::to_string(number), "OR002"};
    ++opened;
    return Json{
        {"session_id", 1000 + number}, {"epoch", 3}, {"root", to_hex(key_of(2))}, {"characters", Json::array()}};
  };
  lab.database = [&, scripted = lab.database](const DatabaseRequest& request) {
    if (const auto* call = std::get_if<BeginLogins>(&request)) largest = std::max(largest, call->attempts.size());
    return scripted(request);
  };
  hold<BeginLogins>();
  std::vector<std::size_t> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(connect(("192.0.2." + std::to_string(i % 250)).c_str()));
  for (std::size_t i = 0; i < clients.size(); ++i)
    lab.client(clients[i]).send(device_credentials(clients[i], "n" + std::to_string(i + 1), phone));
  lab.run(milliseconds{200});
  release();
  lab.run(milliseconds{500});
  EXPECT_LE(largest, 200u);
  EXPECT_LE(lab.count<BeginLogins>(), 4u);
  EXPECT_LE(lab.count<OpenSessions>(), 4u);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto number = i + 1;
    SCOPED_TRACE(number);
    ASSERT_FALSE(lab.client(clients[i]).control.empty());
    if (number % 7 == 0) {
      EXPECT_EQ(refused(clients[i]), proto::Refused::CREDENTIALS);
    } else if (number % 5 == 0) {
      EXPECT_EQ(last(clients[i]).refused().retry_after_ms(), number);
    } else if (number % 3 == 0) {
      EXPECT_EQ(last(clients[i]).refused().text(), "banned for good: " + std::to_string(number));
    } else {
      EXPECT_EQ(last(clients[i]).login_result().session_id(), 1000 + number);
    }
  }
}

}  // namespace
}  // namespace orrery::sessiond::test
