// Tokens: kept, taken up by another client, renewed.
#include "client/harness.h"

namespace orrery::client::testing {

class ClientToken : public ClientTest {
 protected:
  proto::ServerControl renewed(std::uint64_t expires_in_ms) const {
    proto::ServerControl message;
    message.mutable_token_renewed()->set_expires_in_ms(expires_in_ms);
    return message;
  }
  void play_with_life(std::uint64_t expires_in_ms) {
    login.on_control = [this, expires_in_ms](const proto::ClientControl&) {
      auto result = login_result();
      result.mutable_login_result()->set_token_expires_in_ms(expires_in_ms);
      login.say(result);
    };
    play();
  }
  std::vector<Instant> asked;
  void count_renewals(std::uint64_t answer_ms) {
    zone.on_control = [this, answer_ms](const proto::ClientControl& message) {
      if (!message.has_renew_token()) return;
      asked.push_back(now);
      if (answer_ms != 0) zone.say(renewed(answer_ms));
    };
  }
};

// Catches a session that cannot be taken up by the process after, or only with a login.
TEST_F(ClientToken, TakesUpASessionInAnotherClient) {
  play();
  const auto kept = client->token();
  ASSERT_TRUE(kept);
  const auto read = Token::parse(kept->to_text() + "\n");
  ASSERT_TRUE(read) << read.error().message;
  events.clear();
  answer_resolve(login, [&] {
    login.say(
        redirect_to({target_of(zone, 3, 10, "owner", "grid", "42"), target_of(chat, 4, 11, "chat", "chat", "main")}));
  });
  client.emplace(connect_to({login.address}), *read, random, now);
  ASSERT_TRUE(run_until([&] { return count<Entered>() == 2; }, 2s));
  EXPECT_FALSE(has<LoggedIn>());
  EXPECT_FALSE(has<Resumed>());
  client->move(1, 2, 3);
  ASSERT_TRUE(run_until([&] { return !zone.games.empty(); }, 1s));
  ASSERT_TRUE(client->chat("back again"));
  ASSERT_TRUE(run_until([&] { return !chat.chats.empty(); }, 1s));
  run_for(20s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_TRUE(zone.closes.empty());
  ASSERT_FALSE(zone.controls.empty()) << "how long it is good for is asked";
  EXPECT_TRUE(zone.controls.front().has_renew_token());
}

// Catches a token of a session that is over, for which the player waits a minute.
TEST_F(ClientToken, OfASessionThatIsOverIsTheEnd) {
  answer_resolve(login, [&] { login.say_ended("unknown"); });
  client.emplace(connect_to({login.address}), Token(SessionId{session}, root), random, now);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 3s));
  EXPECT_EQ(last<LoggedOut>().reason, "unknown");
  EXPECT_FALSE(client->token());
}

// Catches a player kept waiting though no login server is there, and an end that does not say which were tried.
TEST_F(ClientToken, SaysThatNobodyAnswers) {
  const auto nobody = address_of("203.0.113.99:1");
  client.emplace(connect_to({nobody}), Token(SessionId{session}, root), random, now);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 10s));
  EXPECT_EQ(last<LoggedOut>().reason, "unreachable");
  EXPECT_NE(last<LoggedOut>().text.find("203.0.113.99:1"), std::string::npos);
}

// Catches another's secret taken for a token.
TEST_F(ClientToken, IsReadOnlyWhenItIsWhole) {
  const std::string hex(64, 'a');
  EXPECT_TRUE(Token::parse("77:" + hex));
  for (const std::string& text : {std::string(), hex, ":" + hex, "0:" + hex, "x:" + hex, "-1:" + hex, "77:" + hex + "a",
                                  std::string("77:"), "77 :" + hex, "99999999999999999999999:" + hex}) {
    EXPECT_FALSE(Token::parse(text)) << text;
  }
  EXPECT_TRUE(DeviceKey::parse(hex));
  EXPECT_FALSE(DeviceKey::parse(hex + "a"));
}

// Catches a session that ends while it is played because its token ran out.
TEST_F(ClientToken, IsRenewedAtHalfOfItsLife) {
  count_renewals(60'000);
  play_with_life(60'000);
  EXPECT_EQ(std::chrono::ceil<std::chrono::minutes>(client->token()->expires_in.value()), 1min);
  run_for(28s);
  EXPECT_TRUE(asked.empty());
  run_for(3s);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_GT(client->token()->expires_in, 55s);
  run_for(5min);
  EXPECT_EQ(asked.size(), 11u);
  EXPECT_EQ(client->statistics().tokens_renewed, 11u);
}

// Catches a renewal given up because its answer never came, and one that is asked for without end.
TEST_F(ClientToken, IsAskedForAgainWhenNobodyAnswers) {
  count_renewals(0);
  play_with_life(60'000);
  run_for(4min);
  EXPECT_GE(asked.size(), 3u);
  EXPECT_LE(asked.size(), 4u);
}

// Catches a renewal that an owner who handed the session over did not answer, forgotten until the token has expired.
TEST_F(ClientToken, IsAskedForAgainOfTheNextOwner) {
  count_renewals(0);
  play_with_life(60'000);
  run_for(31s);
  ASSERT_EQ(asked.size(), 1u);
  expect_at(zone, 3, 12);
  zone.say(redirect_to({target_of(zone, 3, 12, "owner", "grid", "42")}));
  run_for(1s);
  EXPECT_EQ(asked.size(), 2u);
}

// Catches a life that overflows, and a server that makes its client ask all the time.
TEST_F(ClientToken, BearsLivesThatMakeNoSense) {
  count_renewals(1);
  play_with_life(~std::uint64_t{0});
  EXPECT_GT(client->token()->expires_in, 24h * 300);
  run_for(2min);
  EXPECT_TRUE(asked.empty());
  zone.say(renewed(1));
  run_for(2min);
  EXPECT_LE(asked.size(), 12u);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches a renewal of the owner's taken from whom it does not concern.
TEST_F(ClientToken, IsNotRenewedByAnAttachment) {
  play_with_life(60'000);
  chat.say(renewed(1'000'000));
  run_for(1s);
  EXPECT_LT(client->token()->expires_in, 60s);
}

}  // namespace orrery::client::testing
