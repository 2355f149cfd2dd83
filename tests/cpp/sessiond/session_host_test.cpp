#include "sessiond/session_host.h"

#include "host_lab.h"
#include "sessiond/player_text.h"

namespace orrery::sessiond::test {
namespace {

TEST_F(HostTest, ReadyOnlyWhenTheDatabaseAnswered) {
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<GetStartInfo>(request) && lab.count<GetStartInfo>() < 3) return Result<Json>(away);
    return std::nullopt;
  };
  lab.start();
  EXPECT_FALSE(lab.ready);
  lab.run(milliseconds{2500});
  EXPECT_TRUE(lab.ready);
  EXPECT_EQ(lab.count<GetStartInfo>(), 3u);
}

TEST_F(HostTest, ARefusedServerLeaves) {
  lab.database = [](const DatabaseRequest&) { return Result<Json>(Error{"no such server", "OR004"}); };
  lab.start();
  EXPECT_EQ(lab.exit_code, exit_refused);
}

TEST_F(HostTest, ArrivalsAreTakenOnceAndAcknowledged) {
  lab.start();
  enter(1);
  lab.run(seconds{1});
  bool acknowledged = false;
  for (const auto& request : lab.asked)
    if (const auto* sync = std::get_if<Sync>(&request))
      for (const auto& taken : sync->taken) {
        EXPECT_FALSE(acknowledged) << "acknowledged again though it was answered";
        acknowledged = taken.at("session_id") == 1 && taken.at("epoch") == 5 && taken.at("role") == "owner";
      }
  EXPECT_TRUE(acknowledged);
  // Told again (the acknowledgement was lost): nothing changes for the client.
  lab.arrivals.push_back(arrival(1, 5, "owner", key_of(1)));
  lab.agent({{"message", {{"tell", "sync"}}}});
  EXPECT_TRUE(lab.client(0).dialer.is_open());
  EXPECT_EQ(lab.host.statistics().sessions_arrived, 1u);
}

TEST_F(HostTest, SyncsAreOneAtATimeAndCoalesced) {
  lab.start();
  const auto before = lab.count<Sync>();
  lab.database = [](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    (void)request;
    return std::nullopt;
  };
  // Held back by hand.
  std::vector<DatabaseCall> held;
  lab.host.on_agent_message(R"({"message":{"tell":"sync"}})", lab.now);
  lab.host.on_agent_message(R"({"message":{"tell":"sync"}})", lab.now);
  lab.host.on_agent_message(R"({"message":{"tell":"sync"}})", lab.now);
  Effect effect;
  while (lab.host.poll_effect(effect))
    if (auto* call = std::get_if<DatabaseCall>(&effect)) held.push_back(*call);
  ASSERT_EQ(held.size(), 1u);
  lab.host.on_database_answer(held[0].id, Json{{"arrivals", Json::array()}, {"ended", Json::array()}}, lab.now);
  lab.pump();
  EXPECT_EQ(lab.count<Sync>(), before + 1);
}

TEST_F(HostTest, OnlyALinkOfTheDatabaseTriggersASync) {
  lab.start();
  const auto before = lab.count<Sync>();
  proto::LinkMessage message;
  message.mutable_arrival()->set_session_id(3);
  message.mutable_arrival()->set_epoch(4);
  const auto bytes = message.SerializeAsString();
  const auto from = *Address::parse("10.0.0.2:9");
  const auto send = [&](const Key32& key) {
    const auto sealed = wire::seal_link(key, ServerId{2}, Epoch{3}, as_bytes(bytes), lab.random);
    lab.host.on_private_datagram({from, sealed}, lab.now);
    lab.pump();
  };
  send(key_of(77));
  const Bytes noise(300, 0x20);
  lab.host.on_private_datagram({from, noise}, lab.now);
  lab.pump();
  EXPECT_EQ(lab.count<Sync>(), before);
  EXPECT_EQ(lab.host.statistics().private_dropped, 2u);
  send(wire::link_key(key_of(9), ServerId{2}, Epoch{3}));
  EXPECT_EQ(lab.count<Sync>(), before + 1);
  // Many that come together are asked for once.
  for (int i = 0; i < 3; ++i)
    lab.host.on_private_datagram({from, wire::seal_link(wire::link_key(key_of(9), ServerId{2}, Epoch{3}), ServerId{2},
                                                        Epoch{3}, as_bytes(bytes), lab.random)},
                                 lab.now);
  lab.run(milliseconds{20});
  EXPECT_EQ(lab.count<Sync>(), before + 2);
}

TEST_F(HostTest, ALapseEndsASessionOnceWithItsState) {
  lab.start();
  const auto client = enter(1);
  lab.client(client).silent = true;
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<EndSessions>(request)) return Result<Json>(Json());
    return std::nullopt;
  };
  lab.run(seconds{9});
  EXPECT_EQ(lab.ends().size(), 0u);
  lab.run(seconds{20});
  ASSERT_EQ(lab.ends().size(), 1u);
  const Json end = lab.ends()[0];
  EXPECT_EQ(end.at("session_id"), 1);
  EXPECT_EQ(end.at("epoch"), 5);
  EXPECT_EQ(end.at("reason"), "lapse");
  EXPECT_EQ(end.at("state"), (Json{{"x_m", 10.0}, {"y_m", 20.0}}));
  EXPECT_TRUE(lab.host.sessions().empty());
}

TEST_F(HostTest, ASessionWhoseClientNeverAttachesLapses) {
  lab.arrivals.push_back(arrival(1, 5, "owner", key_of(1)));
  lab.start();
  lab.run(seconds{9});
  EXPECT_TRUE(lab.ends().empty());
  lab.run(seconds{3});
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("reason"), "lapse");
  EXPECT_TRUE(lab.ends()[0].at("state").is_null()) << "a state it never had would replace the kept one";
}

TEST_F(HostTest, EndsAreKeptWhileTheDatabaseIsAway) {
  lab.start();
  const auto client = enter(1);
  bool up = false;
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (!up) return Result<Json>(away);
    if (std::holds_alternative<EndSessions>(request)) return Result<Json>(Json());
    return std::nullopt;
  };
  lab.host.on_database(false, lab.now);
  const auto stays = lab.client(client).closed;
  lab.run(seconds{5});
  EXPECT_EQ(stays, std::nullopt);
  EXPECT_TRUE(lab.client(client).dialer.is_open()) << "players stay connected while the database is away";
  lab.client(client).dialer.close(wire::CloseReason::logout);
  lab.run(seconds{5});
  EXPECT_GT(lab.ends().size(), 1u);
  up = true;
  lab.host.on_database(true, lab.now);
  lab.run(seconds{5});
  const auto tried = lab.ends().size();
  for (const auto& end : lab.ends()) EXPECT_EQ(end, lab.ends()[0]);
  EXPECT_EQ(lab.ends()[0].at("reason"), "logout");
  lab.run(seconds{20});
  EXPECT_EQ(lab.ends().size(), tried) << "told again though it was answered";
}

TEST_F(HostTest, AnEndThatIsRefusedLosesNoOther) {
  lab.start();
  std::vector<std::size_t> clients;
  for (const std::uint64_t id : {1, 2, 3}) clients.push_back(enter(id));
  std::vector<std::uint64_t> taken;
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    const auto* ends = std::get_if<EndSessions>(&request);
    if (ends == nullptr) return std::nullopt;
    for (const auto& end : ends->ends) {
      if (end.at("session_id") == 2) return Result<Json>(Error{"unsupported Unicode escape sequence", "22P05"});
    }
    for (const auto& end : ends->ends) taken.push_back(end.at("session_id").get<std::uint64_t>());
    return Result<Json>(Json());
  };
  for (const auto client : clients) lab.client(client).dialer.close(wire::CloseReason::logout);
  lab.run(seconds{5});
  std::sort(taken.begin(), taken.end());
  EXPECT_EQ(taken, (std::vector<std::uint64_t>{1, 3})) << "each once";
  const auto told = lab.ends().size();
  lab.run(seconds{10});
  EXPECT_EQ(lab.ends().size(), told) << "what is refused is not told for ever";
}

TEST_F(HostTest, WhatTheDatabaseEndedIsClosedAndNotTold) {
  lab.start();
  const auto client = enter(1);
  lab.ended.push_back({{"session_id", 1}, {"epoch", 4}, {"role", "owner"}, {"reason", "kicked"}});
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{50});
  EXPECT_TRUE(lab.client(client).dialer.is_open()) << "an older epoch's end";
  lab.ended.push_back({{"session_id", 1}, {"epoch", 5}, {"role", "owner"}, {"reason", "kicked"}});
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::kicked);
  EXPECT_EQ(lab.client(client).control.back().ended().reason(), "kicked");
  EXPECT_TRUE(lab.ends().empty());
  EXPECT_TRUE(lab.host.sessions().empty());
}

TEST_F(HostTest, ACountdownHasItsMarks) {
  lab.start();
  const auto client = enter(1);
  for (int ms = 65'500; ms > 0; ms -= 1000) {
    cluster("shutting_down", ms, 17);
    lab.run(milliseconds{1000});
  }
  std::vector<std::uint32_t> marks;
  const auto notices = lab.client(client).notices();
  ASSERT_FALSE(notices.empty());
  EXPECT_EQ(notices[0].kind(), proto::Notice::SHUTDOWN_WARNING);
  EXPECT_EQ(notices[0].seconds_left(), 66u);
  for (std::size_t i = 1; i < notices.size(); ++i) {
    EXPECT_EQ(notices[i].kind(), proto::Notice::SHUTDOWN_COUNTDOWN);
    EXPECT_EQ(notices[i].notice_id(), 17u);
    marks.push_back(notices[i].seconds_left());
  }
  EXPECT_EQ(marks, (std::vector<std::uint32_t>{60, 30, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST_F(HostTest, ACancelledShutdownIsSaidOnceAndALateComerIsWarned) {
  lab.start();
  const auto early = enter(1);
  cluster("shutting_down", 300'000, 17);
  lab.run(seconds{1});
  const auto late = enter(2);
  ASSERT_EQ(lab.client(late).notices().size(), 1u);
  EXPECT_EQ(lab.client(late).notices()[0].kind(), proto::Notice::SHUTDOWN_WARNING);
  for (int i = 0; i < 3; ++i) {
    cluster("running", std::nullopt, 0);
    lab.run(seconds{1});
  }
  const auto notices = lab.client(early).notices();
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[1].kind(), proto::Notice::SHUTDOWN_CANCELLED);
  EXPECT_EQ(notices[1].notice_id(), 17u);
}

// Catches a kicked player who plays on until the next sync when the agent, which would tell, is away.
TEST_F(HostTest, WithoutItsAgentItAsksEachSecond) {
  lab.start();
  lab.run(seconds{20});
  const auto syncs_of = [this](Duration time) {
    const auto before = lab.count<Sync>();
    lab.run(time);
    return lab.count<Sync>() - before;
  };
  EXPECT_LE(syncs_of(seconds{20}), 7u) << "no agent has ever spoken, or one that is old";
  lab.agent({{"lease_until_ms", 0}});
  EXPECT_LE(syncs_of(milliseconds{2400}), 1u);
  const auto silent = syncs_of(seconds{20});
  EXPECT_GE(silent, 19u);
  EXPECT_LE(silent, 21u);
  lab.agent({{"lease_until_ms", 0}});
  EXPECT_LE(syncs_of(milliseconds{2400}), 1u);
}

TEST_F(HostTest, APassedLeaseEndsEverything) {
  lab.start();
  const auto client = enter(1);
  for (int i = 0; i < 20; ++i) {
    cluster("running", std::nullopt, 0);
    lab.run(seconds{1});
  }
  EXPECT_EQ(lab.exit_code, std::nullopt);
  lab.run(seconds{13});
  EXPECT_EQ(lab.exit_code, std::nullopt);
  lab.run(seconds{2});
  EXPECT_EQ(lab.exit_code, exit_lease);
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::shutdown);
  EXPECT_TRUE(lab.ends().empty()) << "a server past its lease acts no more";
}

TEST_F(HostTest, ALeaseReadLateIsNoLonger) {
  lab.start();
  const Json said{{"lease_until_ms", lease_end(seconds{15})}};
  lab.agent(said);
  lab.run(seconds{14});
  lab.agent(said);
  lab.run(milliseconds{900});
  EXPECT_EQ(lab.exit_code, std::nullopt);
  lab.run(milliseconds{200});
  EXPECT_EQ(lab.exit_code, exit_lease);
}

// Catches players who are put out by a database that their agent does not obey: a backup does not know their server.
TEST_F(HostTest, AServerThatTheDatabaseDoesNotKnowGoesOnAsWithoutOne) {
  lab.start();
  const auto client = enter(1);
  int asked = 0;
  lab.database = [&asked](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (!std::holds_alternative<Sync>(request)) return std::nullopt;
    ++asked;
    return Result<Json>(Error{"server 7 is not known under epoch 1", "OR004"});
  };
  lab.run(seconds{6});
  EXPECT_EQ(lab.exit_code, std::nullopt);
  EXPECT_EQ(lab.client(client).closed, std::nullopt);
  EXPECT_GE(asked, 2) << "it asks again";
  EXPECT_LE(asked, 60) << "and does not spin";
  lab.database = [](const DatabaseRequest&) -> std::optional<Result<Json>> { return std::nullopt; };
  lab.run(seconds{6});
  EXPECT_EQ(lab.exit_code, std::nullopt);
  EXPECT_EQ(lab.client(client).closed, std::nullopt);
}

TEST_F(HostTest, ASupersededServerLeaves) {
  lab.start();
  const auto client = enter(1);
  lab.database = [](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<Sync>(request)) return Result<Json>(Error{"server 7, epoch 1, is over", "OR007"});
    return std::nullopt;
  };
  lab.run(seconds{6});
  EXPECT_EQ(lab.exit_code, exit_refused);
  EXPECT_EQ(lab.exit_why, "superseded: server 7, epoch 1, is over");
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::shutdown);
  EXPECT_TRUE(lab.ends().empty()) << "they are others' now";
}

TEST_F(HostTest, TerminationTellsEveryoneAndTheDatabase) {
  lab.start();
  const auto a = enter(1), b = enter(2);
  lab.host.on_terminate(lab.now);
  lab.run(milliseconds{200});
  EXPECT_EQ(lab.exit_code, std::nullopt) << "session_end is not answered yet";
  for (const auto i : {a, b}) {
    EXPECT_EQ(lab.client(i).closed, wire::CloseReason::shutdown);
    EXPECT_EQ(lab.client(i).control.back().ended().reason(), "shutdown");
  }
  ASSERT_EQ(lab.ends().size(), 2u);
  for (const auto& end : lab.ends()) {
    EXPECT_EQ(end.at("reason"), "shutdown");
    EXPECT_TRUE(end.at("state").is_object());
  }
  ASSERT_EQ(lab.pending.size(), 1u);
  lab.answer(0, Json());
  lab.run(milliseconds{400});
  EXPECT_EQ(lab.exit_code, 0);
}

TEST_F(HostTest, TerminationDoesNotWaitForADatabaseThatIsAway) {
  lab.start();
  enter(1);
  lab.database = [](const DatabaseRequest&) { return Result<Json>(away); };
  lab.host.on_terminate(lab.now);
  lab.run(milliseconds{900});
  EXPECT_EQ(lab.exit_code, std::nullopt);
  lab.run(milliseconds{200});
  EXPECT_EQ(lab.exit_code, 0);
}

TEST_F(HostTest, RubbishFromAgentAndDatabaseIsSurvived) {
  lab.start();
  const auto client = enter(1);
  for (const char* rubbish :
       {"", "[", "null", "7", R"({"cluster":7,"message":[1]})", R"({"cluster":{"name":5}})",
        R"({"message":{"tell":5}})", R"({"lease_until_ms":"x"})", R"({"lease_until_ms":-1})", R"({"lease_until_ms":0})",
        R"({"lease_until_ms":9223372036854775807})", R"({"lease_until_ms":1e99})",
        R"({"cluster":{"name":"d","state":"shutting_down","stops_in_ms":-9e99,"notice_id":1}})"})
    lab.host.on_agent_message(rubbish, lab.now);
  for (const Json& row : {Json(), Json(5), Json{{"session_id", "x"}}, Json{{"session_id", 9}, {"epoch", -1}}}) {
    lab.arrivals.push_back(row);
    lab.ended.push_back(row);
    lab.agent({{"message", {{"tell", "sync"}}}});
  }
  lab.run(seconds{6});
  EXPECT_TRUE(lab.client(client).dialer.is_open());
}

}  // namespace
}  // namespace orrery::sessiond::test
