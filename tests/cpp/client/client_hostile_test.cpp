// Servers that mean ill: what they can make a client hold, dial and wait for.
#include "client/harness.h"

namespace orrery::client::testing {

class ClientHostile : public ClientTest {
 protected:
  // A target nobody has named before, each at an address of its own.
  static proto::Target target_number(std::uint32_t number, const char* role) {
    proto::Target target;
    target.set_server_id(1000 + number);
    target.set_epoch(1000 + number);
    target.set_host("198.18." + std::to_string(number / 256 % 256) + "." + std::to_string(number % 256));
    target.set_port(1 + number % 60'000);
    target.set_role(role);
    return target;
  }
  std::size_t dialed() const {
    std::size_t strangers = 0;
    for (const auto& [address, datagrams] : sent_to) strangers += address.host().starts_with("198.18.") ? 1 : 0;
    return strangers;
  }
};

// Catches a client that can be made to knock at ten thousand doors.
TEST_F(ClientHostile, CannotMakeItDialArbitrarilyManyTargets) {
  play();
  std::uint32_t number = 0;
  const Instant begun = now;
  for (int round = 0; round < 300; ++round) {
    proto::ServerControl message;
    for (int i = 0; i < 30; ++i) {
      *message.mutable_redirect()->add_targets() = target_number(++number, i % 3 == 0 ? "owner" : "chat");
    }
    chat.say(message);
    zone.say(message);
    run_for(100ms);
  }
  const auto seconds = static_cast<std::size_t>((now - begun) / 1s);
  EXPECT_LE(dialed(), 16 + seconds);
  EXPECT_GT(client->statistics().redirects_ignored, 8000u);
  int most = 0;
  for (const auto& [address, datagrams] : sent_to)
    if (address.host().starts_with("198.18.")) most = std::max(most, datagrams);
  EXPECT_LE(most, 25);
}

// Catches roles without end, each of which would be dialed and kept.
TEST_F(ClientHostile, CannotAttachItEverywhere) {
  play();
  for (std::uint32_t number = 0; number < 50; ++number) {
    zone.say(redirect_to({target_number(number, ("role" + std::to_string(number)).c_str())}));
    run_for(2s);
  }
  EXPECT_LE(dialed(), 3u);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches a datagram to all, to a group, or to nobody.
TEST_F(ClientHostile, CannotMakeItSpeakToGroups) {
  for (const char* host : {"224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "::", "239.1.1.1", "localhost", ""}) {
    login.on_control = [this](const proto::ClientControl& message) {
      if (message.has_credentials()) login.say(login_result());
    };
    events.clear();
    sent_to.clear();
    start({login.address});
    ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
    auto target = target_of(zone, 3, 10, "owner", "grid", "42");
    target.set_host(host);
    login.say(redirect_to({target}));
    ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 5s)) << host;
    EXPECT_EQ(last<LoggedOut>().reason, "protocol");
    EXPECT_EQ(sent_to.size(), 1u) << host;
  }
}

// Catches memory that grows with what is said, when its owner does not look.
TEST_F(ClientHostile, CannotFillItsMemoryWithEvents) {
  play();
  chat.say_channels(0);
  for (std::uint32_t number = 1; number <= 20'000; ++number) {
    proto::ServerChat line;
    line.mutable_message_shown()->set_channel(1);
    line.mutable_message_shown()->set_number(number);
    line.mutable_message_shown()->set_text("again");
    while (!chat.endpoint->send(chat.connection, wire::Channel::chat, wire::Delivery::reliable,
                                as_bytes(line.SerializeAsString()))) {
      run_unseen(50ms);
    }
  }
  run_unseen(5s);
  EXPECT_GT(client->statistics().events_lost, 10'000u);
  step();
  EXPECT_LE(events.size(), 5'000u);
  zone.say_ended("kicked");
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 3s));
  EXPECT_EQ(last<LoggedOut>().reason, "kicked") << "the end is told all the same";
}

// Catches a character list of millions.
TEST_F(ClientHostile, CannotSendItCharactersWithoutEnd) {
  login.on_control = [this](const proto::ClientControl&) {
    auto result = login_result();
    for (int i = 0; i < 3'000; ++i) result.mutable_login_result()->add_characters();
    login.say(result);
  };
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  EXPECT_EQ(last<LoggedIn>().characters.size(), 256u);
}

// Catches a player who waits for ever at a server that keeps the connection and says nothing.
TEST_F(ClientHostile, CannotKeepItWaitingInSilence) {
  login.on_control = nullptr;
  start({login.address, other_login.address});
  other_login.on_control = [this](const proto::ClientControl& message) {
    if (message.has_credentials()) other_login.say(login_result());
  };
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }, 40s)) << "the next login server is asked";
  client->select_character(5);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 150s));
  EXPECT_EQ(last<LoggedOut>().reason, "lapse");
}

// Catches a redirect that names the owner twice, and words on connections that they do not belong to.
TEST_F(ClientHostile, BearsAnswersThatMakeNoSense) {
  answer_resolve(login, [&] {
    const auto there = target_of(zone, 3, 10, "owner", "grid", "42");
    login.say(redirect_to({there, there, target_number(1, "owner"), there, target_number(2, "chat"), there}));
    login.say(login_result());
    proto::ServerControl refused;
    refused.mutable_refused()->set_retry_after_ms(~std::uint32_t{0});
    login.say(refused);
    login.say(redirect_to({there, target_number(3, "owner"), there}));
  });
  play();
  zone.say(login_result());
  zone.is_down = true;
  run_for(5s);
  zone.is_down = false;
  run_for(70s);
  EXPECT_EQ(count<LoggedIn>(), 1u);
  EXPECT_TRUE(has<Resumed>() || has<LoggedOut>());
}

// Catches a crash, a hang or a spin over control messages that parse and mean anything, on every kind of connection.
TEST_F(ClientHostile, BearsRandomControlMessages) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 engine(seed);
    const auto number = [&](std::uint64_t below) { return engine() % below; };
    for (Server* server : servers) server->endpoint = std::make_unique<wire::Endpoint>(Server::config(), random);
    for (Server* server : {&login, &other_login}) accept_logins(*server);
    events.clear();
    sent_to.clear();
    zone.opened = chat.opened = 0;
    zone.is_down = false;
    login.on_control = [this](const proto::ClientControl& message) {
      if (message.has_credentials()) login.say(login_result());
    };
    play();
    Server* const places[] = {&zone, &chat, &login, &other_zone};
    const auto anything = [&] {
      proto::ServerControl message;
      switch (number(9)) {
        case 0: {
          for (auto left = number(6); left > 0; --left) {
            auto target = number(2) != 0 ? target_of(*places[number(4)], number(8), number(20), "owner", "k", "1")
                                         : target_number(static_cast<std::uint32_t>(number(1 << 20)), "owner");
            if (number(2) != 0) target.set_role(number(2) != 0 ? "chat" : std::string(number(300), 'r'));
            if (number(8) == 0) target.set_host("?");
            if (number(8) == 0) target.set_port(static_cast<std::uint32_t>(engine()));
            *message.mutable_redirect()->add_targets() = target;
          }
          message.mutable_redirect();
          break;
        }
        case 1:
          message = login_result();
          message.mutable_login_result()->set_token_expires_in_ms(engine() >> number(64));
          break;
        case 2:
          message.mutable_refused()->set_reason(static_cast<proto::Refused::Reason>(number(9)));
          message.mutable_refused()->set_retry_after_ms(static_cast<std::uint32_t>(engine()));
          break;
        case 3:
          message.mutable_waiting()->set_text(std::string(number(2000), 'w'));
          break;
        case 4:
          message.mutable_notice()->set_notice_id(engine());
          break;
        case 5:
          if (number(20) == 0) message.mutable_ended()->set_reason(std::string(number(50), 'e'));
          break;
        case 6:
          message.mutable_device_enrolled()->set_public_key(std::string(number(40), 'k'));
          break;
        case 7:
          message.mutable_device_revoked()->set_public_key(std::string(number(40), 'k'));
          break;
        default:
          message.mutable_token_renewed()->set_expires_in_ms(engine() >> number(64));
      }
      return message;
    };
    login.on_control = [&](const proto::ClientControl&) {
      for (auto left = number(4); left > 0; --left) login.say(anything());
    };
    const Instant begun = now;
    for (int round = 0; round < 150 && !client->is_finished(); ++round) {
      for (Server* server : {&zone, &chat}) {
        const auto bytes = anything().SerializeAsString();
        (void)server->endpoint->send(server->connection, wire::Channel::control, wire::Delivery::reliable,
                                     as_bytes(bytes));
      }
      if (number(40) == 0) zone.is_down = !zone.is_down;
      run_for(std::chrono::milliseconds{number(1500)});
      const auto due = client->next_deadline();
      EXPECT_TRUE(client->is_finished() || (due && *due >= now - 5ms)) << "seed " << seed << ": it would spin";
    }
    EXPECT_LE(dialed(), 17 + static_cast<std::size_t>((now - begun) / 1s)) << "seed " << seed;
    for (Server* server : servers) server->is_down = true;
    ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 80s)) << "seed " << seed << ": it hangs";
    for (Server* server : servers) server->is_down = false;
    EXPECT_EQ(count<LoggedOut>() + (has<LoginRefused>() ? 1 : 0) > 0, true);
  }
}

}  // namespace orrery::client::testing
