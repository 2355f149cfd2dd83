// Chat, whatever drops: each number is shown once, a gap is told, what was said is said once, and a chat server that
// died is looked for.
#include "client/harness.h"

namespace orrery::client::testing {
namespace {

class ClientChat : public ClientTest {
 protected:
  // The chat server forgets the connection, and its client attaches anew under the next epoch.
  void reattach() {
    expect_at(chat, 4, ++epoch_);
    zone.say(redirect_to({target_of(chat, 4, epoch_, "chat", "chat", "main")}));
    const auto before = count<Entered>();
    ASSERT_TRUE(run_until([&] { return count<Entered>() > before; }, 5s));
    run_for(300ms);
  }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> out;
    for (const Event& event : events)
      if (const auto* shown = std::get_if<ChatShown>(&event)) out.push_back(shown->number);
    return out;
  }
  void answer_said(std::uint64_t message_id) {
    proto::ServerChat message;
    message.mutable_said()->set_message_id(message_id);
    chat.say_chat(message);
    run_for(200ms);
  }

 private:
  std::uint64_t epoch_ = 11;
};

// Catches a resume from another number than the last that was shown, one that is shown twice, and a gap that is not
// told.
TEST_F(ClientChat, GoesOnAfterTheLastNumber) {
  play();
  chat.say_channels(40);
  ASSERT_TRUE(run_until([&] { return !chat.resumes.empty(); }, 1s));
  EXPECT_TRUE(chat.resumes.back().after(0).newest());
  chat.say_chat(39, "Ada", "a");
  chat.say_chat(40, "Ada", "b");
  ASSERT_TRUE(run_until([&] { return count<ChatShown>() == 2; }, 1s));
  reattach();
  chat.say_channels(43);
  ASSERT_TRUE(run_until([&] { return chat.resumes.size() == 2; }, 1s));
  EXPECT_FALSE(chat.resumes.back().after(0).newest());
  EXPECT_EQ(chat.resumes.back().after(0).last(), 40u);
  for (const std::uint64_t number : {40, 41, 41, 42}) chat.say_chat(number, "Ada", "c");
  run_for(200ms);
  EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{39, 40, 41, 42}));
  EXPECT_FALSE(has<ChatSkipped>());

  proto::ServerChat skipped;
  skipped.mutable_skipped()->set_channel(1);
  skipped.mutable_skipped()->set_to(50);
  chat.say_chat(skipped);
  chat.say_chat(51, "Ada", "d");
  chat.say_chat(60, "Ada", "e");
  run_for(200ms);
  EXPECT_EQ(count<ChatSkipped>(), 2u);
  EXPECT_EQ(last<ChatSkipped>().first, 52u);
  EXPECT_EQ(last<ChatSkipped>().last, 59u);
}

TEST_F(ClientChat, OfAnEmptyChannelNothingIsMissed) {
  play();
  chat.say_channels(0);
  ASSERT_TRUE(run_until([&] { return !chat.resumes.empty(); }, 1s));
  reattach();
  chat.say_channels(30);
  ASSERT_TRUE(run_until([&] { return chat.resumes.size() == 2; }, 1s));
  EXPECT_FALSE(chat.resumes.back().after(0).newest()) << "from the first on";
  EXPECT_EQ(chat.resumes.back().after(0).last(), 0u);
}

// Catches what is lost when chat drops, or said again although it was answered.
TEST_F(ClientChat, SaysAgainWhatWasNotAnswered) {
  play();
  ASSERT_TRUE(client->chat("one"));
  ASSERT_TRUE(client->chat("two"));
  ASSERT_TRUE(run_until([&] { return chat.says.size() == 2; }, 1s));
  answer_said(chat.says[0].message_id());
  reattach();
  ASSERT_TRUE(run_until([&] { return chat.says.size() == 3; }, 1s));
  EXPECT_EQ(chat.says[2].text(), "two");
  EXPECT_EQ(chat.says[2].message_id(), chat.says[1].message_id());
  proto::ServerChat refused;
  refused.mutable_refused()->set_message_id(chat.says[1].message_id());
  refused.mutable_refused()->set_reason(proto::ChatRefused::MUTED);
  refused.mutable_refused()->set_text("muted: spam");
  chat.say_chat(refused);
  ASSERT_TRUE(run_until([&] { return has<ChatRefused>(); }, 1s));
  EXPECT_EQ(last<ChatRefused>().reason, "muted");
  EXPECT_EQ(last<ChatRefused>().said, "two");
  reattach();
  run_for(500ms);
  EXPECT_EQ(chat.says.size(), 3u);
  for (int n = 0; n < 16; ++n) EXPECT_TRUE(client->chat("x"));
  EXPECT_EQ(client->chat("x").error().code, "EAGAIN");
}

// Catches a client that waits for ever at the door of a chat server that died.
TEST_F(ClientChat, LooksForAChatServer) {
  play();
  chat.is_down = true;
  expect_at(other_zone, 6, 20);
  int asked = 0;
  answer_resolve(login, [&] {
    if (++asked == 1)
      login.say(redirect_to({target_of(zone, 3, 10, "owner", "grid", "42")}));  // none is ready yet
    else
      login.say(redirect_to(
          {target_of(zone, 3, 10, "owner", "grid", "42"), target_of(other_zone, 6, 20, "chat", "chat", "b")}));
  });
  const auto before = count<Entered>();
  ASSERT_TRUE(run_until([&] { return count<Entered>() == before + 1; }, 15s));
  EXPECT_EQ(last<Entered>().server.value, 6u);
  EXPECT_EQ(zone.opened, 1) << "the owner is not attached anew";
  EXPECT_FALSE(has<Dropped>());
  ASSERT_TRUE(client->chat("found"));
  ASSERT_TRUE(run_until([&] { return !other_zone.chats.empty(); }, 2s));
  const int then = asked;
  run_for(30s);
  EXPECT_EQ(asked, then) << "it is not looked for any more";
}

// Catches memory that a server can fill with channels, of which the client is in or was.
TEST_F(ClientChat, HoldsFewChannels) {
  play();
  chat.say_channels(5);
  ASSERT_TRUE(run_until([&] { return !chat.resumes.empty(); }, 1s));
  chat.say_chat(5, "Ada", "a");
  for (std::uint64_t round = 1; round <= 40; ++round) {
    proto::ServerChat message;
    for (std::uint64_t n = 0; n < 100; ++n) message.mutable_channels()->add_channels()->set_channel(round * 100 + n);
    chat.say_chat(message);
    run_for(50ms);
  }
  run_for(2s);
  EXPECT_EQ(last<ChatChannels>().channels.size(), 64u);
  chat.resumes.clear();
  chat.say_channels(6);
  ASSERT_TRUE(run_until([&] { return !chat.resumes.empty(); }, 1s));
  EXPECT_TRUE(chat.resumes.back().after(0).newest()) << "what was shown of it is forgotten";
}

}  // namespace
}  // namespace orrery::client::testing
