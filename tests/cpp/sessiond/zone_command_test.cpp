// A zone's commands: in order, once, whatever comes twice, late, cut or too much; the database's answers; travel;
// checkpoints; news.
#include "lab.h"
#include "sessiond/zone_core.h"

namespace orrery::sessiond::test {
namespace {

Bytes command(std::uint64_t id, std::string_view name, std::string_view args) {
  Bytes bytes(1 + 8 + 1 + name.size() + args.size());
  Writer writer(bytes);
  writer.put(std::uint8_t{3});
  writer.put(id);
  writer.put(static_cast<std::uint8_t>(name.size()));
  writer.put_bytes(as_bytes(name));
  writer.put_bytes(as_bytes(args));
  return bytes;
}

struct ResultOf {
  std::uint64_t id;
  bool ok;
  Json text;
};

class ZoneCommandTest : public ::testing::Test {
 protected:
  Lab<ZoneCore> lab{"zone"};
  std::vector<Json> commands;  // that the database was asked, in their order
  bool away = false, keeps = false;
  std::optional<Error> refuses;

  void SetUp() override {
    lab.info["world"] = {{"size_m", 100},
                         {"exits", {{{"kind", "station"}, {"key", "dock-1"}}, {{"kind", "grid"}, {"key", "next"}}}},
                         {"asteroids", {{"seed", 1}, {"ores", {"ferrite"}}}},
                         {"junk", Json::array()}};
    lab.info["settings"]["zone_checkpoint_ms"] = 1000;
    lab.info["settings"]["lapse_ms"] = 600'000;
    lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
      if (const auto* run = std::get_if<RunCommands>(&request)) {
        if (keeps) return std::nullopt;
        if (away) return Error{"lost", "connection"};
        return each(run->commands, [this](const Json& one) -> Result<Json> {
          commands.push_back(one);
          if (refuses) return *refuses;
          return Json{{"result", {{"cargo", {{"ferrite", 7}}}, {"done", one.at("name")}}}};
        });
      }
      if (std::holds_alternative<Checkpoint>(request)) return Json();
      return std::nullopt;
    };
    lab.arrivals.push_back(arrival(1, 5, "owner", key_of(1), {{"x_m", 50}, {"y_m", 50}}));
    lab.start();
    lab.attach(SessionId{1}, Epoch{5}, key_of(1));
    lab.run(milliseconds{500});
  }
  void send(const Bytes& bytes) {
    ASSERT_TRUE(lab.client(0).dialer.send(wire::Channel::game, wire::Delivery::reliable, bytes));
    lab.run(milliseconds{20});
  }
  std::size_t enter(std::uint64_t session, Json state) {
    const auto key = key_of(static_cast<std::uint8_t>(session));
    lab.arrivals.push_back(arrival(session, 5, "owner", key, std::move(state)));
    lab.agent({{"message", {{"tell", "sync"}}}});
    const std::size_t client = lab.attach(SessionId{session}, Epoch{5}, key);
    lab.run(milliseconds{500});
    return client;
  }
  /// It turns to the right, and shoots from then on.
  void fire(std::size_t client) {
    for (const std::uint8_t move : {std::uint8_t{127}, std::uint8_t{0}}) {
      const Bytes input{1, 1, static_cast<std::uint8_t>(127 - move), 1, 0, 0, move, 0, 2};
      ASSERT_TRUE(lab.client(client).dialer.send(wire::Channel::game, wire::Delivery::unreliable, input));
      lab.run(milliseconds{20});
    }
  }
  /// Several in one packet.
  void send_together(const std::vector<Bytes>& all) {
    for (const Bytes& bytes : all)
      ASSERT_TRUE(lab.client(0).dialer.send(wire::Channel::game, wire::Delivery::reliable, bytes));
    lab.run(milliseconds{20});
  }
  /// What the call that waits is answered, the first of this kind.
  template <class Request>
  void answer(Json row) {
    const auto at = std::ranges::find_if(
        lab.pending, [](const auto& call) { return std::holds_alternative<Request>(call.request); });
    ASSERT_NE(at, lab.pending.end());
    if constexpr (std::is_same_v<Request, HandOffSessions>)
      row["ref"] = std::get<HandOffSessions>(at->request).hands[0].at("ref");
    else
      row["ref"] = std::get<RunCommands>(at->request).commands[0].at("ref");
    lab.answer(static_cast<std::size_t>(at - lab.pending.begin()), Json::array({std::move(row)}));
    lab.run(milliseconds{50});
  }
  static Json is_full() { return {{"error", {{"code", "OR006"}, {"message", "full"}, {"hint", ""}}}}; }
  std::vector<ResultOf> results() {
    std::vector<ResultOf> out;
    for (const Bytes& bytes : lab.client(0).game) {
      if (bytes[0] != 4) continue;
      Reader reader(ByteView(bytes).subspan(1));
      ResultOf one{};
      one.id = reader.take<std::uint64_t>();
      one.ok = reader.take<std::uint8_t>() != 0;
      one.text = Json::parse(as_text(reader.rest()));
      out.push_back(one);
    }
    return out;
  }
};

// Catches a result that does not say what the database said, and a command that goes there under another id.
TEST_F(ZoneCommandTest, WhatIsToLastIsRunByTheDatabaseAndAnswered) {
  send(command(9, "jettison", R"({"ore":"ferrite","units":2})"));
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].at("session_id"), 1);
  EXPECT_EQ(commands[0].at("epoch"), 5);
  EXPECT_EQ(commands[0].at("id"), 9);
  EXPECT_EQ(commands[0].at("name"), "jettison");
  EXPECT_EQ(commands[0].at("args"), Json::parse(R"({"ore":"ferrite","units":2,"x_cm":5000,"y_cm":5000})"));
  ASSERT_EQ(results().size(), 1u);
  EXPECT_EQ(results()[0].id, 9u);
  EXPECT_TRUE(results()[0].ok);
  EXPECT_EQ(results()[0].text.at("done"), "jettison");
}

// Catches a command that is run twice because it comes twice: while it waits, while it is asked, when it was answered.
TEST_F(ZoneCommandTest, ADoubledCommandIsRunOnceAndAnsweredTheSame) {
  keeps = true;
  for (const std::uint64_t id : {3, 2, 3, 2}) send(command(id, "jettison", R"({"ore":"ferrite"})"));
  ASSERT_EQ(lab.count<RunCommands>(), 1u);
  keeps = false;
  lab.answer(0, Json::array({{{"ref", 1}, {"result", {{"done", 3}}}}}));
  lab.run(milliseconds{50});
  ASSERT_EQ(results().size(), 2u);
  EXPECT_EQ(results()[0].id, 3u) << "in the order in which they came";
  EXPECT_EQ(results()[1].id, 2u);
  EXPECT_EQ(commands.size(), 1u);
  send(command(3, "jettison", R"({"ore":"ferrite"})"));
  ASSERT_EQ(results().size(), 3u);
  EXPECT_EQ(results()[2].text, results()[0].text);
  EXPECT_EQ(commands.size(), 1u);
}

// Catches two of a session's commands in the database at once, one that overtakes, and a queue without an end.
TEST_F(ZoneCommandTest, OneAtATimeInOrderAndSixteenWait) {
  keeps = true;
  for (std::uint64_t id = 1; id <= 19; ++id) send(command(id, id == 5 ? "nonsense" : "jettison", ""));
  EXPECT_EQ(lab.count<RunCommands>(), 1u);
  ASSERT_EQ(results().size(), 2u) << "one is asked, sixteen wait";
  EXPECT_EQ(results()[0].id, 18u);
  EXPECT_FALSE(results()[0].ok);
  EXPECT_EQ(results()[1].id, 19u);
  keeps = false;
  lab.answer(0, Json::array({{{"ref", 1}, {"result", Json::object()}}}));
  lab.run(milliseconds{200});
  const auto all = results();
  ASSERT_EQ(all.size(), 19u);
  for (std::size_t i = 2; i < all.size(); ++i) EXPECT_EQ(all[i].id, i - 1);
  EXPECT_FALSE(all[6].ok) << "nonsense";
  // What was refused for their number was not done, and may be asked again.
  send(command(18, "jettison", ""));
  EXPECT_EQ(results().back().id, 18u);
  EXPECT_TRUE(results().back().ok);
}

// Catches a lost answer that is taken for a refusal, or asked under another id.
TEST_F(ZoneCommandTest, ALostAnswerIsAskedAgainUnderTheSameId) {
  away = true;
  send(command(4, "jettison", R"({"ore":"ferrite"})"));
  lab.run(seconds{2});
  EXPECT_TRUE(results().empty());
  EXPECT_GE(lab.count<RunCommands>(), 5u);
  EXPECT_LE(lab.count<RunCommands>(), 12u);
  away = false;
  lab.run(seconds{1});
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].at("id"), 4);
  ASSERT_EQ(results().size(), 1u);
  EXPECT_TRUE(results()[0].ok);
}

// Catches PostgreSQL's own words, which name tables and constraints, told to a player.
TEST_F(ZoneCommandTest, ARefusalIsToldInItsWords) {
  refuses = Error{"the hold is full", "OR006"};
  send(command(4, "jettison", ""));
  refuses = Error{"function space.jettison() failed at line 3", "OR013"};
  send(command(5, "jettison", ""));
  refuses = Error{"unsupported Unicode escape sequence", "22P05"};
  send(command(6, "jettison", ""));
  ASSERT_EQ(results().size(), 3u);
  EXPECT_FALSE(results()[0].ok);
  EXPECT_EQ(results()[0].text.at("text"), "the hold is full");
  EXPECT_EQ(results()[1].text.at("text"), "That failed. Try again later.");
  EXPECT_EQ(results()[2].text.at("text"), "That failed. Try again later.");
  lab.run(seconds{1});
  EXPECT_EQ(lab.count<RunCommands>(), 3u);
}

// Catches a read past the end, a command made of what is none, and one that fails the call in which others' stand.
TEST_F(ZoneCommandTest, MalformedCommandsAreCountedAndNothingElse) {
  const Bytes whole = command(7, "jettison", R"({"ore":"ferrite"})");
  std::vector<Bytes> bad;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    if (size == 18) continue;  // no args are empty ones
    bad.emplace_back(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
  }
  std::string deep = "{\"a\":", flat = "{\"a\":\"" + std::string(4090, 'x') + "\"}";
  for (int i = 0; i < 40; ++i) deep += '[';
  for (int i = 0; i < 40; ++i) deep += ']';
  deep += '}';
  for (const auto& [id, name, args] :
       std::vector<std::tuple<std::uint64_t, std::string, std::string>>{{0, "mine", ""},
                                                                        {std::uint64_t{1} << 63, "mine", ""},
                                                                        {1, "", ""},
                                                                        {1, "Mine", ""},
                                                                        {1, "mi ne", ""},
                                                                        {1, std::string(33, 'a'), ""},
                                                                        {1, "mine", "[]"},
                                                                        {1, "mine", "null"},
                                                                        {1, "mine", "{\"a\":\"\xff\"}"},
                                                                        {1, "mine", R"({"a":["\u0000"]})"},
                                                                        {1, "mine", R"({"a\u0000":1})"},
                                                                        {1, "mine", deep},
                                                                        {1, "mine", flat}})
    bad.push_back(command(id, name, args));
  Bytes other = whole;
  other[0] = 4;
  bad.push_back(other);
  for (const Bytes& bytes : bad) send(bytes);
  EXPECT_TRUE(results().empty());
  EXPECT_EQ(lab.count<RunCommands>(), 0u);
  EXPECT_NE(lab.role_core.statistics().find("0 commands, " + std::to_string(bad.size()) + " bad"), std::string::npos)
      << lab.role_core.statistics() << " of " << bad.size();
  send(whole);
  EXPECT_EQ(results().size(), 1u);
}

// Catches an answer for one who has left, told to nobody or to another.
TEST_F(ZoneCommandTest, WhoHasLeftIsAnsweredNothing) {
  keeps = true;
  send(command(1, "jettison", ""));
  send(command(2, "jettison", ""));
  proto::ClientControl message;
  message.mutable_logout();
  lab.client(0).send(message);
  lab.run(milliseconds{200});
  keeps = false;
  lab.answer(0, Error{"lost", "connection"});
  lab.run(seconds{1});
  EXPECT_EQ(lab.count<RunCommands>(), 1u);
  EXPECT_TRUE(results().empty());
}

// Catches a way that leads elsewhere than it says, and a failure that is not told.
TEST_F(ZoneCommandTest, AWayIsTakenAndAFailureTold) {
  send(command(1, "jump", R"({"key":"nowhere"})"));
  ASSERT_EQ(results().size(), 1u);
  EXPECT_FALSE(results()[0].ok);
  EXPECT_EQ(lab.count<HandOffSessions>(), 0u);
  send(command(2, "dock", ""));
  ASSERT_EQ(lab.count<HandOffSessions>(), 1u);
  const auto& hands = std::get<HandOffSessions>(lab.pending.back().request).hands;
  EXPECT_EQ(hands[0].at("kind"), "station");
  EXPECT_EQ(hands[0].at("key"), "dock-1");
  EXPECT_EQ(hands[0].at("state").at("x_m"), 50.0);
  const Json ref = hands[0].at("ref");
  lab.answer(lab.pending.size() - 1,
             Json::array({{{"ref", ref}, {"error", {{"code", "OR006"}, {"message", "full"}, {"hint", ""}}}}}));
  lab.run(milliseconds{200});
  ASSERT_EQ(results().size(), 2u);
  EXPECT_EQ(results()[1].id, 2u);
  EXPECT_FALSE(results()[1].ok);
  // He is back where he was, and plays on.
  EXPECT_EQ(lab.client(0).game.back()[0], 2);
  send(command(3, "jettison", ""));
  EXPECT_TRUE(results().back().ok);
}

// Catches commands that nobody answers because their player was taken out of the world and put back: one that waited,
// and one whose answer came while he was out.
TEST_F(ZoneCommandTest, WhatWasOrderedBeforeAHandOffThatFailedIsAnswered) {
  keeps = true;
  send_together({command(2, "dock", ""), command(3, "jettison", ""), command(4, "jettison", "")});
  ASSERT_EQ(lab.count<HandOffSessions>(), 1u);
  answer<RunCommands>({{"result", {{"done", 3}}}});
  keeps = false;
  EXPECT_TRUE(results().empty());
  answer<HandOffSessions>(is_full());
  lab.run(milliseconds{100});
  ASSERT_EQ(results().size(), 3u);
  EXPECT_EQ(results()[0].id, 2u);
  EXPECT_FALSE(results()[0].ok);
  for (const std::size_t i : {1u, 2u}) {
    EXPECT_EQ(results()[i].id, i + 2);
    EXPECT_TRUE(results()[i].ok);
  }
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].at("id"), 3) << "asked again under its id";
}

// Likewise while its target is not ready: he goes on here, and so do they.
TEST_F(ZoneCommandTest, WhatWasOrderedGoesOnWhileATargetIsWaitedFor) {
  keeps = true;
  send_together({command(2, "dock", ""), command(3, "jettison", "")});
  keeps = false;
  answer<HandOffSessions>({{"status", "waiting"}, {"reason", "starting"}});
  answer<RunCommands>({{"result", {{"done", 3}}}});
  ASSERT_EQ(results().size(), 1u);
  EXPECT_EQ(results()[0].id, 3u);
  EXPECT_TRUE(results()[0].ok);
}

// Catches a command that is taken for the journey of an earlier stay, and never answered.
TEST_F(ZoneCommandTest, WhoComesBackMayGoAgainUnderTheSameId) {
  send(command(2, "dock", ""));
  answer<HandOffSessions>({{"status", "ready"},
                           {"owner",
                            {{"server_id", 8},
                             {"epoch", 6},
                             {"public_host", "192.0.2.2"},
                             {"public_port", 7777},
                             {"kind", "station"},
                             {"key", "dock-1"}}}});
  EXPECT_TRUE(lab.host.sessions().empty());
  lab.arrivals.push_back(arrival(1, 7, "owner", key_of(2), Json::object()));
  lab.agent({{"message", {{"tell", "sync"}}}});
  const std::size_t back = lab.attach(SessionId{1}, Epoch{7}, key_of(2));
  lab.run(milliseconds{500});
  ASSERT_TRUE(lab.client(back).dialer.send(wire::Channel::game, wire::Delivery::reliable, command(2, "dock", "")));
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.count<HandOffSessions>(), 2u);
}

// Catches "nothing was done" said of a session that is another server's: what was asked before may have been done, and
// the next server answers it.
TEST_F(ZoneCommandTest, OfASessionThatIsElsewhereNothingIsSaid) {
  const auto syncs = lab.count<Sync>();
  refuses = Error{"session 1 is another server's", "OR007"};
  send(command(4, "jettison", ""));
  EXPECT_TRUE(results().empty());
  EXPECT_GT(lab.count<Sync>(), syncs) << "it asks what became of it";
  lab.ended.push_back({{"session_id", 1}, {"epoch", 5}, {"role", "owner"}, {"reason", "lapse"}});
  lab.run(seconds{2});
  EXPECT_TRUE(results().empty());
  EXPECT_TRUE(lab.host.sessions().empty());
}

// Catches memory that grows with messages that say nothing, while the database does not answer.
TEST_F(ZoneCommandTest, WhatIsHeldForAFrozenSessionIsBounded) {
  send(command(2, "dock", ""));
  for (int i = 0; i < 40; ++i) {
    send_together(std::vector<Bytes>(30));
    lab.run(milliseconds{100});
  }
  const auto held = 40u * 30u - lab.host.statistics().messages_ignored;
  EXPECT_LE(held, 400u);
  EXPECT_GE(held, 100u);
}

// Catches what the world wants without an end while the database is away.
TEST_F(ZoneCommandTest, FewWishesWait) {
  Json cargo = Json::object();
  for (int kind = 0; kind < 200; ++kind) cargo["ore" + std::to_string(kind)] = 1;
  const std::size_t target = enter(2, {{"x_m", 60}, {"y_m", 50}, {"cargo", cargo}});
  away = true;
  fire(0);
  EXPECT_TRUE(lab.run_until(seconds{10}, [&] {
    return std::ranges::any_of(lab.client(target).game, [](const Bytes& bytes) {
      return as_text(bytes).find("destroyed") != std::string_view::npos;
    });
  }));
  away = false;
  lab.run(seconds{5});
  EXPECT_GE(commands.size(), 60u);
  EXPECT_LE(commands.size(), 70u);
}

// Catches players or a world that are not saved, or saved while a call is under way.
TEST_F(ZoneCommandTest, PlayersAndWorldAreSavedEachSoOften) {
  lab.run(seconds{5});
  std::size_t worlds = 0, players = 0;
  for (const auto& request : lab.asked) {
    const auto* save = std::get_if<Checkpoint>(&request);
    if (save == nullptr) continue;
    worlds += save->world.is_object() && save->world.contains("asteroids");
    for (const Json& one : save->sessions) {
      ++players;
      EXPECT_EQ(one.at("session_id"), 1);
      EXPECT_EQ(one.at("epoch"), 5);
      EXPECT_EQ(one.at("state").at("x_m"), 50.0);
    }
  }
  EXPECT_NEAR(static_cast<double>(worlds), 5, 1.1);
  EXPECT_NEAR(static_cast<double>(players), 5, 1.1);
}

TEST_F(ZoneCommandTest, ALostCheckpointIsSavedAgainAndOneAtATime) {
  const auto answers = lab.database;
  bool lost = true;
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<Checkpoint>(request) && lost) return Error{"lost", "connection"};
    return answers(request);
  };
  const auto before = lab.count<Checkpoint>();
  lab.run(seconds{3});
  EXPECT_LE(lab.count<Checkpoint>() - before, 4u);
  lost = false;
  lab.run(seconds{2});
  const auto& last = std::get<Checkpoint>(*std::find_if(lab.asked.rbegin(), lab.asked.rend(), [](const auto& request) {
    return std::holds_alternative<Checkpoint>(request);
  }));
  EXPECT_TRUE(last.world.is_object());
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<Checkpoint>(request)) return std::nullopt;
    return answers(request);
  };
  const auto asked = lab.count<Checkpoint>();
  lab.run(seconds{4});
  EXPECT_EQ(lab.count<Checkpoint>(), asked + 1);
}

}  // namespace
}  // namespace orrery::sessiond::test
