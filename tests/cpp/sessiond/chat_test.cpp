// The chat server over a model of the database: what is said, who is shown what, and what becomes of it when the
// database, a client or another chat server is away.
#include <gtest/gtest.h>

#include "chat_model.h"
#include "lab.h"
#include "sessiond/chat_core.h"
#include "sessiond/player_text.h"

namespace orrery::sessiond::test {
namespace {

using orrery::test::ChatModel;

/// A chat server and its clients; several may share a model.
class ChatLab : public Lab<ChatCore> {
 public:
  explicit ChatLab(ChatModel& model) : Lab<ChatCore>("chat"), chat(model) {
    database = [this](const DatabaseRequest& request) { return answer(request); };
  }

  struct Talker {
    std::size_t client = 0, seen = 0;
    bool resumes = true;
    std::map<std::uint64_t, std::uint64_t> last;  // by channel; of which the first is the cluster's
    std::vector<std::string> heard, refused, presence;
    std::vector<std::uint64_t> numbers;  // of the cluster's channel
    std::uint64_t said = 0, skipped = 0;
    std::set<std::uint64_t> asked;
  };

  Talker& enter(std::uint64_t session, std::uint64_t epoch = 5) {
    arrivals.push_back(arrival(session, epoch, "chat", key_of(1)));
    agent({{"message", {{"tell", "sync"}}}});
    return attach_talker(session, epoch);
  }
  Talker& attach_talker(std::uint64_t session, std::uint64_t epoch = 5) {
    Talker& talker = talkers[session];
    talker.client = attach(SessionId{session}, Epoch{epoch}, key_of(1));
    talker.seen = 0;
    talker.asked.clear();
    EXPECT_TRUE(run_until(seconds{2}, [&] { return client(talker.client).dialer.is_open(); }));
    chatter(milliseconds{300});
    return talker;
  }
  /// Lets it go on, the clients answering as they must.
  void chatter(Duration time) {
    for (const Instant end = now + time; now < end;) {
      run(milliseconds{5});
      for (auto& [session, talker] : talkers) listen(talker);
    }
  }
  void listen(Talker& talker) {
    Client& who = client(talker.client);
    for (; talker.seen < who.chat.size(); ++talker.seen) {
      const proto::ServerChat& message = who.chat[talker.seen];
      if (message.has_channels()) {
        proto::ClientChat resume;
        for (const auto& channel : message.channels().channels()) {
          if (!talker.resumes || !talker.asked.insert(channel.channel()).second) continue;
          auto& after = *resume.mutable_resume()->add_after();
          after.set_channel(channel.channel());
          const auto known = talker.last.find(channel.channel());
          after.set_newest(known == talker.last.end());
          if (known != talker.last.end()) after.set_last(known->second);
        }
        if (resume.has_resume()) who.send(resume);
      } else if (message.has_message_shown()) {
        const auto& shown = message.message_shown();
        auto& last = talker.last[shown.channel()];
        EXPECT_TRUE(last == 0 || shown.number() == last + 1) << shown.number() << " after " << last;
        last = shown.number();
        if (shown.channel() == 1) talker.numbers.push_back(shown.number());
        talker.heard.push_back(shown.from() + (shown.to().empty() ? "" : " to " + shown.to()) + ": " + shown.text());
        EXPECT_LE(shown.number(), chat.all().at(shown.channel()).messages.size()) << "shown before it was committed";
      } else if (message.has_said()) {
        ++talker.said;
      } else if (message.has_refused()) {
        talker.refused.push_back(message.refused().text());
      } else if (message.has_skipped()) {
        talker.skipped += message.skipped().to() - talker.last[message.skipped().channel()];
        talker.last[message.skipped().channel()] = message.skipped().to();
      } else if (message.has_came() || message.has_went()) {
        talker.presence.push_back(message.has_came() ? "+" + message.came().name() : "-" + message.went().name());
      }
    }
  }
  void join(Talker& talker, const std::string& name, bool create) {
    proto::ClientChat message;
    message.mutable_join()->set_name(name);
    message.mutable_join()->set_create(create);
    client(talker.client).send(message);
    chatter(milliseconds{200});
  }
  void say_in(Talker& talker, std::uint64_t channel, const std::string& to, const std::string& text) {
    proto::ClientChat message;
    message.mutable_say()->set_message_id(++client(talker.client).said);
    message.mutable_say()->set_channel(channel);
    message.mutable_say()->set_to(to);
    message.mutable_say()->set_text(text);
    client(talker.client).send(message);
  }

  ChatModel& chat;
  std::map<std::uint64_t, Talker> talkers;
  std::map<std::uint64_t, std::string> places;  // by session
  bool is_away = false;                         // the database
  bool loses_answers = false;                   // of what is said
  bool holds_says = false;                      // neither answered nor carried out
  bool holds_asks = false;                      // so for channels
  bool holds_reads = false;                     // read, and not answered yet
  std::optional<Json> held_read;
  bool has_peer = false;

 private:
  ChatModel::Who who(const Json& entry) {
    const auto session = entry.at("session_id").get<std::uint64_t>();
    const auto place = places.find(session);
    return {100 + session, "pilot" + std::to_string(session), place == places.end() ? "grid 1" : place->second};
  }
  static Result<Json> each(const Json& entries, const std::function<Json(const Json&)>& one) {
    Json out = Json::array();
    for (const Json& entry : entries) {
      out.push_back(one(entry));
      out.back()["ref"] = entry.at("ref");
    }
    return out;
  }
  std::optional<Result<Json>> answer(const DatabaseRequest& request) {
    if (is_away) return Result<Json>(away);
    if (std::holds_alternative<AskChannels>(request) && holds_asks) return std::nullopt;
    if (const auto* ask = std::get_if<AskChannels>(&request))
      return each(ask->sessions, [&](const Json& entry) { return chat.channels(who(entry)); });
    if (const auto* joins = std::get_if<JoinChannels>(&request))
      return each(joins->joins, [&](const Json& entry) {
        return chat.join(who(entry), entry.at("name").get<std::string>(), entry.at("create").get<bool>());
      });
    if (const auto* leaves = std::get_if<LeaveChannels>(&request))
      return each(leaves->leaves, [&](const Json& entry) {
        return chat.leave(who(entry), entry.at("channel_id").get<std::uint64_t>());
      });
    if (const auto* said = std::get_if<SayChat>(&request)) {
      if (holds_says) return std::nullopt;
      Result<Json> done = each(said->messages, [&](const Json& entry) {
        return chat.say(who(entry), entry.at("session_id").get<std::uint64_t>(), entry);
      });
      return loses_answers ? Result<Json>(away) : done;
    }
    if (const auto* read = std::get_if<ReadChat>(&request)) {
      Result<Json> answer = each(read->after, [&](const Json& entry) { return chat.read(entry); });
      if (!holds_reads) return answer;
      held_read = *answer;
      return std::nullopt;
    }
    if (std::holds_alternative<GetChatPeers>(request)) {
      const Key32 key = wire::link_key(key_of(9), self, self_epoch);
      Json peers = Json::array();
      if (has_peer) peers.push_back(Json{{"private_host", "10.0.0.9"}, {"private_port", 9}, {"link_key", to_hex(key)}});
      return Result<Json>(peers);
    }
    return std::nullopt;
  }
};

class Chat : public ::testing::Test {
 protected:
  Chat() { lab.start(); }
  ChatModel model;
  ChatLab lab{model};
};

using Texts = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

TEST_F(Chat, WhatIsSaidIsNumberedAndReachesAll) {
  auto& ann = lab.enter(1);
  auto& kim = lab.enter(2);
  lab.client(ann.client).say("hello");
  lab.chatter(milliseconds{100});
  lab.client(kim.client).say("grüße ✓");
  lab.chatter(milliseconds{100});
  for (const auto* one : {&ann, &kim}) {
    EXPECT_EQ(one->heard, (Texts{"pilot1: hello", "pilot2: grüße ✓"}));
    EXPECT_EQ(one->numbers, (Numbers{1, 2}));
  }
  EXPECT_EQ(ann.said, 1u) << "and it is confirmed";
}

// Would catch a message that is shown although its transaction never committed.
TEST_F(Chat, NothingIsShownBeforeItIsCommitted) {
  auto& ann = lab.enter(1);
  lab.holds_says = true;
  lab.client(ann.client).say("hello");
  lab.chatter(seconds{1});
  EXPECT_TRUE(ann.heard.empty());
  EXPECT_EQ(ann.said, 0u);
  lab.holds_says = false;
  lab.Lab<ChatCore>::answer(0, away);
  lab.chatter(seconds{1});
  EXPECT_EQ(ann.heard, Texts{"pilot1: hello"}) << "it is asked again";
}

TEST_F(Chat, AreCollectedForOneCall) {
  for (std::uint64_t session = 1; session <= 5; ++session) lab.enter(session);
  for (auto& [session, talker] : lab.talkers)
    for (int n = 0; n < 4; ++n) lab.client(talker.client).say("x");
  lab.chatter(milliseconds{100});
  EXPECT_EQ(lab.talkers.at(3).numbers.size(), 20u);
  EXPECT_LE(lab.count<SayChat>(), 2u);
}

// Would catch a message that is said twice after its answer was lost.
TEST_F(Chat, IsSaidOnceWhenTheAnswerIsLost) {
  auto& ann = lab.enter(1);
  lab.loses_answers = true;
  lab.client(ann.client).say("once");
  lab.chatter(milliseconds{300});
  lab.loses_answers = false;
  lab.chatter(seconds{2});
  EXPECT_EQ(ann.heard, Texts{"pilot1: once"});
  EXPECT_EQ(model.find("cluster", "dev").messages.size(), 1u);
  EXPECT_EQ(ann.said, 1u);
}

TEST_F(Chat, IsRefusedWhileTheDatabaseIsAway) {
  auto& ann = lab.enter(1);
  lab.is_away = true;
  lab.host.on_database(false, lab.now);
  lab.client(ann.client).say("anybody?");
  lab.chatter(seconds{2});
  EXPECT_TRUE(ann.refused.empty());
  lab.chatter(seconds{2});
  EXPECT_EQ(ann.refused, Texts{"Chat is away; try again later."});
  lab.is_away = false;
  lab.host.on_database(true, lab.now);
  lab.client(ann.client).say("again");
  lab.chatter(seconds{1});
  EXPECT_EQ(ann.heard, Texts{"pilot1: again"}) << "what was refused is not said";
}

TEST_F(Chat, LimitsHold) {
  auto& ann = lab.enter(1);
  for (const std::string& bad : {std::string(501, 'a'), std::string(), std::string("a\nb")})
    lab.client(ann.client).say(bad);
  lab.chatter(seconds{5});
  EXPECT_TRUE(ann.heard.empty());
  EXPECT_EQ(ann.refused.size(), 3u);
  lab.client(ann.client).say(std::string(500, 'a'));
  lab.chatter(seconds{5});
  EXPECT_EQ(ann.heard.size(), 1u);
  for (int i = 0; i < 30; ++i) lab.client(ann.client).say("x");
  lab.chatter(milliseconds{100});
  EXPECT_EQ(ann.heard.size(), 1u + 16u);
  EXPECT_EQ(ann.refused.size(), 3u + 14u);
  lab.chatter(seconds{1});
  for (int i = 0; i < 30; ++i) lab.client(ann.client).say("x");
  lab.chatter(milliseconds{100});
  EXPECT_NEAR(static_cast<double>(ann.heard.size()), 22, 1);
}

TEST(ChatText, MustBeWellFormed) {
  EXPECT_TRUE(is_player_text("plain"));
  EXPECT_TRUE(is_player_text("\xf0\x9f\x9a\x80"));
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\xe2\x82", "a\x01"})
    EXPECT_FALSE(is_player_text(bad)) << to_hex(as_bytes(bad));
}

TEST_F(Chat, AnAttachmentsLapseEndsNoSession) {
  auto& ann = lab.enter(1);
  lab.client(ann.client).silent = true;
  lab.run(seconds{15});
  EXPECT_TRUE(lab.host.connections().empty());
  EXPECT_EQ(lab.count<EndSessions>(), 0u);
  lab.attach_talker(1);
  EXPECT_TRUE(lab.client(ann.client).dialer.is_open()) << "and its client may come back";
}

// Would catch a resume that leaves one out, or shows one again.
TEST_F(Chat, WhoComesBackIsShownWhatHeMissed) {
  auto& ann = lab.enter(1);
  auto& kim = lab.enter(2);
  for (int n = 1; n <= 3; ++n) lab.client(kim.client).say("m" + std::to_string(n));
  lab.chatter(milliseconds{200});
  EXPECT_EQ(ann.numbers, (Numbers{1, 2, 3}));
  lab.client(ann.client).silent = true;
  for (int n = 4; n <= 9; ++n) {
    lab.client(kim.client).say("m" + std::to_string(n));
    lab.chatter(milliseconds{300});
  }
  lab.attach_talker(1);
  EXPECT_EQ(ann.numbers, (Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(ann.skipped, 0u);
}

// Would catch an answer that is lost because lines of chat have filled what may wait.
TEST_F(Chat, LinesLeaveRoomForAnswers) {
  auto& ann = lab.enter(1);
  auto& kim = lab.enter(2);
  lab.client(kim.client).say("first");
  lab.chatter(milliseconds{200});
  lab.client(ann.client).silent = true;
  auto& messages = model.find("cluster", "dev").messages;
  for (int n = 0; n < 400; ++n) messages.push_back({"pilot9", "", "by another server"});
  lab.client(kim.client).say("last");
  lab.chatter(seconds{5});
  lab.client(ann.client).silent = false;
  for (int n = 0; n < 16; ++n) lab.client(ann.client).say("and I");
  lab.chatter(seconds{20});
  EXPECT_EQ(ann.said, 16u);
  EXPECT_EQ(ann.numbers.size(), 402u + 16u);
}

// Would catch a message that is refused as one too many, and said all the same, since its client said it once more.
TEST_F(Chat, WhatIsSaidBeforeChannelsAreKnownIsSaidOnce) {
  lab.holds_asks = true;
  for (int time = 0; time < 2; ++time) {
    auto& ann = time == 0 ? lab.enter(1) : lab.attach_talker(1);
    for (int n = 0; n < 16; ++n) lab.client(ann.client).say("hello");
    lab.chatter(milliseconds{100});
  }
  lab.holds_asks = false;
  Json row = model.channels({101, "pilot1", "grid 1"});
  row["ref"] = 1;
  lab.Lab<ChatCore>::answer(0, Json::array({row}));
  lab.chatter(seconds{1});
  EXPECT_EQ(lab.talkers.at(1).refused, Texts{});
  EXPECT_EQ(lab.talkers.at(1).heard.size(), 16u);
}

// Would catch a message that is never answered, because it was being said under the epoch before.
TEST_F(Chat, UnderAnotherEpochItIsSaidAnew) {
  auto& ann = lab.enter(1);
  lab.holds_says = true;
  lab.client(ann.client).say("hello");
  lab.chatter(milliseconds{100});
  lab.enter(1, 9);
  lab.client(ann.client).say("hello");
  lab.chatter(milliseconds{100});
  lab.holds_says = false;
  lab.Lab<ChatCore>::answer(
      0, Json::array({{{"ref", 0}, {"error", {{"code", "OR007"}, {"message", "not attached here"}, {"hint", ""}}}}}));
  lab.chatter(seconds{1});
  EXPECT_EQ(ann.said, 1u);
  EXPECT_EQ(ann.heard, Texts{"pilot1: hello"});
}

TEST_F(Chat, MoreThanIsHeldComesFromTheDatabase) {
  auto& ann = lab.enter(1);
  auto& kim = lab.enter(2);
  lab.client(kim.client).say("first");
  lab.chatter(milliseconds{200});
  lab.client(ann.client).silent = true;
  auto& messages = model.find("cluster", "dev").messages;
  for (int n = 0; n < 400; ++n) messages.push_back({"pilot9", "", "by another server"});
  lab.client(kim.client).say("last");
  lab.chatter(seconds{10});
  EXPECT_EQ(kim.numbers.size(), 402u) << "in order: see listen()";
  lab.attach_talker(1);
  lab.chatter(seconds{20});
  EXPECT_EQ(ann.numbers.size(), 402u);
  EXPECT_EQ(ann.skipped, 0u);
}

// A gap is told.
TEST_F(Chat, WhatIsNotKeptIsSkipped) {
  auto& ann = lab.enter(1);
  lab.client(ann.client).say("first");
  lab.chatter(milliseconds{200});
  lab.client(ann.client).silent = true;
  lab.chatter(seconds{11});
  auto& channel = model.find("cluster", "dev");
  for (int n = 0; n < 300; ++n) channel.messages.push_back({"pilot9", "", "by another server"});
  channel.purged = 250;
  lab.attach_talker(1);
  lab.chatter(seconds{10});
  EXPECT_EQ(ann.numbers.front(), 1u);
  EXPECT_EQ(ann.numbers.back(), 301u);
  EXPECT_EQ(ann.numbers.size(), 1u + 51u);
  EXPECT_EQ(ann.skipped, 249u);
}

TEST_F(Chat, WhoIsNewIsShownTheLast) {
  auto& channel = model.find("cluster", "dev");
  for (int n = 0; n < 90; ++n) channel.messages.push_back({"pilot9", "", "before"});
  auto& ann = lab.enter(1);
  EXPECT_EQ(ann.numbers.size(), chat_history);
  EXPECT_EQ(ann.numbers.back(), 90u);
}

// Would catch what is shown of a channel before its client has said from where on.
TEST_F(Chat, NothingIsShownUnasked) {
  lab.talkers[1].resumes = false;
  auto& ann = lab.enter(1);
  lab.client(ann.client).say("hello");
  lab.chatter(milliseconds{300});
  EXPECT_EQ(ann.said, 1u);
  EXPECT_TRUE(ann.heard.empty());
}

TEST_F(Chat, SpacesAndChannelsThatPlayersMade) {
  lab.places[3] = "grid 2";
  auto& ann = lab.enter(1);
  auto& kim = lab.enter(2);
  auto& far = lab.enter(3);
  const auto space = model.find("space", "grid 1").id;
  lab.say_in(ann, space, "", "here");
  lab.say_in(far, space, "", "not here");
  lab.chatter(milliseconds{200});
  EXPECT_EQ(kim.heard, Texts{"pilot1: here"});
  EXPECT_TRUE(far.heard.empty());
  EXPECT_EQ(far.refused, Texts{"You are not in this channel."});

  lab.chatter(seconds{10});
  lab.join(ann, "miners", true);
  lab.join(kim, "miners", false);
  lab.join(far, "divers", false);
  EXPECT_EQ(far.refused.back(), "there is no channel divers");
  EXPECT_EQ(ann.presence, Texts{"+pilot2"});
  lab.say_in(kim, model.find("created", "miners").id, "", "dig");
  lab.chatter(milliseconds{200});
  EXPECT_EQ(ann.heard.back(), "pilot2: dig");
  EXPECT_TRUE(far.heard.empty());
  proto::ClientChat leave;
  leave.mutable_leave()->set_channel(model.find("created", "miners").id);
  lab.client(kim.client).send(leave);
  lab.chatter(milliseconds{200});
  EXPECT_EQ(ann.presence, (Texts{"+pilot2", "-pilot2"}));

  // It moves: the database tells of it again under the same epoch.
  lab.places[3] = "grid 1";
  lab.arrivals.push_back(arrival(3, 5, "chat", key_of(1)));
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.chatter(milliseconds{300});
  EXPECT_EQ(ann.presence.back(), "+pilot3");
  lab.say_in(ann, space, "", "welcome");
  lab.chatter(milliseconds{200});
  EXPECT_EQ(far.heard, (Texts{"pilot1: here", "pilot1: welcome"}));
}

TEST_F(Chat, DirectlyBothHearIt) {
  auto& ann = lab.enter(1);
  auto& kim = lab.enter(2);
  auto& cat = lab.enter(3);
  lab.say_in(ann, 0, "pilot2", "psst");
  lab.say_in(ann, 0, "nobody", "psst");
  lab.chatter(milliseconds{200});
  EXPECT_EQ(ann.heard, Texts{"pilot1 to pilot2: psst"});
  EXPECT_EQ(kim.heard, Texts{"pilot1 to pilot2: psst"});
  EXPECT_TRUE(cat.heard.empty());
  EXPECT_EQ(ann.refused, Texts{"there is nobody called nobody"});
}

TEST_F(Chat, WhoIsMutedIsToldWhy) {
  auto& ann = lab.enter(1);
  model.muted.insert("pilot1");
  lab.client(ann.client).say("hello");
  lab.chatter(milliseconds{200});
  EXPECT_EQ(ann.refused, Texts{"muted for good: spam"});
  EXPECT_TRUE(ann.heard.empty());
}

/// Two chat servers that share a database; what they link is carried, or lost.
class TwoChats : public ::testing::Test {
 protected:
  TwoChats() {
    for (ChatLab* lab : {&a, &b}) {
      lab->has_peer = true;
      lab->start();
    }
  }
  void chatter(Duration time) {
    for (const Instant end = a.now + time; a.now < end;) {
      a.chatter(milliseconds{5});
      b.chatter(milliseconds{5});
      carry(a, b);
      carry(b, a);
    }
  }
  void carry(ChatLab& from, ChatLab& to) {
    for (const auto& link : std::exchange(from.links, {}))
      if (!loses) to.host.on_private_datagram({*Address::parse("10.0.0.8:8"), link.bytes}, to.now);
  }
  ChatModel model;
  ChatLab a{model}, b{model};
  bool loses = false;
};

// Would catch two servers that show different orders, or numbers twice.
TEST_F(TwoChats, ShareChannels) {
  auto& ann = a.enter(1);
  auto& kim = b.enter(2);
  chatter(seconds{2});
  for (int n = 0; n < 8; ++n) {
    a.client(ann.client).say("a");
    b.client(kim.client).say("b");
    chatter(milliseconds{200});
  }
  EXPECT_EQ(ann.numbers.size(), 16u);
  EXPECT_EQ(ann.heard, kim.heard);
  b.say_in(kim, 0, "pilot1", "psst");
  chatter(milliseconds{300});
  EXPECT_EQ(ann.heard.back(), "pilot2 to pilot1: psst");
}

// Would catch a hint that comes while the database is read, and is forgotten.
TEST_F(TwoChats, NewsWhileItReadsIsReadAfter) {
  auto& ann = a.enter(1);
  auto& kim = b.enter(2);
  chatter(seconds{6});
  a.holds_reads = true;
  b.client(kim.client).say("one");
  chatter(milliseconds{100});
  ASSERT_TRUE(a.held_read);
  b.client(kim.client).say("two");
  chatter(milliseconds{100});
  a.holds_reads = false;
  a.Lab<ChatCore>::answer(0, *a.held_read);
  chatter(milliseconds{20});
  EXPECT_EQ(ann.numbers.size(), 2u);
}

TEST_F(TwoChats, LostLinksCostASecond) {
  auto& ann = a.enter(1);
  auto& kim = b.enter(2);
  chatter(seconds{6});
  loses = true;
  for (int n = 0; n < 5; ++n) b.client(kim.client).say("b");
  chatter(milliseconds{2200});
  EXPECT_EQ(ann.numbers.size(), 5u);
}

TEST_F(TwoChats, OneMovesFromTheOtherWithoutAGap) {
  auto& ann = a.enter(1);
  auto& kim = b.enter(2);
  chatter(seconds{2});
  for (int n = 0; n < 4; ++n) b.client(kim.client).say("b");
  chatter(milliseconds{300});
  a.client(ann.client).silent = true;
  for (int n = 0; n < 4; ++n) b.client(kim.client).say("b");
  chatter(milliseconds{300});
  // Its server died: it is given to the other, under a new epoch.
  ChatLab::Talker known = ann;
  b.talkers[1] = known;
  auto& moved = b.enter(1, 9);
  a.talkers.erase(1);
  chatter(seconds{1});
  EXPECT_EQ(moved.numbers, (Numbers{1, 2, 3, 4, 5, 6, 7, 8}));
}

}  // namespace
}  // namespace orrery::sessiond::test
