#include "agents/shim_plan.h"

#include <gtest/gtest.h>

namespace orrery::agents {
namespace {

TEST(CountedWith, KeepsWhatIsLeftOut) {
  const std::string first = counted_with("", R"({"players":{"count":3,"capacity":16}})");
  EXPECT_EQ(first, R"({"players":{"capacity":16,"count":3}})");
  EXPECT_EQ(counted_with(first, R"({"players":{"count":4},"rooms":{"count":1}})"),
            R"({"players":{"capacity":16,"count":4},"rooms":{"count":1}})");
}

TEST(CountedWith, TakesNoNonsense) {
  const std::string before = R"({"players":{"count":3}})";
  for (const char* said : {"", "{", "[]", "{}", "null", R"({"players":3})", R"({"Players":{"count":1}})",
                           R"({"":{"count":1}})", R"({"players":{"count":-1}})", R"({"players":{"count":1.5}})",
                           R"({"players":{"count":"1"}})", R"({"players":{"count":1000000000}})",
                           R"({"players":{"count":18446744073709551615}})", R"({"players":{"sum":1}})",
                           R"({"a234567890123456789012345678901234":{"count":1}})", "{\"\xff\":{\"count\":1}}"}) {
    EXPECT_EQ(counted_with(before, said), before) << said;
  }
}

TEST(CountedWith, HasAnEnd) {
  std::string counters;
  for (char name = 'a'; name <= 'p'; ++name) {
    counters = counted_with(
        counters, std::string(R"({")") + std::string(32, name) + R"(":{"count":999999999,"capacity":999999999}})");
  }
  EXPECT_EQ(counted_with(counters, R"({"one_more":{"count":1}})"), counters);

  ShimState state;
  state.counters = counters;
  state.status = std::string(300, '\xc3');
  state.words = std::string(900, '\xc3');
  state.boot_id = std::string(36, 'b');
  const std::string text = to_text(ShimNews{ServerId{1}, Epoch{1}, state});
  EXPECT_LT(text.size(), datagram_bytes_max);
  EXPECT_LE(to_text(state).size(), state_bytes);
  const auto read = state_of(to_text(state));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->counters, counters);
}

}  // namespace
}  // namespace orrery::agents
