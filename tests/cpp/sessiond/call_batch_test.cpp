#include "sessiond/call_batch.h"

#include <gtest/gtest.h>

#include <map>

namespace orrery::sessiond {
namespace {

class CallBatchTest : public ::testing::Test {
 protected:
  struct Sent {
    Json entries;
    CallBatch::Done answer;
  };
  std::vector<Sent> sent;
  CallBatch batch{[this](Json entries, CallBatch::Done answer) { sent.push_back({std::move(entries), answer}); }};
  std::map<int, std::vector<std::string>> got;  // by entry: what its Done was given

  CallBatch::Ref add(int n) {
    return batch.add(Json{{"n", n}}, [this, n](const Result<Json>& answer, Instant) {
      got[n].push_back(answer ? answer->at("echo").dump() : answer.error().code);
    });
  }
  /// The right answer to a call.
  static Json echo(const Json& entries) {
    Json out = Json::array();
    for (const auto& entry : entries) out.push_back({{"ref", entry.at("ref")}, {"echo", entry.at("n")}});
    return out;
  }
  void answer(std::size_t call, Result<Json> result) {
    sent.at(call).answer(std::move(result), {});
    batch.flush();
  }
};

TEST_F(CallBatchTest, WhatIsAskedWhileACallIsUnderWayGoesOutTogether) {
  add(1);
  batch.flush();
  ASSERT_EQ(sent.size(), 1u);
  for (int n = 2; n <= 250; ++n) add(n);
  batch.flush();
  EXPECT_EQ(sent.size(), 1u);
  answer(0, echo(sent[0].entries));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].entries.size(), 200u);
  answer(1, echo(sent[1].entries));
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[2].entries.size(), 49u);
  answer(2, echo(sent[2].entries));
  EXPECT_EQ(sent.size(), 3u);
  EXPECT_EQ(got.size(), 250u);
  for (const auto& [n, answers] : got) EXPECT_EQ(answers, std::vector<std::string>{std::to_string(n)});
  EXPECT_EQ(batch.calls(), 3u);
  EXPECT_EQ(batch.entries(), 250u);
}

// Catches an answer that is given to another login than the one that asked.
TEST_F(CallBatchTest, AnswersAreMatchedByTheirReferenceAndEachIsGivenOnce) {
  for (int n = 1; n <= 4; ++n) add(n);
  batch.flush();
  Json rows = echo(sent[0].entries);
  std::swap(rows[0], rows[3]);
  rows[1] = Json{{"ref", rows[1].at("ref")}, {"error", {{"code", "OR002"}, {"message", "no"}, {"hint", "h"}}}};
  rows.push_back(rows[0]);
  rows.push_back(Json{{"ref", 99}, {"echo", 7}});
  for (const Json& rubbish : {Json(), Json(5), Json{{"ref", "x"}}, Json{{"ref", -1}}, Json::array()})
    rows.push_back(rubbish);
  rows.erase(2);  // entry 3 is left out
  answer(0, rows);
  EXPECT_EQ(got[1], std::vector<std::string>{"1"});
  EXPECT_EQ(got[2], std::vector<std::string>{"OR002"});
  EXPECT_EQ(got[3], std::vector<std::string>{CallBatch::unanswered});
  EXPECT_EQ(got[4], std::vector<std::string>{"4"});
}

TEST_F(CallBatchTest, AWholeCallThatFailsFailsEach) {
  for (const Result<Json>& failed : {Result<Json>(Error{"gone", "connection"}), Result<Json>(Json("no array"))}) {
    got.clear();
    add(1);
    add(2);
    batch.flush();
    answer(sent.size() - 1, failed);
    const std::string code = failed ? CallBatch::unanswered : "connection";
    EXPECT_EQ(got[1], std::vector<std::string>{code});
    EXPECT_EQ(got[2], std::vector<std::string>{code});
  }
}

// Catches one client whose bytes the database cannot take and that keeps all others out with it.
TEST_F(CallBatchTest, OneThatTheDatabaseCannotTakeSpoilsNoOther) {
  for (int n = 1; n <= 3; ++n) add(n);
  batch.flush();
  add(4);
  answer(0, Error{"unsupported Unicode escape sequence", "22P05"});
  for (std::size_t call = 1; call <= 3; ++call) {
    ASSERT_EQ(sent.size(), call + 1);
    ASSERT_EQ(sent[call].entries.size(), 1u);
    if (sent[call].entries[0].at("n") == 2)
      answer(call, Error{"unsupported Unicode escape sequence", "22P05"});
    else
      answer(call, echo(sent[call].entries));
  }
  ASSERT_EQ(sent.size(), 5u);
  answer(4, echo(sent[4].entries));
  EXPECT_EQ(got[1], std::vector<std::string>{"1"});
  EXPECT_EQ(got[2], std::vector<std::string>{"22P05"});
  EXPECT_EQ(got[3], std::vector<std::string>{"3"});
  EXPECT_EQ(got[4], std::vector<std::string>{"4"});
}

TEST_F(CallBatchTest, WhatIsTakenBackIsNotAskedAndWhatIsUnderWayIsAnswered) {
  const auto first = add(1);
  batch.flush();
  const auto second = add(2);
  add(3);
  batch.cancel(first);
  batch.cancel(second);
  batch.cancel(second);
  batch.cancel(77);
  answer(0, echo(sent[0].entries));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].entries.size(), 1u);
  answer(1, echo(sent[1].entries));
  EXPECT_EQ(got.size(), 2u);
  EXPECT_FALSE(got.contains(2));
  EXPECT_EQ(batch.waiting(), 0u);
}

TEST_F(CallBatchTest, TakingBackOneOfThoseThatGoSinglyLeavesTheOrder) {
  std::vector<CallBatch::Ref> refs;
  for (int n = 1; n <= 3; ++n) refs.push_back(add(n));
  batch.flush();
  sent[0].answer(Error{"bad", "22023"}, {});
  batch.cancel(refs[1]);
  for (int n = 4; n <= 6; ++n) add(n);
  batch.flush();
  for (std::size_t call = 1; call < sent.size(); ++call) answer(call, echo(sent[call].entries));
  ASSERT_EQ(sent.size(), 4u) << "1 and 3 alone, 4 to 6 together";
  EXPECT_EQ(sent[3].entries.size(), 3u);
  EXPECT_EQ(got.size(), 5u);
}

TEST_F(CallBatchTest, AnAnswerThatCannotBeReadIsAnErrorOfThatOneOnly) {
  for (int n = 1; n <= 3; ++n) add(n);
  batch.flush();
  Json rows = echo(sent[0].entries);
  rows[1].erase("echo");
  answer(0, rows);
  EXPECT_EQ(got[1], std::vector<std::string>{"1"});
  EXPECT_EQ(got[2], std::vector<std::string>{"json"});
  EXPECT_EQ(got[3], std::vector<std::string>{"3"});
}

TEST_F(CallBatchTest, WhoIsAnsweredMayAskAgain) {
  batch.add(Json{{"n", 1}}, [this](const Result<Json>&, Instant) { add(2); });
  batch.flush();
  answer(0, echo(sent[0].entries));
  ASSERT_EQ(sent.size(), 2u);
  answer(1, echo(sent[1].entries));
  EXPECT_EQ(got[2], std::vector<std::string>{"2"});
}

}  // namespace
}  // namespace orrery::sessiond
