#include "login_lab.h"

namespace orrery::sessiond::test {
namespace {

class LoginTest : public LoginLab {};

TEST_F(LoginTest, ReadyOnceTheKeyIsPublishedAndTheDummyMade) {
  EXPECT_TRUE(lab.ready);
  ASSERT_EQ(lab.count<PublishKeys>(), 1u);
  for (const auto& request : lab.asked)
    if (const auto* publish = std::get_if<PublishKeys>(&request)) {
      EXPECT_EQ(publish->public_keys, Json::array({to_hex(wire::public_key(key_of(5)))}));
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
  const auto asked = lab.count<SelectSessions>();
  lab.run(milliseconds{2100});
  EXPECT_EQ(lab.count<SelectSessions>(), asked + 2) << "asked again each second";
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
  attempt(credentials("banned", "wrong"));
  attempt(credentials("fresh", "correct"));
  attempt(credentials("fresh", "new", "BADCODE"));
  attempt(credentials("", ""));
  attempt(credentials(std::string(4000, 'x'), "correct"));
  attempt(credentials(std::string("ann\0", 4), "correct"));
  for (const auto& answer : answers) EXPECT_EQ(answer, answers[0]);
  EXPECT_EQ(lab.count<OpenSessions>(), 0u);
}

TEST_F(LoginTest, AnUnknownNameCostsAVerificationOfTheSameCost) {
  lab.hashing = false;
  for (const char* name : {"ann", "nobody", "banned", "fresh"}) {
    say(credentials(name, "wrong"));
    lab.host.on_hash_done(HashDone{.id = lab.hashes.back().id}, lab.now);
  }
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
  EXPECT_EQ(lab.count<SelectSessions>(), 0u);
}

TEST_F(LoginTest, WhatTheDatabaseCannotTakeIsRefusedAndNotTriedAgain) {
  selected = Error{"bigint out of range", "22003"};
  const auto client = log_in();
  select(client, 7);
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::NO_CHARACTER);
  lab.run(seconds{5});
  EXPECT_EQ(lab.count<SelectSessions>(), 1u);

  lab.database = [](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<BeginLogins>(request)) return Result<Json>(Error{"invalid byte sequence", "22021"});
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
  EXPECT_EQ(lab.count<BeginLogins>(), 3u);
  EXPECT_EQ(lab.count<SetPassword>(), 1u);
}

TEST_F(LoginTest, ASessionThatIsNotItsOwnAnyMoreEndsTheLoginNotTheServer) {
  const auto client = log_in();
  const auto syncs = lab.count<Sync>();
  selected = Error{"session 50, epoch 3, is not at this server", "OR007"};
  select(client, 7);
  EXPECT_EQ(lab.count<Sync>(), syncs + 1) << "tells why, and would tell, were it the server";
  EXPECT_EQ(lab.client(client).closed, std::nullopt);
  lab.run(seconds{2});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::kicked) << "when it does not tell";
  EXPECT_EQ(last(client).ended().reason(), "ended");
  EXPECT_EQ(lab.exit_code, std::nullopt);
}

TEST_F(LoginTest, WhyASessionIsNotItsOwnAnyMoreIsToldWhenItIsKnown) {
  const auto client = log_in();
  selected = Error{"session 50, epoch 3, is not at this server", "OR007"};
  lab.ended.push_back({{"session_id", 50}, {"epoch", 3}, {"role", "owner"}, {"reason", "superseded"}});
  select(client, 7);
  lab.run(milliseconds{100});
  EXPECT_EQ(last(client).ended().reason(), "superseded");
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::superseded);
  EXPECT_EQ(lab.exit_code, std::nullopt);
}

TEST_F(LoginTest, DetailsThatAreNoTextAreSurvived) {
  open = [scripted = open](const Json& entry) {
    Result<Json> answer = scripted(entry);
    (*answer)["characters"][0]["details"] = {{"skill", "\xff"}};
    return answer;
  };
  const auto client = log_in();
  EXPECT_EQ(last(client).login_result().characters(0).details(), "{\"skill\":\"\xef\xbf\xbd\"}");
}

// Catches a list that is longer than a message may be: the client would get nothing, and wait.
TEST_F(LoginTest, AListOfCharactersThatDoesNotFitIsCut) {
  std::size_t count = 30, details_bytes = 600;
  open = [&, scripted = open](const Json& entry) {
    Result<Json> answer = scripted(entry);
    Json characters = Json::array();
    for (std::size_t i = 1; i <= count; ++i)
      characters.push_back({{"character_id", i},
                            {"name", "pilot"},
                            {"kind", "grid"},
                            {"key", "42"},
                            {"details", {{"story", std::string(details_bytes, 'x')}}}});
    (*answer)["characters"] = std::move(characters);
    return answer;
  };
  const auto told = [&] { return last(log_in()).login_result(); };
  auto result = told();
  ASSERT_EQ(result.characters_size(), 30);
  EXPECT_GT(result.characters(0).details().size(), details_bytes);
  EXPECT_EQ(result.characters(29).details(), "{}") << "the last ones' details go first";
  EXPECT_LE(result.ByteSizeLong(), 12u * 1024);
  EXPECT_GT(result.ByteSizeLong(), 11u * 1024) << "and no more of them than must";
  count = 5000;
  const auto client = log_in();
  result = last(client).login_result();
  EXPECT_LT(result.characters_size(), 1000);
  EXPECT_EQ(result.characters(0).details(), "{}");
  EXPECT_LE(last(client).ByteSizeLong(), 12u * 1024);
  EXPECT_GT(result.ByteSizeLong(), 11u * 1024);
  select(client, 5000);
  EXPECT_TRUE(last(client).has_waiting()) << "who is not on the list can be played all the same";
}

TEST_F(LoginTest, AFailedServerIsSaidWithItsReason) {
  const auto client = log_in();
  select(client, 7);
  const auto second = log_in();
  select(second, 7);
  const auto asked = lab.count<SelectSessions>();
  lab.agent({{"message", {{"tell", "failed"}, {"kind", "grid"}, {"key", "42"}, {"reason", "not READY within 10 ms"}}}});
  lab.run(milliseconds{100});
  EXPECT_EQ(last(client).refused().reason(), proto::Refused::NO_SERVER);
  EXPECT_EQ(last(client).refused().text(), "not READY within 10 ms");
  EXPECT_EQ(last(second).refused().reason(), proto::Refused::NO_SERVER);
  EXPECT_EQ(lab.count<SelectSessions>(), asked) << "asking would start it again";
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

TEST_F(LoginTest, ALoginThatIdlesTimesOut) {
  const auto nothing = connect();
  lab.run(seconds{9});
  EXPECT_EQ(lab.client(nothing).closed, std::nullopt);
  const auto selecting = log_in();
  lab.run(seconds{2});
  EXPECT_EQ(lab.client(nothing).closed, wire::CloseReason::lapse);
  EXPECT_EQ(last(nothing).ended().reason(), "login_timeout");
  lab.run(seconds{57});
  EXPECT_EQ(lab.client(selecting).closed, std::nullopt);
  lab.run(seconds{2});
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
