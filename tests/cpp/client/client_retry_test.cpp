// A login that is begun again by itself, when it is asked to: busy, limited, nobody there.
#include "client/harness.h"

namespace orrery::client::testing {

class ClientRetry : public ClientTest {
 protected:
  // Refuses `times` logins at whichever server is asked, then takes them.
  void refuse(proto::Refused::Reason reason, std::uint32_t retry_after_ms, int times) {
    for (Server* server : {&login, &other_login}) {
      server->on_control = [=, this](const proto::ClientControl& message) {
        if (!message.has_credentials()) return;
        asked.push_back(now);
        if (static_cast<int>(asked.size()) > times) return server->say(login_result());
        proto::ServerControl no;
        no.mutable_refused()->set_reason(reason);
        no.mutable_refused()->set_text("no");
        no.mutable_refused()->set_retry_after_ms(retry_after_ms);
        server->say(no);
        server->endpoint->close(server->connection, wire::CloseReason::refused);
      };
    }
  }
  std::vector<Instant> asked;
};

// Catches a client that comes back early, or with other credentials than it was given.
TEST_F(ClientRetry, ComesBackWhenTheServerSaid) {
  refuse(proto::Refused::BUSY, 3000, 2);
  start({login.address}, {"bot0001", "secret"}, {.retries = 5});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }, 20s));
  EXPECT_EQ(count<LoginRetried>(), 2u);
  EXPECT_EQ(last<LoginRetried>().reason, "busy");
  EXPECT_FALSE(has<LoginRefused>());
  ASSERT_EQ(asked.size(), 3u);
  for (int i = 1; i < 3; ++i) {
    EXPECT_GE(asked[i] - asked[i - 1], 3s);
    EXPECT_LE(asked[i] - asked[i - 1], 4s);
  }
  EXPECT_EQ(login.controls.back().credentials().password(), "secret");
  EXPECT_EQ(client->statistics().login_retries, 2u);
}

// Catches a client that comes back for ever.
TEST_F(ClientRetry, EndsWithTheLastRetry) {
  refuse(proto::Refused::LIMITED, 500, 100);
  start({login.address}, {"bot0001", "secret"}, {.retries = 3});
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 20s));
  EXPECT_EQ(asked.size(), 4u);
  EXPECT_EQ(last<LoginRefused>().reason, "limited");
  EXPECT_EQ(last<LoginRefused>().retry_after, 500ms);
  EXPECT_FALSE(last<LoginRefused>().hint.empty());
}

// Catches a wait without end that a server could ask for.
TEST_F(ClientRetry, DoesNotWaitLongerThanItMay) {
  refuse(proto::Refused::LIMITED, 61'000, 1);
  start({login.address}, {"bot0001", "secret"}, {.retries = 3});
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 5s));
  EXPECT_EQ(last<LoginRefused>().reason, "limited");
}

// Catches wrong credentials tried again until the account is locked, and a ban knocked at.
TEST_F(ClientRetry, DoesNotRepeatWhatWillNotPass) {
  for (const auto reason : {proto::Refused::CREDENTIALS, proto::Refused::BANNED}) {
    asked.clear();
    events.clear();
    refuse(reason, 1000, 100);
    start({login.address}, {"bot0001", "secret"}, {.retries = 3});
    ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 5s));
    EXPECT_EQ(asked.size(), 1u);
    EXPECT_EQ(last<LoginRefused>().reason, reason == proto::Refused::BANNED ? "banned" : "credentials");
  }
}

// Catches one busy login server asked again and again beside another that is free.
TEST_F(ClientRetry, GoesOnToTheNextServer) {
  refuse(proto::Refused::BUSY, 1000, 1);
  start({login.address, other_login.address}, {"bot0001", "secret"}, {.retries = 1});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }, 10s));
  EXPECT_EQ(login.opened, 1);
  EXPECT_EQ(other_login.opened, 1);
}

// Catches a client that is started before its cluster.
TEST_F(ClientRetry, WaitsForAServerToBeThere) {
  login.is_down = true;
  start({login.address}, {"bot0001", "secret"}, {.retries = 3});
  run_for(12s);
  EXPECT_EQ(last<LoginRetried>().reason, "unreachable");
  login.is_down = false;
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }, 20s));
}

// Catches a logout that waits for a retry to come.
TEST_F(ClientRetry, EndsByLogoutBetweenTwoTries) {
  refuse(proto::Refused::BUSY, 30'000, 100);
  start({login.address}, {"bot0001", "secret"}, {.retries = 3});
  ASSERT_TRUE(run_until([&] { return has<LoginRetried>(); }, 5s));
  client->logout();
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 2s));
  EXPECT_EQ(last<LoggedOut>().reason, "logout");
}

// Catches five seconds lost at each address that the machine itself knows to be out of reach.
TEST_F(ClientRetry, LeavesAnAddressThatTheSystemCannotReach) {
  const auto nowhere = address_of("[2001:db8::99]:7777");
  start({nowhere, login.address});
  run_for(5ms);
  client->on_unreachable(nowhere, now);
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }, 1s));
  client->on_unreachable(login.address, now);
  run_for(1s);
  EXPECT_FALSE(has<LoggedOut>()) << "a connection that stands is not ended by a hint";
}

}  // namespace orrery::client::testing
