// Login: credentials, refusals, several login servers, logging out before play.
#include "client/harness.h"

namespace orrery::client::testing {

namespace {

proto::ServerControl refusal(proto::Refused::Reason reason, std::uint32_t retry_after_ms) {
  proto::ServerControl message;
  message.mutable_refused()->set_reason(reason);
  message.mutable_refused()->set_text("no");
  message.mutable_refused()->set_retry_after_ms(retry_after_ms);
  return message;
}

}  // namespace

using ClientLogin = ClientTest;

// Catches credentials in the wrong fields and characters lost.
TEST_F(ClientLogin, SendsCredentialsAndTellsCharacters) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  ASSERT_EQ(login.controls.size(), 1u);
  EXPECT_EQ(login.controls[0].credentials().name(), "bot0001");
  EXPECT_EQ(login.controls[0].credentials().password(), "secret");
  EXPECT_TRUE(login.controls[0].credentials().one_time_code().empty());
  const auto in = last<LoggedIn>();
  EXPECT_EQ(in.session.value, session);
  ASSERT_EQ(in.characters.size(), 1u);
  EXPECT_EQ(in.characters[0].character_id, 5u);
  EXPECT_EQ(in.characters[0].key, "42");
  EXPECT_FALSE(client->is_finished());
}

// Catches a one-time code sent as a password, or with the new password as the old.
TEST_F(ClientLogin, SendsOneTimeCodeWithTheNewPassword) {
  start({login.address}, {"bot0001", "secret", "code"});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  const auto& credentials = login.controls[0].credentials();
  EXPECT_EQ(credentials.one_time_code(), "code");
  EXPECT_EQ(credentials.new_password(), "secret");
  EXPECT_TRUE(credentials.password().empty());
}

// Catches a refusal that leaves the client waiting, or loses when to come back.
TEST_F(ClientLogin, EndsWhenRefused) {
  login.on_control = [&](const proto::ClientControl&) {
    login.say(refusal(proto::Refused::IN_PLAY, 1500));
    login.endpoint->close(login.connection, wire::CloseReason::refused);
  };
  start({login.address});
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 5s));
  ASSERT_EQ(events.size(), 1u);
  const auto refused = last<LoginRefused>();
  EXPECT_EQ(refused.reason, "in_play");
  EXPECT_EQ(refused.text, "no");
  EXPECT_EQ(refused.retry_after, 1500ms);
}

// Catches a close that swallows a refusal whose message was lost.
TEST_F(ClientLogin, TakesARefusingCloseForARefusal) {
  login.on_control = [&](const proto::ClientControl&) {
    login.endpoint->close(login.connection, wire::CloseReason::refused);
  };
  start({login.address});
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 5s));
  EXPECT_EQ(last<LoginRefused>().reason, "unknown");
  EXPECT_GT(last<LoginRefused>().retry_after, 0s);
}

// Catches a client that does not say why a selection was refused, or that goes on after the login server has ended it.
TEST_F(ClientLogin, IsToldWhyASelectionIsRefusedAndThenEnds) {
  login.on_control = [&](const proto::ClientControl& message) {
    if (message.has_credentials()) login.say(login_result());
    if (!message.has_select_character()) return;
    login.say(refusal(proto::Refused::NO_CHARACTER, 0));
    login.endpoint->close(login.connection, wire::CloseReason::refused);
  };
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  client->select_character(6);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 2s));
  EXPECT_EQ(last<LoginRefused>().reason, "no_character");
  EXPECT_EQ(last<LoggedOut>().reason, "refused");
}

// Catches a client that gives up with the first login server.
TEST_F(ClientLogin, TriesTheNextLoginServer) {
  start({address_of("203.0.113.99:1"), login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  EXPECT_EQ(events.size(), 1u);
}

// Catches a client that waits for ever, or does not say where it tried.
TEST_F(ClientLogin, SaysThatNobodyAnswers) {
  start({address_of("203.0.113.98:1"), address_of("203.0.113.99:1")});
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 60s));
  ASSERT_EQ(events.size(), 1u);
  const auto out = last<LoggedOut>();
  EXPECT_EQ(out.reason, "unreachable");
  EXPECT_NE(out.text.find("203.0.113.98:1, 203.0.113.99:1"), std::string::npos) << out.text;
}

// Catches a client that trusts a server with another key.
TEST_F(ClientLogin, DoesNotTalkToAServerWithAnotherKey) {
  ConnectString connect{"dev", {login.address}, {wire::public_key(key_of(8))}};
  client.emplace(connect, Credentials{"bot0001", "secret"}, random, now);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 60s));
  EXPECT_EQ(last<LoggedOut>().reason, "unreachable");
  EXPECT_EQ(login.opened, 0);
}

// Catches a root secret of another length being padded or cut.
TEST_F(ClientLogin, RefusesAMalformedLoginResult) {
  login.on_control = [&](const proto::ClientControl&) {
    auto result = login_result();
    result.mutable_login_result()->set_root_secret("short");
    login.say(result);
  };
  start({login.address});
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 5s));
  EXPECT_EQ(last<LoggedOut>().reason, "protocol");
  EXPECT_FALSE(has<LoggedIn>());
}

// Catches a session left behind at the login server by a player who leaves the menu.
TEST_F(ClientLogin, LogsOutBeforePlay) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  client->logout();
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 2s));
  EXPECT_EQ(last<LoggedOut>().reason, "logout");
  EXPECT_TRUE(login.controls.back().has_logout());
  EXPECT_EQ(login.closes, std::vector{wire::CloseReason::logout});
}

// Catches a logout that waits for a server that never was.
TEST_F(ClientLogin, LogsOutAtOnceWhileItStillDials) {
  start({address_of("203.0.113.99:1")});
  run_for(100ms);
  client->logout();
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 1s));
  EXPECT_EQ(last<LoggedOut>().reason, "logout");
}

// Catches a crash of, or an answer to, bytes of no meaning.
TEST_F(ClientLogin, BearsRandomDatagramsFromItsServer) {
  start({login.address});
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes(random.next<std::uint16_t>() % 1300);
    random.fill(bytes);
    if (!bytes.empty()) bytes[0] = static_cast<std::uint8_t>(round % 0x22);
    client->on_datagram({login.address, bytes}, now);
  }
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
}

}  // namespace orrery::client::testing
