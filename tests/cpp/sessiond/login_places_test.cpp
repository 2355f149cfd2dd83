// Whose login has a place when there are few: connections that say nothing, from one address, from some, and from all
// over a /16.
#include "login_lab.h"

namespace orrery::sessiond::test {
namespace {

/// A login server of 16 logins, 8 of them for the unfinished ones of one address.
class LoginPlacesTest : public LoginLab {
 protected:
  static constexpr std::size_t places = 16, share = unfinished_least;
  void SetUp() override {
    lab.info["settings"]["logins_max"] = places;
    LoginLab::SetUp();
  }
  std::size_t idle(const std::string& from) {
    const auto client = lab.login(from.c_str());
    lab.run(milliseconds{5});
    return client;
  }
  /// From the nth address of a /16.
  std::size_t idle_of_16(std::size_t n) {
    return idle("10.1." + std::to_string(n / 250) + "." + std::to_string(n % 250));
  }
  std::size_t idle_beside(std::size_t n, const std::string& from) {
    for (std::size_t i = 1; i < n; ++i) (void)idle(from);
    return idle(from);
  }
  bool is_busy(std::size_t client) {
    const auto& said = lab.client(client).control;
    return !said.empty() && said.back().refused().reason() == proto::Refused::BUSY &&
           said.back().refused().retry_after_ms() > 0;
  }
  std::size_t busy() {
    std::size_t n = 0;
    for (std::size_t client = 0; client < lab.clients.size(); ++client) n += is_busy(client);
    return n;
  }
  bool logs_in(std::size_t client) {
    lab.client(client).send(credentials("ann", "correct"));
    lab.run(milliseconds{100});
    return !lab.client(client).control.empty() && last(client).has_login_result();
  }
};

// Catches one address that takes every place with connections that say nothing.
TEST_F(LoginPlacesTest, AnAddressHasItsShareOfThem) {
  const auto last_taken = idle_beside(share, "192.0.2.1");
  const auto beyond = idle("192.0.2.1");
  EXPECT_TRUE(is_busy(beyond));
  EXPECT_EQ(busy(), 1u);
  EXPECT_EQ(lab.host.connections().size(), share);
  EXPECT_TRUE(logs_in(idle("192.0.2.2")));
  EXPECT_TRUE(logs_in(last_taken));
  EXPECT_FALSE(is_busy(idle("192.0.2.1"))) << "who has shown credentials is not counted";
  EXPECT_TRUE(is_busy(idle("192.0.2.1")));
  (void)idle_beside(share, "2001:db8::1");
  EXPECT_TRUE(is_busy(idle("2001:db8::ffff:1"))) << "one /64, one share";
}

TEST_F(LoginPlacesTest, WrongCredentialsKeepNoPlace) {
  (void)idle_beside(share - 1, "192.0.2.1");
  const auto wrong = idle("192.0.2.1");
  lab.client(wrong).send(credentials("ann", "wrong"));
  lab.run(milliseconds{100});
  EXPECT_EQ(refused(wrong), proto::Refused::CREDENTIALS);
  EXPECT_FALSE(is_busy(idle("192.0.2.1")));
  EXPECT_TRUE(is_busy(idle("192.0.2.1")));
}

// Catches a few addresses that take every place between them.
TEST_F(LoginPlacesTest, WhoHasMostGivesWayToWhoHasFewer) {
  (void)idle_beside(share, "192.0.2.1");
  (void)idle_beside(share, "192.0.2.2");
  EXPECT_EQ(busy(), 0u);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(logs_in(idle("198.51.100.1"))) << i;
  EXPECT_EQ(busy(), 4u);
  for (const std::size_t gone : {0, 1, 8, 9}) EXPECT_TRUE(is_busy(gone)) << "the oldest of each in turn";
  EXPECT_EQ(lab.host.connections().size(), places);
}

// Catches an honest player who is crowded out by a network of attackers each of whom has no more than he.
TEST_F(LoginPlacesTest, AWholeNetworkOfIdleLoginsLocksNobodyOut) {
  std::size_t attackers = 0;
  const auto attack = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) EXPECT_FALSE(is_busy(idle_of_16(attackers++)));
  };
  attack(3 * places);
  EXPECT_EQ(lab.host.connections().size(), places);
  for (int i = 0; i < 3; ++i) {
    const auto player = idle("198.51.100.1");
    attack(places - 2);
    EXPECT_TRUE(logs_in(player)) << "his place was his for as long as any newcomer's";
    attack(2 * places);
    select(player, 7);
    EXPECT_TRUE(last(player).has_waiting()) << "who has shown credentials keeps it";
    lab.client(player).dialer.close(wire::CloseReason::logout);
    lab.run(milliseconds{5});
  }
  EXPECT_EQ(lab.host.connections().size(), places - 1);
}

TEST_F(LoginPlacesTest, WhoHasShownCredentialsGivesWayToNobody) {
  std::vector<std::size_t> players;
  for (std::size_t i = 0; i < places; ++i) {
    players.push_back(idle("192.0.2." + std::to_string(i % 2)));
    EXPECT_TRUE(logs_in(players.back()));
  }
  EXPECT_TRUE(is_busy(idle("198.51.100.1")));
  EXPECT_EQ(busy(), 1u);
  lab.client(players[0]).dialer.close(wire::CloseReason::logout);
  lab.run(milliseconds{5});
  EXPECT_TRUE(logs_in(idle("198.51.100.1")));
}

TEST_F(LoginPlacesTest, NorWhoHasProvedHisSession) {
  resolve = [](const Json& entry) -> Result<Json> {
    if (entry.at("session_id") == 7) return Json{{"status", "waiting"}, {"reason", "grid 42 is starting"}};
    return Json{{"status", "ended"}, {"reason", "unknown"}};
  };
  proto::ClientControl message;
  message.mutable_resolve()->set_session_id(7);
  message.mutable_resolve()->set_proof(std::string(32, 'p'));
  const auto returning = idle("192.0.2.1");
  lab.client(returning).send(message);
  lab.run(milliseconds{100});
  EXPECT_TRUE(last(returning).has_waiting());
  for (std::size_t n = 0; n < 2 * places; ++n) (void)idle_of_16(n);
  EXPECT_FALSE(is_busy(returning));
  EXPECT_FALSE(lab.client(returning).closed);
  // While the database is asked nothing is proved.
  hold<ResolveSessions>();
  const auto asking = idle("192.0.2.2");
  lab.client(asking).send(message);
  lab.run(milliseconds{5});
  ASSERT_EQ(lab.pending.size(), 1u);
  for (std::size_t n = 0; n < 2 * places; ++n) (void)idle_of_16(n);
  EXPECT_TRUE(is_busy(asking));
  release();
}

// Catches the account of places that does not balance once connections close by themselves.
TEST_F(LoginPlacesTest, PlacesAreGivenBack) {
  for (int round = 0; round < 3; ++round) {
    for (const char* from : {"192.0.2.1", "192.0.2.2"}) {
      (void)idle_beside(share / 2, from);
      lab.client(idle_beside(share / 2, from)).dialer.close(wire::CloseReason::logout);
    }
    lab.run(credentials_within + seconds{1});
    EXPECT_EQ(lab.host.connections().size(), 0u) << "who says nothing for 10 s is told so";
    lab.clients.clear();
  }
}

}  // namespace
}  // namespace orrery::sessiond::test
