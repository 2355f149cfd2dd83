// Drops: what a client does when its owner falls silent, and what it never does.
#include "client/harness.h"
#include "wire/crypto.h"

namespace orrery::client::testing {

namespace {

proto::ServerControl waiting_for(const char* text) {
  proto::ServerControl message;
  message.mutable_waiting()->set_text(text);
  return message;
}

constexpr std::uint8_t attach_packet = 0x05;
constexpr std::uint8_t attached_packet = 0x06;
constexpr std::uint8_t data_packet = 0x10;

}  // namespace

class ClientResume : public ClientTest {
 protected:
  proto::ServerControl to_other_zone() const {
    return redirect_to({target_of(other_zone, 5, 12, "owner", "grid", "42")});
  }
};

// Catches a drop that is not noticed after 2 s, and one that ends the game.
TEST_F(ClientResume, GoesOnAtAnOwnerThatWasAway) {
  play();
  run_for(5s);
  EXPECT_FALSE(has<Dropped>()) << "an owner that is only quiet";
  zone.is_down = true;
  run_for(900ms);  // it may have been quiet for a second before
  EXPECT_FALSE(has<Dropped>());
  ASSERT_TRUE(run_until([&] { return has<Dropped>(); }, 1200ms));
  EXPECT_GE(last<Dropped>().silence, 2s);
  EXPECT_LE(last<Dropped>().silence, 2100ms);
  run_for(2s);
  zone.is_down = false;
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 3s));
  EXPECT_GE(last<Resumed>().gap, 4s);
  EXPECT_LE(last<Resumed>().gap, 8s);
  EXPECT_EQ(count<Entered>(), 2u) << "the owner is the same";
  client->move(1, 2, 3);
  ASSERT_TRUE(run_until([&] { return !zone.games.empty(); }, 1s));
  run_for(20s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_EQ(count<Dropped>(), 1u);
  EXPECT_EQ(count<Resumed>(), 1u);
  EXPECT_EQ(client->statistics().drops, 1u);
  EXPECT_EQ(client->statistics().resumes, 1u);
  EXPECT_EQ(client->statistics().gap_longest, last<Resumed>().gap);
}

// Catches keys of an attach used again: a server that has lost them must be able to take the client back.
TEST_F(ClientResume, AttachesAnewWhereTheConnectionWasLost) {
  play();
  zone.endpoint = std::make_unique<wire::Endpoint>(Server::config(), random);
  expect_at(zone, 3, 10);
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 5s));
  ASSERT_TRUE(run_until([&] { return zone.opened == 2; }, 1s));
  zone.say_notice(proto::Notice::SHUTDOWN_WARNING, 17, 5);
  EXPECT_TRUE(run_until([&] { return has<NoticeShown>(); }, 1s));
  run_for(20s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_TRUE(zone.closes.empty()) << "a goodbye of the old connection ended the new one";
}

// Catches a goodbye on the old connection that ends the new one, which to the server is the same.
TEST_F(ClientResume, DoesNotSayGoodbyeWhereItStays) {
  play();
  is_cut = [this, is_over = false](const Address& from, const Address& to, ByteView bytes) mutable {
    is_over |= bytes[0] == attached_packet;
    return !is_over && bytes[0] == data_packet && (from == zone.address || to == zone.address);
  };
  ASSERT_TRUE(run_until([&] { return has<Resumed>() && zone.opened == 2; }, 6s));
  run_for(20s);
  EXPECT_TRUE(zone.closes.empty());
  EXPECT_EQ(count<Dropped>(), 1u);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches a connection that is thrown away though it works again.
TEST_F(ClientResume, KeepsTheConnectionThatIsHeardAgain) {
  play();
  is_cut = [&](const Address&, const Address& to, ByteView bytes) {
    return to == zone.address && bytes[0] == attach_packet;
  };
  zone.is_down = true;
  ASSERT_TRUE(run_until([&] { return has<Dropped>(); }, 4s));
  zone.is_down = false;
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 4s));
  is_cut = nullptr;
  run_for(20s);
  EXPECT_EQ(zone.opened, 1);
  EXPECT_EQ(count<Resumed>(), 1u);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches a client that waits at a dead owner while a login server knows of another, and a wrong proof.
TEST_F(ClientResume, AsksTheLoginServersWhereItsSessionIs) {
  answer_resolve(login, [&] { login.say(to_other_zone()); });
  play();
  expect_at(other_zone, 5, 12);
  zone.is_down = true;
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 6s));
  EXPECT_EQ(last<Entered>().server.value, 5u);
  EXPECT_LE(last<Resumed>().gap, 4s);
  ASSERT_TRUE(run_until([&] { return login.closes.size() == 2; }, 2s));
  EXPECT_EQ(login.closes.back(), wire::CloseReason::moved);
  zone.is_down = false;
  run_for(20s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_EQ(count<Dropped>(), 1u);
}

// Catches a client that knows only the login server it came by.
TEST_F(ClientResume, AsksEachLoginServerInTurn) {
  answer_resolve(other_login, [&] { other_login.say(to_other_zone()); });
  play({login.address, other_login.address});
  expect_at(other_zone, 5, 12);
  zone.is_down = login.is_down = true;
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 10s));
  EXPECT_EQ(last<Entered>().server.value, 5u);
}

// Catches a client that goes on asking where the login servers were, and one that is led to another cluster.
TEST_F(ClientResume, AsksTheLoginServersThatItIsTold) {
  answer_resolve(other_login, [&] { other_login.say(to_other_zone()); });
  play({login.address});
  expect_at(other_zone, 5, 12);
  zone.is_down = login.is_down = true;
  run_for(20s);
  EXPECT_FALSE(has<Resumed>());
  auto elsewhere = connect_to({other_login.address});
  elsewhere.cluster = "live";
  EXPECT_EQ(client->use(elsewhere).error().code, "EINVAL");
  EXPECT_EQ(client->use(connect_to({})).error().code, "EINVAL");
  ASSERT_TRUE(client->use(connect_to({other_login.address})));
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 4s));
  EXPECT_EQ(last<Entered>().server.value, 5u);
}

// Catches an answer to come that is not waited for.
TEST_F(ClientResume, WaitsForTheRedirectThatFollows) {
  answer_resolve(login, [&] { login.say(waiting_for("grid 42 is starting")); });
  play();
  zone.is_down = true;
  ASSERT_TRUE(run_until([&] { return has<WaitingForServer>(); }, 5s));
  EXPECT_EQ(last<WaitingForServer>().text, "grid 42 is starting");
  run_for(20s);
  EXPECT_EQ(count<WaitingForServer>(), 1u);
  expect_at(other_zone, 5, 12);
  login.say(to_other_zone());
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 2s));
  EXPECT_GE(last<Resumed>().gap, 20s);
}

// Catches a session looked for that is known to be over.
TEST_F(ClientResume, EndsWhenALoginServerSaysThatItIsOver) {
  answer_resolve(login, [&] { login.say_ended("kicked"); });
  play();
  zone.is_down = true;
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 6s));
  EXPECT_EQ(last<LoggedOut>().reason, "kicked");
}

// Catches a client that never gives up, gives up early, or does not say where it tried; and one that floods meanwhile.
TEST_F(ClientResume, GivesUpAfterAMinute) {
  play({login.address, other_login.address});
  for (Server* server : servers) server->is_down = true;
  sent_to.clear();
  run_for(61s);
  EXPECT_FALSE(has<LoggedOut>());
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 3s));
  EXPECT_EQ(last<LoggedOut>().reason, "lapse");
  EXPECT_NE(last<LoggedOut>().text.find("grid 42 at 203.0.113.1:20001"), std::string::npos) << last<LoggedOut>().text;
  EXPECT_FALSE(last<LoggedOut>().hint.empty());
  int sent = 0;
  for (const auto& [address, datagrams] : sent_to) sent += datagrams;
  EXPECT_LT(sent, 260);
  EXPECT_EQ(sent_to.size(), 4u);
}

// Catches a client that is kept waiting by a login server that is alive and says nothing.
TEST_F(ClientResume, AsksAgainWhenThereIsNoAnswer) {
  int asked = 0;
  answer_resolve(login, [&] {
    if (++asked == 3) login.say(to_other_zone());
  });
  play();
  expect_at(other_zone, 5, 12);
  zone.is_down = true;
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 30s));
  EXPECT_EQ(asked, 3);
}

// Catches a limit that is not kept to.
TEST_F(ClientResume, ComesBackToALoginServerWhenItSays) {
  std::vector<Instant> asked;
  answer_resolve(login, [&] {
    asked.push_back(now);
    proto::ServerControl message;
    message.mutable_refused()->set_reason(proto::Refused::LIMITED);
    message.mutable_refused()->set_retry_after_ms(7000);
    asked.size() == 1 ? login.say(message) : login.say(to_other_zone());
  });
  play();
  expect_at(other_zone, 5, 12);
  zone.is_down = true;
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 30s));
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_GE(asked[1] - asked[0], 7s);
  EXPECT_LE(asked[1] - asked[0], 10s);
}

// Catches two clients of one account that take turns for ever, and a player who was sent away and comes back.
TEST_F(ClientResume, DoesNotComeBackWhenSentAway) {
  using enum wire::CloseReason;
  for (const auto reason : {superseded, kicked, logout, shutdown}) {
    for (const bool is_said : {true, false}) {
      for (Server* server : servers) {
        server->endpoint = std::make_unique<wire::Endpoint>(Server::config(), random);
        server->opened = 0;
      }
      accept_logins(login);
      answer_resolve(login, [&] { login.say(to_other_zone()); });
      events.clear();
      play();
      expect_at(other_zone, 5, 12);
      if (is_said) zone.say_ended(wire::to_string(reason));
      zone.endpoint->forget(SessionId{session}, reason);
      ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 3s));
      EXPECT_EQ(last<LoggedOut>().reason, wire::to_string(reason));
      EXPECT_FALSE(last<LoggedOut>().hint.empty());
      EXPECT_FALSE(has<Dropped>());
      sent_to.clear();
      run_for(120s);
      EXPECT_TRUE(sent_to.empty()) << wire::to_string(reason);
      EXPECT_FALSE(client->next_deadline());
    }
  }
}

// Catches a hand-off whose redirect was lost, taken for the end.
TEST_F(ClientResume, LooksForASessionThatMovedWithoutIt) {
  answer_resolve(login, [&] { login.say(to_other_zone()); });
  play();
  expect_at(other_zone, 5, 12);
  zone.endpoint->forget(SessionId{session}, wire::CloseReason::moved);
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 3s));
  EXPECT_EQ(last<Entered>().server.value, 5u);
}

// Catches a redirect to a server that is not there, for which there is no way back.
TEST_F(ClientResume, AsksWhenItsNextOwnerDoesNotAnswer) {
  answer_resolve(login, [&] { login.say(redirect_to({target_of(other_zone, 5, 14, "owner", "grid", "42")})); });
  play();
  expect_at(other_zone, 5, 14);
  auto nobody = target_of(other_zone, 6, 12, "owner", "grid", "42");
  nobody.set_host("203.0.113.77");
  zone.say(redirect_to({nobody}));
  ASSERT_TRUE(run_until([&] { return has<Resumed>(); }, 8s));
  EXPECT_EQ(last<Entered>().server.value, 5u);
}

// Catches an attachment that can tear the player from its owner for good by naming one that does not exist.
TEST_F(ClientResume, IsNotLedAwayByAnAttachment) {
  answer_resolve(login, [&] { login.say(redirect_to({target_of(zone, 3, 10, "owner", "grid", "42")})); });
  play();
  auto nobody = target_of(other_zone, 6, ~std::uint64_t{0}, "owner", "grid", "42");
  nobody.set_host("203.0.113.77");
  chat.say(redirect_to({nobody}));
  run_for(20s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_EQ(count<Dropped>(), count<Resumed>());
  nobody.set_host("no address");
  chat.say(redirect_to({nobody}));
  expect_at(other_zone, 5, 12);
  zone.say(to_other_zone());
  ASSERT_TRUE(run_until([&] { return last<Entered>().server.value == 5; }, 5s));
  run_for(20s);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches the login server's last word lost with the server that was to say it.
TEST_F(ClientResume, LooksForItsSessionWhenTheLoginServerDiesOverASelection) {
  answer_resolve(other_login, [&] { other_login.say(to_other_zone()); });
  start({login.address, other_login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  client->select_character(5);
  run_for(100ms);
  login.is_down = true;
  expect_at(other_zone, 5, 12);
  ASSERT_TRUE(run_until([&] { return has<Entered>(); }, 20s));
  EXPECT_FALSE(has<Dropped>()) << "it was not in play";
}

// Catches a new network, or a forgotten port translation, that costs the connection.
TEST_F(ClientResume, GoesOnFromAnotherPortWhenThePathIsDead) {
  play();
  rebinds_move = true;
  const Address old = client_address;
  run_for(5s);
  EXPECT_EQ(rebinds, 0);
  is_cut = [&](const Address& from, const Address& to, ByteView) { return from == old || to == old; };
  client->move(1, 1, 0);
  ASSERT_TRUE(run_until([&] { return rebinds == 1; }, 2s));
  client->move(2, 2, 0);
  ASSERT_TRUE(run_until([&] { return !zone.games.empty(); }, 1s));
  run_for(20s);
  EXPECT_EQ(rebinds, 1);
  EXPECT_EQ(zone.opened, 1) << "it migrates, and does not attach anew";
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_EQ(count<Dropped>(), count<Resumed>());
}

// Catches a state from which there is no way on that only a lossy network leads to.
TEST_F(ClientResume, BearsDropsOverALossyNetwork) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (Server* server : servers) {
      server->endpoint = std::make_unique<wire::Endpoint>(Server::config(), random);
      server->opened = 0;
    }
    accept_logins(login);
    answer_resolve(login, [&] {
      // The client may have found its owner, and left, with the question still on its way.
      const auto answer = redirect_to({target_of(zone, 3, 10, "owner", "grid", "42")}).SerializeAsString();
      (void)login.endpoint->send(login.connection, wire::Channel::control, wire::Delivery::reliable, as_bytes(answer));
    });
    random = SeededRandom(seed);
    loss = 0;
    events.clear();
    play();
    loss = 0.3;
    for (int drop = 0; drop < 4; ++drop) {
      zone.is_down = true;
      run_for(std::chrono::milliseconds{500 + random.next<std::uint16_t>() % 30000});
      zone.is_down = false;
      if (drop == 2) {
        zone.endpoint = std::make_unique<wire::Endpoint>(Server::config(), random);
        expect_at(zone, 3, 10);
      }
      run_for(20s);
    }
    loss = 0;
    run_for(20s);
    EXPECT_FALSE(has<LoggedOut>()) << "seed " << seed;
    EXPECT_EQ(count<Dropped>(), count<Resumed>()) << "seed " << seed;
    EXPECT_GE(count<Dropped>(), 1u) << "seed " << seed;
    const auto games = zone.games.size();
    client->move(1, 2, 3);
    EXPECT_TRUE(run_until([&] { return zone.games.size() > games; }, 1s)) << "seed " << seed;
  }
}

}  // namespace orrery::client::testing
