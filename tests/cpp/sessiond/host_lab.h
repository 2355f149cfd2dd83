// A zone server into which sessions arrive, for the tests of what every server's host does.
#pragma once

#include "lab.h"
#include "sessiond/zone_core.h"

namespace orrery::sessiond::test {

class HostTest : public ::testing::Test {
 protected:
  Lab<ZoneCore> lab{"zone"};
  std::size_t enter(std::uint64_t session) {
    lab.arrivals.push_back(arrival(session, 5, "owner", key_of(1), {{"x_m", 10}, {"y_m", 20}}));
    lab.agent({{"message", {{"tell", "sync"}}}});
    const auto client = lab.attach(SessionId{session}, Epoch{5}, key_of(1));
    EXPECT_TRUE(lab.run_until(seconds{2}, [&] { return lab.client(client).dialer.is_open(); }));
    lab.run(milliseconds{100});
    return client;
  }
  std::int64_t lease_end(Duration left) const {
    return std::chrono::duration_cast<milliseconds>((lab.now + left).time_since_epoch()).count();
  }
  void cluster(const char* state, std::optional<int> stops_in_ms, std::uint64_t notice) {
    Json news{{"name", "dev"}, {"state", state}, {"stops_in_ms", nullptr}, {"notice_id", nullptr}};
    if (stops_in_ms) news["stops_in_ms"] = *stops_in_ms;
    if (notice != 0) news["notice_id"] = notice;
    lab.agent({{"cluster", news}, {"lease_until_ms", lease_end(seconds{15})}});
  }
};

}  // namespace orrery::sessiond::test
