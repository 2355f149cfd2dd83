#include "login_lab.h"

namespace orrery::sessiond::test {
namespace {

class LoginSessionTest : public LoginLab {
 protected:
  bool live = true;  // another session of the account

  void SetUp() override {
    LoginLab::SetUp();
    open = [this, scripted = open](const Json& entry) -> Result<Json> {
      if (live) return Json{{"status", "superseding"}};
      return scripted(entry);
    };
  }
  proto::ClientControl resolve_of(std::uint64_t id, const std::string& proof = std::string(32, 'p')) {
    proto::ClientControl message;
    message.mutable_resolve()->set_session_id(id);
    message.mutable_resolve()->set_proof(proof);
    return message;
  }
  std::size_t opens() const {
    std::size_t n = 0;
    for (const auto& request : lab.asked)
      if (const auto* call = std::get_if<OpenSessions>(&request)) n += call->opens.size();
    return n;
  }
};

TEST_F(LoginSessionTest, WhoSupersedesWaitsAndIsLetInWhenTheOtherHasEnded) {
  const auto client = say(credentials("ann", "correct"));
  ASSERT_TRUE(last(client).has_waiting());
  EXPECT_EQ(last(client).waiting().text(), "Your other session is being saved and ended.");
  EXPECT_EQ(opens(), 1u);
  lab.run(milliseconds{3200});
  EXPECT_EQ(opens(), 4u) << "asked again each second";
  EXPECT_EQ(lab.client(client).control.size(), 1u) << "and said once";
  live = false;
  lab.agent({{"message", {{"tell", "released"}, {"account_id", 12}}}});
  lab.run(milliseconds{20});
  EXPECT_TRUE(last(client).has_waiting()) << "another account's";
  lab.agent({{"message", {{"tell", "released"}, {"account_id", 11}}}});
  lab.run(milliseconds{20});
  ASSERT_TRUE(last(client).has_login_result());
  lab.run(seconds{5});
  EXPECT_EQ(opens(), 5u);
}

// Catches a tell that comes while the question is under way, and is lost.
TEST_F(LoginSessionTest, AReleaseThatIsToldWhileTheDatabaseIsAskedIsNotLost) {
  const auto client = connect();
  hold<OpenSessions>();
  lab.client(client).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  ASSERT_EQ(lab.pending.size(), 1u);
  lab.agent({{"message", {{"tell", "released"}, {"account_id", 11}}}});
  const Json superseding = *answer(lab.pending[0].request).value();
  live = false;
  holds = [](const DatabaseRequest&) { return false; };
  lab.answer(0, superseding);
  lab.run(milliseconds{50});
  ASSERT_FALSE(lab.client(client).control.empty());
  EXPECT_TRUE(last(client).has_login_result());
}

TEST_F(LoginSessionTest, AnAccountThatIsNotGivenUpIsInPlay) {
  const auto client = say(credentials("ann", "correct"));
  lab.run(seconds{29});
  EXPECT_TRUE(last(client).has_waiting());
  lab.run(seconds{3});
  EXPECT_EQ(refused(client), proto::Refused::IN_PLAY);
  EXPECT_GT(last(client).refused().retry_after_ms(), 0u);
  EXPECT_TRUE(lab.ends().empty());
}

TEST_F(LoginSessionTest, ALoginItselfIsSuperseded) {
  live = false;
  const auto client = log_in();
  lab.release.push_back({{"session_id", 50}, {"epoch", 3}, {"reason", "superseded"}});
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  EXPECT_EQ(last(client).ended().reason(), "superseded");
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::superseded);
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("reason"), "superseded");
  lab.run(seconds{70});
  EXPECT_EQ(lab.ends().size(), 1u);
  EXPECT_TRUE(lab.host.connections().empty());
}

TEST_F(LoginSessionTest, ATokenIsRenewedOnTheLoginConnectionToo) {
  live = false;
  const auto client = log_in();
  proto::ClientControl message;
  message.mutable_renew_token();
  lab.client(client).send(message);
  lab.run(milliseconds{100});
  ASSERT_TRUE(last(client).has_token_renewed());
  EXPECT_EQ(last(client).token_renewed().expires_in_ms(), 1000u);
}

TEST_F(LoginSessionTest, ASessionThatPlaysIsFound) {
  resolve = [this](const Json& entry) -> Result<Json> {
    EXPECT_EQ(entry.at("session_id"), 77);
    EXPECT_EQ(entry.at("proof"), to_hex(as_bytes(std::string(32, 'p'))));
    EXPECT_EQ(entry.at("handshake_hash"), to_hex(lab.client(lab.clients.size() - 1).handshake_hash));
    return Json{{"status", "ready"}, {"owner", target(9, "grid")}, {"chat", nullptr}};
  };
  const auto client = say(resolve_of(77));
  ASSERT_TRUE(last(client).has_redirect());
  EXPECT_EQ(last(client).redirect().targets(0).server_id(), 9u);
  lab.run(seconds{12});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::moved);
  EXPECT_TRUE(lab.ends().empty()) << "the session was never this server's";
}

TEST_F(LoginSessionTest, ASessionWithoutItsServerIsWaitedFor) {
  Json status{{"status", "waiting"}, {"reason", "grid 42 is starting"}};
  std::vector<bool> again;
  resolve = [&](const Json& entry) -> Result<Json> {
    again.push_back(entry.value("again", false));
    return status;
  };
  const auto client = say(resolve_of(77));
  EXPECT_EQ(last(client).waiting().text(), "grid 42 is starting");
  lab.run(seconds{2});
  EXPECT_EQ(again, (std::vector<bool>{false, true, true})) << "its address is charged once";
  up = false;
  lab.run(seconds{2});
  EXPECT_TRUE(last(client).has_waiting());
  up = true;
  status = Json{{"status", "ready"}, {"owner", target(9, "grid")}, {"chat", nullptr}};
  lab.run(seconds{1});
  EXPECT_TRUE(last(client).has_redirect());
}

TEST_F(LoginSessionTest, AWaitForASessionsServerEnds) {
  resolve = [](const Json&) -> Result<Json> { return Json{{"status", "waiting"}, {"reason", "no machine"}}; };
  const auto client = say(resolve_of(77));
  lab.run(seconds{33});
  EXPECT_EQ(refused(client), proto::Refused::NO_SERVER);
  EXPECT_EQ(last(client).refused().text(), "no machine");
}

// Catches an answer that tells a session that exists from one that does not, to who has no proof.
TEST_F(LoginSessionTest, WhatIsNoSessionOrNoProofIsUnknown) {
  std::vector<std::string> answers;
  for (const auto& message : {resolve_of(77), resolve_of(0), resolve_of(UINT64_MAX), resolve_of(77, ""),
                              resolve_of(77, std::string(31, 'p')), resolve_of(77, std::string(3000, 'p'))}) {
    const auto client = say(message);
    EXPECT_EQ(last(client).ended().reason(), "unknown");
    EXPECT_EQ(lab.client(client).closed, wire::CloseReason::refused);
    answers.push_back(last(client).SerializeAsString());
  }
  for (const auto& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_EQ(lab.count<ResolveSessions>(), answers.size()) << "each is charged";
  resolve = [](const Json&) -> Result<Json> { return Json{{"wait_ms", 1000}}; };
  EXPECT_EQ(refused(say(resolve_of(77))), proto::Refused::LIMITED);
  resolve = [](const Json&) -> Result<Json> { return Json{{"status", "ended"}, {"reason", "logout"}}; };
  EXPECT_EQ(last(say(resolve_of(77))).ended().reason(), "logout");
}

// Keys.

class LoginKeysTest : public LoginLab {
 protected:
  Json keys{to_hex(key_of(6)), to_hex(key_of(5))};
  int version = 2;
  void SetUp() override {
    LoginLab::SetUp();
    lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
      if (std::holds_alternative<GetKeys>(request)) return Json{{"version", version}, {"static_keys", keys}};
      if (holds(request)) return std::nullopt;
      return answer(request);
    };
  }
  void rotate() {
    lab.keys_version = version;
    lab.agent({{"message", {{"tell", "sync"}}}});
    lab.run(milliseconds{50});
  }
  Json published() const {
    Json last;
    for (const auto& request : lab.asked)
      if (const auto* call = std::get_if<PublishKeys>(&request)) last = call->public_keys;
    return last;
  }
};

TEST_F(LoginKeysTest, ARotatedKeyIsFetchedAcceptedAndPublished) {
  const auto before = connect();
  rotate();
  EXPECT_EQ(lab.count<GetKeys>(), 1u);
  EXPECT_EQ(published(), Json::array({to_hex(wire::public_key(key_of(6))), to_hex(wire::public_key(key_of(5)))}));
  lab.client(before).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  EXPECT_TRUE(last(before).has_login_result()) << "a login under way goes on";
  const auto after = lab.login("198.51.100.1", key_of(6));
  EXPECT_TRUE(lab.run_until(seconds{2}, [&] { return lab.client(after).dialer.is_open(); }));
  lab.run(seconds{6});
  EXPECT_EQ(lab.count<GetKeys>(), 1u) << "fetched once";
  EXPECT_TRUE(lab.ready);
}

TEST_F(LoginKeysTest, WhatIsNoListOfKeysChangesNothing) {
  for (const Json& bad : {Json(), Json::array(), Json("x"), Json::array({5}), Json::array({"00"}),
                          Json::array({keys[0], keys[0], keys[0], keys[0], keys[0]})}) {
    keys = bad;
    rotate();
  }
  EXPECT_EQ(published(), Json::array({to_hex(wire::public_key(key_of(5)))}));
  connect();
  const auto fetched = lab.count<GetKeys>();
  keys = Json::array({to_hex(key_of(6))});
  rotate();
  EXPECT_EQ(lab.count<GetKeys>(), fetched + 1) << "it is tried again";
  EXPECT_EQ(published(), Json::array({to_hex(wire::public_key(key_of(6)))}));
}

TEST_F(LoginKeysTest, ThePublicationIsTriedAgain) {
  const auto before = lab.count<PublishKeys>();
  up = false;
  lab.keys_version = version;
  lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<GetKeys>(request)) return Json{{"version", version}, {"static_keys", keys}};
    if (std::holds_alternative<PublishKeys>(request) && !up) return Result<Json>(away);
    return std::nullopt;
  };
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{2500});
  EXPECT_EQ(lab.count<PublishKeys>(), before + 3);
  up = true;
  lab.run(seconds{5});
  EXPECT_EQ(lab.count<PublishKeys>(), before + 4);
}

}  // namespace
}  // namespace orrery::sessiond::test
