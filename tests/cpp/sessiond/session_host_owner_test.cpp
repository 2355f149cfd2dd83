// Sessions that the database wants back from their owner, and tokens that it renews.
#include "host_lab.h"

namespace orrery::sessiond::test {
namespace {

// Catches a superseded session whose state is lost, or that its player is not told of.
TEST_F(HostTest, WhatTheDatabaseWantsBackIsSavedAndEnded) {
  lab.start();
  const auto client = enter(1);
  bool up = true;
  lab.database = [&](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (!std::holds_alternative<EndSessions>(request)) return std::nullopt;
    return up ? Result<Json>(Json()) : Result<Json>(away);
  };
  lab.release.push_back({{"session_id", 1}, {"epoch", 4}, {"reason", "superseded"}});
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  EXPECT_TRUE(lab.client(client).dialer.is_open()) << "an older epoch's";
  const auto stale = lab.ends().size();
  up = false;
  const Json row{{"session_id", 1}, {"epoch", 5}, {"reason", "superseded"}};
  lab.release.push_back(row);
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::superseded);
  EXPECT_EQ(lab.client(client).control.back().ended().reason(), "superseded");
  EXPECT_TRUE(lab.host.sessions().empty());
  // Told again before its end has come to the database: not ended without its state then.
  lab.release.push_back(row);
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  up = true;
  lab.run(seconds{2});
  const auto ends = lab.ends();
  ASSERT_GT(ends.size(), stale);
  for (std::size_t i = stale; i < ends.size(); ++i) {
    EXPECT_EQ(ends[i].at("reason"), "superseded");
    EXPECT_EQ(ends[i].at("epoch"), 5);
    EXPECT_EQ(ends[i].at("state"), (Json{{"x_m", 10.0}, {"y_m", 20.0}}));
  }
  const auto told = lab.ends().size();
  lab.run(seconds{5});
  EXPECT_EQ(lab.ends().size(), told);
}

// Catches a client that is told it was superseded when its own session has only a newer epoch: it would not come back.
TEST_F(HostTest, ASessionThatArrivesUnderANewerEpochIsStillItsClients) {
  lab.start();
  const auto client = enter(1);
  lab.arrivals.push_back(arrival(1, 6, "owner", key_of(2)));
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.client(client).closed, wire::CloseReason::moved);
  EXPECT_TRUE(lab.host.connections().empty());
  EXPECT_TRUE(lab.ends().empty());
  const auto again = lab.attach(SessionId{1}, Epoch{6}, key_of(2));
  EXPECT_TRUE(lab.run_until(seconds{2}, [&] { return lab.client(again).dialer.is_open(); }));
}

// Catches a session that nobody can end, since its server never heard of it: its player could not log in for ever.
TEST_F(HostTest, WhatTheDatabaseWantsBackIsEndedEvenIfItIsNotKnown) {
  lab.database = [](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<EndSessions>(request)) return Result<Json>(Json());
    return std::nullopt;
  };
  lab.start();
  lab.release.push_back({{"session_id", 9}, {"epoch", 5}, {"reason", "superseded"}});
  for (const Json& rubbish : {Json(), Json(5), Json{{"session_id", 9}}, Json{{"session_id", "x"}, {"epoch", 5}}})
    lab.release.push_back(rubbish);
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("session_id"), 9);
  EXPECT_EQ(lab.ends()[0].at("reason"), "superseded");
  EXPECT_TRUE(lab.ends()[0].at("state").is_null());
}

// Catches an arrival and the wish to have it back that come together and cross.
TEST_F(HostTest, ASessionThatArrivesAndIsWantedBackAtOnceEndsOnce) {
  lab.database = [](const DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<EndSessions>(request)) return Result<Json>(Json());
    return std::nullopt;
  };
  lab.start();
  lab.arrivals.push_back(arrival(1, 5, "owner", key_of(1)));
  lab.release.push_back({{"session_id", 1}, {"epoch", 5}, {"reason", "superseded"}});
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(seconds{1});
  EXPECT_EQ(lab.ends().size(), 1u);
  EXPECT_TRUE(lab.host.sessions().empty());
}

class RenewTest : public HostTest {
 protected:
  std::vector<Json> asked;  // entries
  std::function<std::optional<Result<Json>>(const Json&)> renew = [](const Json& entries) {
    Json out = Json::array();
    for (const auto& entry : entries) out.push_back({{"session_id", entry.at("session_id")}, {"expires_in_ms", 5000}});
    return Result<Json>(out);
  };
  void SetUp() override {
    lab.database = [this](const DatabaseRequest& request) -> std::optional<Result<Json>> {
      const auto* call = std::get_if<RenewSessions>(&request);
      if (call == nullptr) return std::nullopt;
      for (const auto& entry : call->renewals) asked.push_back(entry);
      return renew(call->renewals);
    };
    lab.start();
  }
  void ask(std::size_t client, int times = 1) {
    proto::ClientControl message;
    message.mutable_renew_token();
    for (int i = 0; i < times; ++i) lab.client(client).send(message);
    lab.run(milliseconds{100});
  }
};

TEST_F(RenewTest, TheOwnerRenewsATokenOnceForAllThatIsAskedAtATime) {
  const auto client = enter(1);
  ask(client, 10);
  ASSERT_EQ(asked.size(), 1u) << "a flood costs no more than one";
  EXPECT_EQ(asked[0], (Json{{"session_id", 1}, {"epoch", 5}}));
  ASSERT_EQ(lab.client(client).control.size(), 1u);
  EXPECT_EQ(lab.client(client).control[0].token_renewed().expires_in_ms(), 5000u);
  EXPECT_EQ(lab.host.statistics().messages_ignored, 9u);
  lab.run(seconds{1});
  ask(client);
  EXPECT_EQ(asked.size(), 2u);
}

TEST_F(RenewTest, WhatCannotBeRenewedIsSaid) {
  const auto client = enter(1);
  renew = [](const Json&) { return Result<Json>(Json::array()); };
  ask(client);
  EXPECT_EQ(lab.client(client).control.back().refused().retry_after_ms(), 0u);
  lab.run(seconds{1});
  renew = [](const Json&) { return Result<Json>(away); };
  ask(client);
  EXPECT_EQ(lab.client(client).control.back().refused().reason(), proto::Refused::BUSY);
  EXPECT_GT(lab.client(client).control.back().refused().retry_after_ms(), 0u);
  lab.run(seconds{1});
  lab.host.on_database(false, lab.now);
  const auto before = asked.size();
  ask(client);
  EXPECT_EQ(lab.client(client).control.back().refused().reason(), proto::Refused::BUSY);
  EXPECT_EQ(asked.size(), before);
  EXPECT_TRUE(lab.client(client).dialer.is_open());
}

TEST_F(RenewTest, AnAnswerThatComesAfterTheSessionsEndIsForNobody) {
  const auto client = enter(1);
  renew = [](const Json&) { return std::nullopt; };
  ask(client);
  ASSERT_EQ(lab.pending.size(), 1u);
  lab.ended.push_back({{"session_id", 1}, {"epoch", 5}, {"role", "owner"}, {"reason", "kicked"}});
  lab.agent({{"message", {{"tell", "sync"}}}});
  lab.run(milliseconds{100});
  const auto said = lab.client(client).control.size();
  lab.answer(0, Json::array({{{"session_id", 1}, {"expires_in_ms", 5000}}}));
  lab.run(milliseconds{100});
  EXPECT_EQ(lab.client(client).control.size(), said);
}

}  // namespace
}  // namespace orrery::sessiond::test
