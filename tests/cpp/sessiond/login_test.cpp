#include "lab.h"
#include "sessiond/login_core.h"

namespace orrery::sessiond::test {
namespace {

/// Of "correct", once for all tests: hashing takes its time.
const std::string& stored_hash() {
  static const std::string hash = run_hash_job(HashJob{HashId{1}, "correct", {}}).hash;
  return hash;
}

proto::ClientControl credentials(const std::string& name, const std::string& password, const std::string& code = {}) {
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

class LoginTest : public ::testing::Test {
 protected:
  Lab<LoginCore> lab{"login"};
  Result<Json> selected = Json{{"status", "waiting"}, {"reason", "grid 42 is starting"}};
  bool up = true;
  std::uint64_t session = 50;  // the next to be opened
  bool play = true;            // session_open gives a session

  void SetUp() override {
    lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
      if (!up) return Result<Json>(away);
      if (const auto* r = std::get_if<GetCredential>(&request)) {
        if (r->name == "ann") return Json{{"account_id", 11}, {"active", true}, {"password_hash", stored_hash()}};
        if (r->name == "banned") return Json{{"account_id", 12}, {"active", false}, {"password_hash", stored_hash()}};
        if (r->name == "fresh") return Json{{"account_id", 13}, {"active", true}, {"password_hash", nullptr}};
        return Json();
      }
      if (const auto* r = std::get_if<SetPassword>(&request)) {
        if (r->name == "fresh" && r->one_time_code == "CODE") return Json{{"account_id", 13}, {"active", true}};
        return Json();
      }
      if (std::holds_alternative<OpenSession>(request)) {
        if (!play) return Result<Json>(Error{"account 11 is in play", "OR008", "Try again in 10 s."});
        return Json{
            {"session_id", session},
            {"epoch", 3},
            {"root", to_hex(key_of(2))},
            {"characters",
             {{{"character_id", 7}, {"name", "Vega"}, {"kind", "grid"}, {"key", "42"}, {"details", {{"skill", 1}}}}}}};
      }
      if (std::holds_alternative<SelectSession>(request)) return selected;
      if (std::holds_alternative<EndSessions>(request)) return Json();
      return std::nullopt;
    };
    lab.start();
  }
  std::size_t connect() {
    const auto client = lab.login();
    EXPECT_TRUE(lab.run_until(seconds{2}, [&] { return lab.client(client).dialer.is_open(); }));
    return client;
  }
  std::size_t log_in() {
    const auto client = connect();
    lab.client(client).send(credentials("ann", "correct"));
    lab.run(milliseconds{100});
    EXPECT_TRUE(!lab.client(client).control.empty() && lab.client(client).control.back().has_login_result());
    return client;
  }
  void select(std::size_t client, std::uint64_t character) {
    proto::ClientControl message;
    message.mutable_select_character()->set_character_id(character);
    lab.client(client).send(message);
    lab.run(milliseconds{100});
  }
  const proto::ServerControl& last(std::size_t client) { return lab.client(client).control.back(); }
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

TEST_F(LoginTest, ReadyOnceTheKeyIsPublishedAndTheDummyMade) {
  EXPECT_TRUE(lab.ready);
  ASSERT_EQ(lab.count<PublishKey>(), 1u);
  for (const auto& request : lab.asked)
    if (const auto* publish = std::get_if<PublishKey>(&request)) {
      EXPECT_EQ(publish->public_key_hex, to_hex(wire::public_key(key_of(5))));
    }
}

TEST_F(LoginTest, ALoginReachesItsServer) {
  const auto client = log_in();
  const auto& result = last(client).login_result();
  EXPECT_EQ(result.session_id(), 50u);
  EXPECT_EQ(to_hex(as_bytes(result.root_secret())), to_hex(key_of(2)));
  ASSERT_EQ(result.characters_size(), 1);
  EXPECT_EQ(result.characters(0).name(), "Vega");
  select(client, 7);
  ASSERT_TRUE(last(client).has_waiting());
  EXPECT_EQ(last(client).waiting().text(), "grid 42 is starting");
  const auto asked = lab.count<SelectSession>();
  lab.run(milliseconds{2100});
  EXPECT_EQ(lab.count<SelectSession>(), asked + 2) << "asked again each second";
  EXPECT_TRUE(last(client).has_waiting());

  selected = Json{{"status", "ready"}, {"owner", target(9, "grid")}, {"chat", target(3, "chat")}};
  lab.agent({{"message", {{"tell", "ready"}, {"kind", "grid"}, {"key", "43"}}}});
  EXPECT_FALSE(last(client).has_redirect()) << "another grid's";
  lab.agent({{"message", {{"tell", "ready"}, {"kind", "grid"}, {"key", "42"}}}});
  lab.run(milliseconds{20});
  ASSERT_TRUE(last(client).has_redirect());
  const auto& redirect = last(client).redirect();
  ASSERT_EQ(redirect.targets_size(), 2);
  EXPECT_EQ(redirect.targets(0).role(), "owner");
  EXPECT_EQ(redirect.targets(0).server_id(), 9u);
  EXPECT_EQ(redirect.targets(0).epoch(), 4u);
  EXPECT_EQ(redirect.targets(0).host(), "192.0.2.9");
  EXPECT_EQ(redirect.targets(1).role(), "chat");

  ASSERT_EQ(lab.links.size(), 2u);
  const auto opened = wire::open_link(key_of(30), lab.links[0].bytes);
  ASSERT_TRUE(opened);
  proto::LinkMessage link;
  ASSERT_TRUE(link.ParseFromArray(opened->payload.data(), static_cast<int>(opened->payload.size())));
  EXPECT_EQ(link.arrival().session_id(), 50u);
  EXPECT_EQ(link.arrival().epoch(), 4u);
  EXPECT_EQ(lab.links[0].to.to_string(), "10.0.0.9:30001");

  // It is another's now: neither the connection's end nor this server's ends the session.
  lab.client(client).dialer.close(wire::CloseReason::moved);
  lab.run(seconds{15});
  EXPECT_TRUE(lab.ends().empty());
  EXPECT_TRUE(lab.host.sessions().empty());
  EXPECT_TRUE(lab.host.connections().empty());
}

TEST_F(LoginTest, AClientThatStaysAfterTheRedirectIsClosed) {
  selected = Json{{"status", "ready"}, {"owner", target(9, "grid")}, {"chat", nullptr}};
  const auto client = log_in();
  select(client, 7);
  ASSERT_TRUE(last(client).has_redirect());
  lab.run(seconds{9});
  EXPECT_TRUE(lab.client(client).dialer.is_open());
  lab.run(seconds{2});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::moved);
  EXPECT_TRUE(lab.ends().empty());
}

TEST_F(LoginTest, RefusalsSayNothingOfWhatWasWrong) {
  std::vector<std::string> answers;
  const auto attempt = [&](const proto::ClientControl& message) {
    const auto client = connect();
    lab.client(client).send(message);
    lab.run(milliseconds{100});
    ASSERT_FALSE(lab.client(client).control.empty());
    EXPECT_EQ(last(client).refused().reason(), proto::Refused::CREDENTIALS);
    EXPECT_EQ(lab.client(client).closed, wire::CloseReason::refused);
    answers.push_back(last(client).SerializeAsString());
  };
  lab.hashing = true;
  attempt(credentials("ann", "wrong"));
  attempt(credentials("nobody", "correct"));
  attempt(credentials("banned", "correct"));
  attempt(credentials("fresh", "correct"));
  attempt(credentials("fresh", "new", "BADCODE"));
  attempt(credentials("", ""));
  attempt(credentials(std::string(5000, 'x'), "correct"));
  attempt(credentials(std::string("ann\0", 4), "correct"));
  for (const auto& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_EQ(lab.count<OpenSession>(), 0u);
}

TEST_F(LoginTest, AnUnknownNameCostsAVerificationOfTheSameCost) {
  lab.hashing = false;
  for (const char* name : {"ann", "nobody", "banned", "fresh"}) lab.client(connect()).send(credentials(name, "wrong"));
  lab.run(milliseconds{100});
  ASSERT_EQ(lab.hashes.size(), 4u);
  const auto cost = [](const std::string& hash) { return hash.substr(0, hash.rfind('$', hash.rfind('$') - 1)); };
  for (const auto& job : lab.hashes) {
    EXPECT_EQ(job.password, "wrong");
    EXPECT_EQ(cost(job.hash), cost(stored_hash()));
    EXPECT_EQ(cost(job.hash), "$argon2id$v=19$m=65536,t=2,p=1");
  }
}

TEST_F(LoginTest, AOneTimeCodeSetsAPassword) {
  const auto client = connect();
  lab.client(client).send(credentials("fresh", "my new one", "CODE"));
  lab.run(milliseconds{100});
  ASSERT_TRUE(last(client).has_login_result());
  for (const auto& request : lab.asked)
    if (const auto* set = std::get_if<SetPassword>(&request)) {
      EXPECT_TRUE(run_hash_job(HashJob{HashId{1}, "my new one", set->password_hash}).verified);
    }
}

TEST_F(LoginTest, AFullHashQueueIsBusy) {
  lab.hashing = false;
  for (int i = 0; i < 5; ++i) lab.client(connect()).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.hashes.size(), 5u);  // hash_threads + hash_queue_max
  const auto client = connect();
  lab.client(client).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.hashes.size(), 5u);
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::BUSY);
  EXPECT_GT(last(client).refused().retry_after_ms(), 0u);
}

TEST_F(LoginTest, WithTheDatabaseAwayALoginIsBusy) {
  up = false;
  const auto asked = connect();
  lab.client(asked).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  EXPECT_EQ(last(asked).refused().reason(), proto::Refused::BUSY);
  lab.host.on_database(false, lab.now);
  const auto client = connect();
  lab.client(client).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::BUSY);
  EXPECT_GT(last(client).refused().retry_after_ms(), 0u);
}

TEST_F(LoginTest, AnAccountInPlayIsSaidSo) {
  play = false;
  const auto client = connect();
  lab.client(client).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::IN_PLAY);
  EXPECT_NE(last(client).refused().text().find("10 s"), std::string::npos);
}

TEST_F(LoginTest, AnothersCharacterIsRefused) {
  selected = Error{"no such character", "OR001"};
  const auto client = log_in();
  select(client, 999);
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::NO_CHARACTER);
  lab.run(milliseconds{100});
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("session_id"), 50);
}

TEST_F(LoginTest, NoServerInTime) {
  const auto client = log_in();
  select(client, 7);
  lab.run(seconds{29});
  EXPECT_TRUE(last(client).has_waiting());
  lab.run(seconds{2});
  ASSERT_TRUE(last(client).has_refused());
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::NO_SERVER);
  EXPECT_EQ(last(client).refused().text(), "grid 42 is starting");
  EXPECT_EQ(lab.ends().size(), 1u);
}

TEST_F(LoginTest, ACharacterIdThatNoRowCanHaveIsRefusedAtOnce) {
  const auto client = log_in();
  select(client, std::uint64_t{1} << 63);
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::NO_CHARACTER);
  EXPECT_EQ(lab.count<SelectSession>(), 0u);
}

TEST_F(LoginTest, WhatTheDatabaseCannotTakeIsRefusedAndNotTriedAgain) {
  selected = Error{"bigint out of range", "22003"};
  const auto client = log_in();
  select(client, 7);
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::NO_CHARACTER);
  lab.run(seconds{5});
  EXPECT_EQ(lab.count<SelectSession>(), 1u);

  lab.database = [](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<GetCredential>(request)) return Result<Json>(Error{"invalid byte sequence", "22021"});
    if (std::holds_alternative<SetPassword>(request)) return Result<Json>(Error{"check violation", "23514"});
    return Result<Json>(Json());
  };
  for (const char* code : {"", "CODE"}) {
    const auto other = connect();
    lab.client(other).send(credentials("ann", "correct", code));
    lab.run(milliseconds{100});
    EXPECT_EQ(last(other).refused().reason(), proto::Refused::CREDENTIALS);
    EXPECT_EQ(last(other).refused().text(), credentials_refused);
  }
  EXPECT_EQ(lab.count<GetCredential>(), 2u);
  EXPECT_EQ(lab.count<SetPassword>(), 1u);
}

TEST_F(LoginTest, ASessionThatIsNotItsOwnAnyMoreEndsTheLoginNotTheServer) {
  const auto client = log_in();
  const auto syncs = lab.count<Sync>();
  selected = Error{"session 50, epoch 3, is not at this server", "OR007"};
  select(client, 7);
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::kicked);
  EXPECT_EQ(lab.count<Sync>(), syncs + 1) << "would tell, were it the server";
  EXPECT_EQ(lab.exit_code, std::nullopt);
}

TEST_F(LoginTest, DetailsThatAreNoTextAreSurvived) {
  const auto scripted = lab.database;
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    std::optional<Result<Json>> answer = scripted(request);
    if (std::holds_alternative<OpenSession>(request)) (**answer)["characters"][0]["details"] = {{"skill", "\xff"}};
    return answer;
  };
  const auto client = log_in();
  EXPECT_EQ(last(client).login_result().characters(0).details(), "{\"skill\":\"\xef\xbf\xbd\"}");
}

TEST_F(LoginTest, AFailedServerIsSaidWithItsReason) {
  const auto client = log_in();
  select(client, 7);
  session = 51;
  const auto second = log_in();
  select(second, 7);
  const auto asked = lab.count<SelectSession>();
  lab.agent({{"message", {{"tell", "failed"}, {"kind", "grid"}, {"key", "42"}, {"reason", "not READY within 10 ms"}}}});
  lab.run(milliseconds{100});
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::NO_SERVER);
  EXPECT_EQ(last(client).refused().text(), "not READY within 10 ms");
  EXPECT_EQ(last(second).refused().reason(), proto::Refused::NO_SERVER);
  EXPECT_EQ(lab.count<SelectSession>(), asked) << "asking would start it again";
}

TEST_F(LoginTest, ALapseBeforeTheHandOffEndsTheSession) {
  const auto client = log_in();
  lab.client(client).silent = true;
  lab.run(seconds{15});
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("session_id"), 50);
  EXPECT_EQ(lab.ends()[0].at("epoch"), 3);
  EXPECT_EQ(lab.ends()[0].at("reason"), "lapse");
}

TEST_F(LoginTest, AClientThatGoesWhileItsSessionOpensLeavesNone) {
  const auto scripted = lab.database;
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<OpenSession>(request)) return std::nullopt;
    return scripted(request);
  };
  const auto client = connect();
  lab.client(client).send(credentials("ann", "correct"));
  lab.run(milliseconds{100});
  ASSERT_EQ(lab.pending.size(), 1u);
  lab.client(client).dialer.close(wire::CloseReason::logout);
  lab.run(milliseconds{200});
  lab.answer(0, *scripted(OpenSession{}));
  lab.run(milliseconds{100});
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("session_id"), 50);
  EXPECT_TRUE(lab.host.sessions().empty());
}

TEST_F(LoginTest, ALoginThatIdlesTimesOut) {
  const auto nothing = connect();
  const auto selecting = log_in();
  lab.run(seconds{59});
  EXPECT_EQ(lab.client(nothing).closed, std::nullopt);
  lab.run(seconds{2});
  EXPECT_TRUE(lab.client(nothing).closed);
  EXPECT_TRUE(lab.client(selecting).closed);
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("reason"), "login_timeout");
}

TEST_F(LoginTest, AKickedLoginIsClosed) {
  const auto client = log_in();
  lab.ended.push_back({{"session_id", 50}, {"epoch", 3}, {"role", "owner"}, {"reason", "kicked"}});
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::kicked);
  lab.run(seconds{70});
  EXPECT_TRUE(lab.ends().empty());
}

}  // namespace
}  // namespace orrery::sessiond::test
