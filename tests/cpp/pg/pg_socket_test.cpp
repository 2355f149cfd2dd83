#include "pg/pg_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pg/host_list.h"
#include "pg_fixture.h"

namespace orrery::pg {
namespace {

using namespace std::chrono_literals;
using test::PrivatePostgres;
using test::run_until;

class PgSocketTest : public testing::Test {
 protected:
  PgSocketTest() : base_(event_base_new(), event_base_free), postgres_(PrivatePostgres::get()) {}

  PgSocketConfig config() const {
    PgSocketConfig config;
    config.conninfo = postgres_.conninfo();
    config.application_name = "pg_socket_test";
    return config;
  }
  std::unique_ptr<PgSocket> socket(PgSocketConfig config) {
    auto made = std::make_unique<PgSocket>(
        base_.get(), std::move(config),
        PgSocket::Handlers{[this] {
                             ++connected_;
                             if (on_connected_) on_connected_();
                           },
                           [this](const Error& error) {
                             ++disconnected_;
                             last_error_ = error;
                           },
                           [this](const std::string& payload) { notified_.push_back(payload); }});
    made->open();
    return made;
  }
  // The answer to one statement, awaited.
  Result<Rows> ask(PgSocket& socket, const std::string& sql, Params params = {}) {
    std::optional<Result<Rows>> answer;
    socket.query(sql, std::move(params), [&answer](Result<Rows> rows) { answer = std::move(rows); });
    EXPECT_FALSE(answer) << "the reply came inside query()";
    if (!run_until(base_.get(), [&] { return answer.has_value(); })) return Error{"no reply in time", "test"};
    return *answer;
  }
  bool until(const std::function<bool()>& condition) { return run_until(base_.get(), condition); }

  std::unique_ptr<event_base, void (*)(event_base*)> base_;
  PrivatePostgres& postgres_;
  int connected_ = 0, disconnected_ = 0;
  Error last_error_;
  std::vector<std::string> notified_;
  std::function<void()> on_connected_;
};

TEST_F(PgSocketTest, RowsAndNullsAndParameters) {
  const auto db = socket(config());
  const auto rows =
      ask(*db, "select $1::int + 1, null, $2::text union all select 9, '', null order by 1", {"4", std::nullopt});
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0], (Row{"5", std::nullopt, std::nullopt}));
  EXPECT_EQ((*rows)[1], (Row{"9", "", std::nullopt}));
  EXPECT_EQ(ask(*db, "show application_name")->front().front(), "pg_socket_test");
}

TEST_F(PgSocketTest, AQueryLargerThanTheSocketBufferArrivesWhole) {
  const auto db = socket(config());
  const std::string big(8u << 20, 'x');
  const auto rows = ask(*db, "select length($1), $1", {big});
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->front()[0], std::to_string(big.size()));
  EXPECT_EQ(rows->front()[1], big);
}

TEST_F(PgSocketTest, ErrorsCarryStateDetailAndHintAndDoNotEndTheConnection) {
  const auto db = socket(config());
  const auto rows = ask(*db,
                        "do $$begin raise exception 'no such thing' using errcode = 'OR001', detail = 'it is not "
                        "there', hint = 'look elsewhere'; end$$");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, "OR001");
  EXPECT_EQ(rows.error().message, "no such thing: it is not there");
  EXPECT_EQ(rows.error().hint, "look elsewhere");
  EXPECT_EQ(ask(*db, "select 1 from nowhere").error().code, "42P01");
  EXPECT_TRUE(ask(*db, "select 1"));
  EXPECT_EQ(connected_, 1);
  EXPECT_EQ(disconnected_, 0);
}

TEST_F(PgSocketTest, AZeroByteIsRefusedRatherThanCutOff) {
  const auto db = socket(config());
  EXPECT_EQ(ask(*db, "select $1::text", {std::string("ab\0cd", 5)}).error().code, "22021");
}

TEST_F(PgSocketTest, NotificationsArriveWhileNothingIsAsked) {
  const auto listener = socket(config());
  ASSERT_TRUE(ask(*listener, "listen bell"));
  const auto ringer = socket(config());
  ASSERT_TRUE(ask(*ringer, "select pg_notify('bell', '1,2'), pg_notify('bell', '*')"));
  ASSERT_TRUE(until([&] { return notified_.size() == 2; }));
  EXPECT_EQ(notified_, (std::vector<std::string>{"1,2", "*"}));
}

TEST_F(PgSocketTest, AnswersComeInOrder) {
  const auto db = socket(config());
  std::string order;
  for (int i = 0; i < 5; ++i) {
    db->query("select " + std::to_string(i), {}, [&order](Result<Rows> rows) { order += *rows->front().front(); });
  }
  ASSERT_TRUE(until([&] { return order.size() == 5; }));
  EXPECT_EQ(order, "01234");
}

TEST_F(PgSocketTest, WhatIsAskedOnConnectingGoesBeforeWhatWaited) {
  std::string order;
  std::unique_ptr<PgSocket> db;
  on_connected_ = [&] {
    for (const char* mark : {"a", "b"}) db->query("select 1", {}, [&order, mark](Result<Rows>) { order += mark; });
  };
  db = socket(config());
  db->query("select 1", {}, [&order](Result<Rows>) { order += "c"; });
  ASSERT_TRUE(until([&] { return order.size() == 3; }));
  EXPECT_EQ(order, "abc");
}

// Catches a registration of a lost connection that is made again after the present one's, and takes its place.
TEST_F(PgSocketTest, WhatIsAskedOnConnectingEndsWithTheConnection) {
  std::string order;
  std::unique_ptr<PgSocket> db;
  on_connected_ = [&] {
    const bool first = connected_ == 1;
    db->query(first ? "select pg_terminate_backend(pg_backend_pid())" : "select 1", {},
              [&order](Result<Rows> rows) { order += rows ? "a" : "-"; });
    db->query("select 1", {}, [&order](Result<Rows> rows) { order += rows ? "b" : "-"; });
  };
  db = socket(config());
  db->query("select 1", {}, [&order](Result<Rows> rows) { order += rows ? "c" : "-"; });
  ASSERT_TRUE(until([&] { return order.size() >= 5; }));
  run_until(
      base_.get(), [] { return false; }, 100ms);
  EXPECT_EQ(order, "--abc");
}

TEST_F(PgSocketTest, ServerKilledHardAndStartedAgain) {
  const auto db = socket(config());
  ASSERT_TRUE(ask(*db, "select 1"));
  std::optional<Result<Rows>> under_way, queued;
  db->query("select pg_sleep(60)", {}, [&](Result<Rows> rows) { under_way = std::move(rows); });
  db->query("select 'later'", {}, [&](Result<Rows> rows) { queued = std::move(rows); });
  run_until(
      base_.get(), [] { return false; }, 200ms);
  postgres_.kill_hard();
  ASSERT_TRUE(until([&] { return under_way.has_value(); }));
  EXPECT_EQ(under_way->error().code, "connection");
  EXPECT_GE(disconnected_, 1);
  EXPECT_FALSE(db->is_connected());
  EXPECT_FALSE(queued) << "what was not sent waits for the next connection";
  postgres_.start();
  ASSERT_TRUE(until([&] { return queued.has_value(); }));
  ASSERT_TRUE(*queued) << queued->error().message;
  EXPECT_EQ(connected_, 2);
  EXPECT_TRUE(db->is_connected());
}

TEST_F(PgSocketTest, ABackendToldToEndIsALostConnection) {
  const auto db = socket(config());
  const auto pid = ask(*db, "select pg_backend_pid()");
  std::optional<Result<Rows>> under_way;
  db->query("select pg_sleep(60)", {}, [&](Result<Rows> rows) { under_way = std::move(rows); });
  const auto other = socket(config());
  run_until(
      base_.get(), [] { return false; }, 100ms);
  ASSERT_TRUE(ask(*other, "select pg_terminate_backend($1::int)", {*pid->front().front()}));
  ASSERT_TRUE(until([&] { return under_way.has_value(); }));
  EXPECT_EQ(under_way->error().code, "connection");
  EXPECT_TRUE(ask(*db, "select 1"));
}

TEST_F(PgSocketTest, NoAnswerInTimeDropsTheConnection) {
  PgSocketConfig quick = config();
  quick.query_timeout = 300ms;
  const auto db = socket(quick);
  const auto begun = BootClock::now();
  const auto rows = ask(*db, "select pg_sleep(30)");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, "connection");
  EXPECT_LT(BootClock::now() - begun, 3s);
  EXPECT_TRUE(ask(*db, "select 1"));
  EXPECT_EQ(connected_, 2);
}

TEST_F(PgSocketTest, NobodyThereIsToldAndWaitedForOnlySoLong) {
  PgSocketConfig lonely = config();
  lonely.conninfo = "host=/nonexistent dbname=postgres";
  lonely.query_timeout = 500ms;
  const auto db = socket(lonely);
  EXPECT_EQ(ask(*db, "select 1").error().code, "connection");
  EXPECT_GE(disconnected_, 2) << "it tries again and again";
  EXPECT_EQ(last_error_.code, "connection");
  EXPECT_NE(last_error_.message.find("/nonexistent"), std::string::npos) << last_error_.message;
}

TEST_F(PgSocketTest, AMalformedConninfoIsAnErrorNotACrash) {
  PgSocketConfig wrong = config();
  wrong.conninfo = "nonsense=1 host";
  wrong.query_timeout = 300ms;
  const auto db = socket(wrong);
  EXPECT_EQ(ask(*db, "select 1").error().code, "connection");
}

TEST_F(PgSocketTest, TheQueueHasALimit) {
  PgSocketConfig small = config();
  small.queue_max = 3;
  const auto db = socket(small);
  ASSERT_TRUE(ask(*db, "select 1"));
  int good = 0, refused = 0;
  for (int i = 0; i < 5; ++i) {
    db->query("select 1", {}, [&](Result<Rows> rows) { rows ? ++good : ++refused; });
  }
  EXPECT_EQ(good + refused, 0) << "a reply came inside query()";
  ASSERT_TRUE(until([&] { return good + refused == 5; }));
  EXPECT_EQ(good, 3);
  EXPECT_EQ(refused, 2);
}

TEST_F(PgSocketTest, SeveralHostsAreTriedInTurn) {
  PgSocketConfig two = config();
  two.conninfo =
      "host=/nonexistent," + postgres_.dir() + " dbname=postgres user=postgres target_session_attrs=read-write";
  const auto db = socket(two);
  EXPECT_TRUE(ask(*db, "select 1"));
  EXPECT_EQ(disconnected_, 0);
}

// Accepts and says nothing, as a machine whose PostgreSQL was stopped does.
class SilentHost {
 public:
  SilentHost() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(listen(fd_, 16), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &length);
    port_ = ntohs(at.sin_port);
  }
  ~SilentHost() { close(fd_); }
  std::string port() const { return std::to_string(port_); }

 private:
  const int fd_;
  int port_ = 0;
};

TEST_F(PgSocketTest, AHostThatSaysNothingIsPassedOver) {
  const SilentHost silent;
  for (const char* first : {"127.0.0.1", "localhost"}) {
    PgSocketConfig two = config();
    two.conninfo = std::string("host=") + first + "," + postgres_.dir() + " port=" + silent.port() + ",5432" +
                   " dbname=postgres user=postgres";
    two.query_timeout = 700ms;
    const auto db = socket(two);
    ASSERT_TRUE(until([&] { return connected_ == 1; })) << first << ": " << last_error_.message;
    EXPECT_EQ(disconnected_, 0) << first;
    // The one that answered is asked first from then on.
    const auto other = socket(config());
    const auto pid = ask(*db, "select pg_backend_pid()");
    const auto begun = BootClock::now();
    ASSERT_TRUE(ask(*other, "select pg_terminate_backend($1::int)", {*pid->front().front()}));
    ASSERT_TRUE(until([&] { return connected_ == 3; }));
    EXPECT_LT(BootClock::now() - begun, 650ms) << first;
    connected_ = disconnected_ = 0;
  }
}

TEST_F(PgSocketTest, ANameThatDoesNotResolveIsSaidAndTheNextHostTried) {
  PgSocketConfig wrong = config();
  wrong.conninfo = "host=no-such-host.invalid dbname=postgres user=postgres";
  const auto lonely = socket(wrong);
  ASSERT_TRUE(until([&] { return disconnected_ > 0; }));
  EXPECT_NE(last_error_.message.find("no-such-host.invalid"), std::string::npos) << last_error_.message;
  wrong.conninfo = "host=no-such-host.invalid," + postgres_.dir() + " dbname=postgres user=postgres";
  const auto db = socket(wrong);
  EXPECT_TRUE(ask(*db, "select 1"));
  // Destroyed while a name is looked up: nothing is called any more.
  for (int i = 0; i < 20; ++i) socket(wrong);
  event_base_loop(base_.get(), EVLOOP_NONBLOCK);
}

TEST(HostList, NamesAddressesAndPortsGoTogether) {
  const auto three = hosts_of("host=db1,/run/pg,::1 port=1,2,3 user=x");
  ASSERT_EQ(three.size(), 3u);
  EXPECT_EQ(three[1].name + " " + three[1].port, "/run/pg 2");
  EXPECT_TRUE(three[0].is_name());
  EXPECT_FALSE(three[1].is_name() || three[2].is_name());
  EXPECT_EQ(hosts_of("postgresql://u@a:1,b:2/d")[1].port, "2");
  EXPECT_EQ(hosts_of("host=a,b port=7")[1].port, "7");
  const auto addressed = hosts_of("host=a,b hostaddr=192.0.2.1,192.0.2.2");
  EXPECT_EQ(addressed[1].address, "192.0.2.2");
  EXPECT_FALSE(addressed[1].is_name());
  for (const char* left_to_libpq :
       {"", "dbname=x", "nonsense=1", "host=a,b port=1,2,3", "host=a,b hostaddr=192.0.2.1"}) {
    const auto one = hosts_of(left_to_libpq);
    ASSERT_EQ(one.size(), 1u) << left_to_libpq;
    EXPECT_TRUE(one[0].name.empty() && one[0].address.empty() && !one[0].is_name()) << left_to_libpq;
  }
}

}  // namespace
}  // namespace orrery::pg
