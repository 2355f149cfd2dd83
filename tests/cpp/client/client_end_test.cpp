// How play ends: notices of a shutdown, the end itself, lapse, logout.
#include "client/harness.h"

namespace orrery::client::testing {

using ClientEnd = ClientTest;

// Catches a notice shown once for each way it came by, and one of the countdown swallowed as a copy of another.
TEST_F(ClientEnd, ShowsEachNoticeOnce) {
  play();
  for (Server* server : {&zone, &chat, &zone}) {
    server->say_notice(proto::Notice::SHUTDOWN_WARNING, 17, 5);
    for (const std::uint32_t left : {5u, 4u, 3u}) server->say_notice(proto::Notice::SHUTDOWN_COUNTDOWN, 17, left);
    run_for(200ms);
  }
  EXPECT_EQ(count<NoticeShown>(), 4u);
  EXPECT_EQ(last<NoticeShown>().kind, "countdown");
  EXPECT_EQ(last<NoticeShown>().seconds_left, 3u);
  EXPECT_EQ(last<NoticeShown>().text, "the cluster stops");
  chat.say_notice(proto::Notice::SHUTDOWN_CANCELLED, 17, 0);
  chat.say_notice(proto::Notice::SHUTDOWN_WARNING, 18, 5);
  ASSERT_TRUE(run_until([&] { return count<NoticeShown>() == 6; }, 1s));
}

// Catches a player who is not told why, or told twice.
TEST_F(ClientEnd, IsToldThatTheSessionEnded) {
  play();
  zone.say_ended("shutdown");
  zone.endpoint->forget(SessionId{session}, wire::CloseReason::shutdown);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 2s));
  EXPECT_EQ(count<LoggedOut>(), 1u);
  EXPECT_EQ(last<LoggedOut>().reason, "shutdown");
  EXPECT_EQ(chat.closes, std::vector{wire::CloseReason::logout});
}

// Catches a close whose reason is lost when the words before it were.
TEST_F(ClientEnd, TakesTheReasonOfAClose) {
  play();
  zone.endpoint->forget(SessionId{session}, wire::CloseReason::shutdown);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 2s));
  EXPECT_EQ(last<LoggedOut>().reason, "shutdown");
}

// Catches an attachment that speaks for the session.
TEST_F(ClientEnd, IsNotEndedByAnAttachment) {
  play();
  chat.say_ended("shutdown");
  chat.endpoint->forget(SessionId{session}, wire::CloseReason::shutdown);
  run_for(3s);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches a client that waits for a dead owner for ever, or gives up on one that is only slow.
TEST_F(ClientEnd, LapsesWhenTheOwnerIsSilent) {
  play();
  zone.is_down = true;
  run_for(7s);
  EXPECT_FALSE(has<LoggedOut>());
  run_for(50s);
  EXPECT_FALSE(has<LoggedOut>());
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 10s));
  EXPECT_EQ(last<LoggedOut>().reason, "lapse");
  EXPECT_EQ(chat.closes, std::vector{wire::CloseReason::logout});
}

// Catches keys that outlive a server's memory: one that was restarted does not know the client, and says nothing.
TEST_F(ClientEnd, LapsesWhenTheOwnerWasRestartedWithoutIt) {
  play();
  zone.endpoint = std::make_unique<wire::Endpoint>(Server::config(), random);
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 65s));
  EXPECT_EQ(last<LoggedOut>().reason, "lapse");
  EXPECT_EQ(zone.opened, 1);
}

// Catches a redirect to a server that never answers leaving the player hanging.
TEST_F(ClientEnd, LapsesWhenTheOwnerCannotBeReached) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  login.say(redirect_to({target_of(zone, 3, 10, "owner", "grid", "42")}));
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 70s));
  EXPECT_EQ(last<LoggedOut>().reason, "lapse");
  EXPECT_NE(last<LoggedOut>().text.find("grid 42 at 203.0.113.1:20001"), std::string::npos) << last<LoggedOut>().text;
}

// Catches a logout that the server cannot tell from a lapse.
TEST_F(ClientEnd, LogsOut) {
  play();
  zone.on_control = [&](const proto::ClientControl& message) {
    if (!message.has_logout()) return;
    zone.say_ended("logout");
    zone.endpoint->forget(SessionId{session}, wire::CloseReason::logout);
  };
  client->logout();
  ASSERT_TRUE(run_until([&] { return has<LoggedOut>(); }, 500ms));
  EXPECT_EQ(last<LoggedOut>().reason, "logout");
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 1s));
}

// Catches a logout that hangs on a server that is gone.
TEST_F(ClientEnd, LogsOutUnconfirmedWithinTwoSeconds) {
  play();
  zone.is_down = chat.is_down = true;
  client->logout();
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 2s));
  EXPECT_EQ(last<LoggedOut>().reason, "logout");
}

}  // namespace orrery::client::testing
