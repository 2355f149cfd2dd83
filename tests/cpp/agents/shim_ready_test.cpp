// When a server is READY: by what it says, by its port, by its output; and the signal by which it is asked to stop.
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "agents/files.h"
#include "agents/output_match.h"
#include "agents/port_owner.h"
#include "shim_lab.h"

namespace orrery::agents {
namespace {

// A socket of the test's own.
class Bound {
 public:
  Bound(int type, std::uint16_t port) : fd_(socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    socklen_t size = Address::parse("127.0.0.2", port)->to_sockaddr(address);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0) << port;
    EXPECT_TRUE(type != SOCK_STREAM || listen(fd_.get(), 1) == 0);
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = Address::from_sockaddr(address).port;
  }
  std::uint16_t port() const { return port_; }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
};

// The beginning of what a web server answers.
std::string answer_of(std::uint16_t port) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const socklen_t size = Address::parse("127.0.0.1", port)->to_sockaddr(address);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_TRUE(write_all(fd.get(), "GET / HTTP/1.0\r\n\r\n"));
  std::array<char, 64> text;
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(read(fd.get(), text.data(), text.size()), 0))};
}

class ShimReadyTest : public ShimTest {
 protected:
  Spawn ready_by_port(const std::string& words, Protocol protocol = Protocol::udp, std::uint64_t id = 1) {
    Spawn spawn = server("port", id);
    spawn.env["ORRERY_TEST_COUNT"] = words;
    const std::uint16_t port = Bound(protocol == Protocol::udp ? SOCK_DGRAM : SOCK_STREAM, 0).port();
    spawn.terms = StartTerms{{{"public", protocol, port, 1}}, ReadyBy::port};
    return spawn;
  }
  Spawn ready_by_output(const std::string& pattern, const std::string& script) {
    Spawn spawn = server("-");
    spawn.command = "/bin/sh";
    spawn.args = {"-c", script + "\nexec sleep 1000"};
    spawn.env.clear();
    spawn.terms = StartTerms{{}, ReadyBy::output, pattern};
    return spawn;
  }
  std::string mark(const std::string& name, std::uint64_t id = 1) const { return work_path(id) + "/" + name; }
  void waits_for(const std::string& name, std::uint64_t id = 1) {
    ASSERT_TRUE(until([&] { return std::filesystem::exists(mark(name, id)); })) << name;
  }
  void is_not_ready() {
    pass(300ms);
    EXPECT_TRUE(ready_.empty());
    EXPECT_TRUE(failed_.empty() && exited_.empty());
  }
  void becomes_ready() {
    EXPECT_TRUE(until([&] { return !ready_.empty() || !exited_.empty(); }) && exited_.empty());
  }
  // Why, once its deadline has killed it.
  std::string never_ready(Spawn spawn) {
    exited_.clear();
    spawn.ready_limit = 1500ms;
    host_->spawn(spawn);
    EXPECT_TRUE(exits());
    EXPECT_TRUE(ready_.empty());
    if (exited_.empty()) return {};
    EXPECT_EQ(exited_[0].signal, SIGKILL);
    EXPECT_FALSE(exited_[0].not_its_own);
    return exited_[0].words;
  }

  std::uint64_t patterns_ = 0;
};

// By port

TEST_F(ShimReadyTest, OneIsReadyWhenItHasBoundItsPort) {
  for (const char* family : {"udp", "udp6"}) {
    const std::uint64_t id = std::string(family) == "udp" ? 1 : 2;
    Spawn spawn = ready_by_port(std::string("mark up wait go ") + family, Protocol::udp, id);
    ready_.clear();
    host_->spawn(spawn);
    waits_for("up", id);
    is_not_ready();
    const std::ofstream go(mark("go", id));
    becomes_ready();
  }
}

TEST_F(ShimReadyTest, APortOfTcpIsBoundWhenItListens) {
  host_->spawn(ready_by_port("tcp mark bound wait go listen", Protocol::tcp));
  waits_for("bound");
  is_not_ready();
  const std::ofstream go(mark("go"));
  becomes_ready();
}

// Catches a look at the first process alone.
TEST_F(ShimReadyTest, APortOfWhatItStartedIsItsOwn) {
  start_ready(ready_by_port("fork udp"));
  start_ready(ready_by_port("fork tcp listen", Protocol::tcp, 2));
}

// Catches a server that is taken for READY because another one, or one of before, has its port.
TEST_F(ShimReadyTest, SomebodyElsesSocketIsNotIts) {
  for (const Protocol protocol : {Protocol::udp, Protocol::tcp}) {
    const bool udp = protocol == Protocol::udp;
    const Bound other(udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    Spawn spawn = ready_by_port("mark up wait go", protocol, udp ? 1 : 2);
    spawn.terms->ports[0].first = other.port();
    EXPECT_EQ(never_ready(spawn), std::string("not READY within 1500 ms: its port public (") + (udp ? "udp " : "tcp ") +
                                      std::to_string(other.port()) + ") is bound by another process");
  }
}

// Catches a look at the network that the shim is in.
TEST_F(ShimReadyTest, APortIsLookedForInTheServersOwnNetwork) {
  for (const Protocol protocol : {Protocol::udp, Protocol::tcp}) {
    const bool udp = protocol == Protocol::udp;
    Spawn deaf = ready_by_port("alone", protocol, udp ? 1 : 2);
    const Bound outside(udp ? SOCK_DGRAM : SOCK_STREAM, deaf.terms->ports[0].first);
    ready_.clear();
    EXPECT_EQ(never_ready(deaf), std::string("not READY within 1500 ms: its port public (") + (udp ? "udp " : "tcp ") +
                                     std::to_string(deaf.terms->ports[0].first) + ") is not bound");
    Spawn spawn = ready_by_port(udp ? "alone udp" : "alone tcp listen", protocol, udp ? 3 : 4);
    spawn.terms->ports = deaf.terms->ports;
    start_ready(spawn);
  }
}

TEST_F(ShimReadyTest, ItsOwnSocketIsFoundBesideSomebodyElses) {
  Spawn spawn = ready_by_port("udp");
  const Bound other(SOCK_DGRAM, spawn.terms->ports[0].first);
  start_ready(spawn);
}

TEST_F(ShimReadyTest, OneThatDoesNotBindIsKilledAtItsDeadlineAndReadyIsNoWordForIt) {
  const Spawn spawn = ready_by_port("say READY=1 say STATUS=well");
  EXPECT_EQ(never_ready(spawn), "not READY within 1500 ms: its port public (udp " +
                                    std::to_string(spawn.terms->ports[0].first) + ") is not bound");
  EXPECT_EQ(state(spawn).status, "well") << "the rest of what it says is heard";
}

// Catches a server that lives, but can be reached by nobody; and one that is aborted for a moment without its port, for
// leaving, or for what its neighbour did.
TEST_F(ShimReadyTest, OneWhosePortIsLostIsAborted) {
  const Spawn lost = ready_by_port("udp wait go close"),
              back = ready_by_port("udp wait go close wait again udp", {}, 2);
  const Spawn leaves = ready_by_port("udp wait go say STOPPING=1 close", {}, 3), stays = ready_by_port("udp", {}, 4);
  for (const Spawn* spawn : {&back, &leaves, &stays, &lost}) start_ready(*spawn);
  const Instant from = BootClock::now();
  for (const std::uint64_t id : {1, 2, 3}) const std::ofstream go(mark("go", id));
  pass(11s);
  EXPECT_TRUE(exited_.empty()) << "two looks are not three";
  const std::ofstream again(mark("again", 2));
  const ProcessExited exited = exit_once();
  EXPECT_GE(BootClock::now() - from, 14s);
  EXPECT_EQ(exited.ref, lost.ref);
  EXPECT_EQ(exited.signal, SIGABRT);
  EXPECT_EQ(exited.words, "its port public is not bound any more: killed by signal 6 (Aborted)");
  EXPECT_FALSE(exited.not_its_own);
  pass(6s);
  EXPECT_EQ(exited_.size(), 1u);
  EXPECT_EQ(state(leaves).phase, Phase::stopping);
}

TEST(PortOwnerTest, WhatCannotBeLookedAtIsNobodys) {
  const Bound bound(SOCK_DGRAM, 0);
  EXPECT_EQ(port_owner(getpid(), getpid(), Protocol::udp, bound.port()), PortOwner::own);
  EXPECT_EQ(port_owner(getpid(), getpid(), Protocol::tcp, bound.port()), PortOwner::nobody);
  EXPECT_EQ(port_owner(1 << 30, getpid(), Protocol::udp, bound.port()), PortOwner::unknown) << "no such process";
}

// Catches a server that is never READY where one of the ways to look is closed.
TEST(PortOwnerTest, TheKernelAndProcSayTheSame) {
  const Bound udp(SOCK_DGRAM, 0), tcp(SOCK_STREAM, 0);
  for (const std::uint16_t port : {udp.port(), tcp.port()}) {
    for (const Protocol protocol : {Protocol::udp, Protocol::tcp}) {
      const auto asked = sockets_by_diag(protocol, port), read = sockets_by_proc(getpid(), protocol, port);
      ASSERT_TRUE(read);
      EXPECT_EQ(read->size(), (protocol == Protocol::udp) == (port == udp.port()) ? 1u : 0u);
      EXPECT_TRUE(!asked || *asked == *read);
    }
  }
}

TEST_F(ShimReadyTest, AnExecutableThatKnowsNothingOfOrreryIsAServer) {
  Spawn spawn = ready_by_port("", Protocol::tcp);
  spawn.command = "/usr/bin/python3";
  spawn.args = {"-m", "http.server", "--bind", "127.0.0.1", std::to_string(spawn.terms->ports[0].first)};
  spawn.env.clear();
  spawn.terms->stop_signal = SIGINT;
  start_ready(spawn);
  EXPECT_TRUE(answer_of(spawn.terms->ports[0].first).starts_with("HTTP/1.0 200"));
  stop(spawn, 10s);
  EXPECT_EQ(exit_once().words, "exit status 0") << log();
}

// By output

TEST_F(ShimReadyTest, OneIsReadyWhenALineMatches) {
  host_->spawn(ready_by_output("^\\[[0-9:]+\\] Done \\([0-9.]+s\\)!$", R"(
    printf 'starting\n[12:00:01] Do' >&2; while [ ! -e go ]; do sleep 0.01; done
    printf 'ne (3.' >&2; sleep 0.1; printf '25s)!' >&2; touch whole; while [ ! -e end ]; do sleep 0.01; done
    printf '\r\n' >&2)"));
  ASSERT_TRUE(until([&] { return log().find("Do") != std::string::npos; }));
  is_not_ready();
  { const std::ofstream go(mark("go")); }
  waits_for("whole");
  is_not_ready();
  { const std::ofstream end(mark("end")); }
  becomes_ready();
  EXPECT_EQ(log(), "starting\n[12:00:01] Done (3.25s)!\r\n");
}

TEST_F(ShimReadyTest, WhatDoesNotMatchIsNotReadyWhateverItSays) {
  Spawn spawn = server("plain");
  spawn.terms = StartTerms{{}, ReadyBy::output, "."};
  EXPECT_EQ(never_ready(spawn), "not READY within 1500 ms: no line of its output matched");
  EXPECT_EQ(state(spawn).status, "well");
}

// Catches memory that grows with a line, and what is behind its first 4,096 bytes.
TEST_F(ShimReadyTest, OfALongLineTheBeginningCounts) {
  const std::string long_line = "head -c 1048576 /dev/zero | tr '\\0' x; echo ' ready'";
  EXPECT_EQ(never_ready(ready_by_output("ready$", long_line)),
            "not READY within 1500 ms: no line of its output matched");
  Spawn spawn = ready_by_output("^x{4}", "echo; " + long_line);
  spawn.ref.epoch.value += 1;
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return log_bytes() > 2 << 20; }));
}

TEST_F(ShimReadyTest, APatternThatIsNoneFailsTheStart) {
  const auto refused = [this](const std::string& pattern) {
    failed_.clear();
    Spawn spawn = ready_by_output(pattern, "touch began");
    spawn.ref.epoch.value += ++patterns_;
    host_->spawn(spawn);
    EXPECT_TRUE(until([&] { return !failed_.empty() || !started_.empty(); })) << pattern;
    return failed_.empty() ? "" : failed_[0].error;
  };
  EXPECT_EQ(refused("("), "EINVAL: its ready pattern: Unmatched ( or \\(");
  EXPECT_EQ(refused("(a)\\1"), "EINVAL: its ready pattern: back-references are not POSIX");
  EXPECT_EQ(refused(std::string(1001, 'a')), "EINVAL: its ready pattern: longer than 1000 bytes");
  // Would take gigabytes.
  EXPECT_EQ(refused("(((a{99}){99}){99}){99}"), "EINVAL: its ready pattern: it repeats too much");
  EXPECT_EQ(refused(""), "EINVAL: ready by output, but there is no pattern") << "its plan itself is malformed";
  EXPECT_FALSE(std::filesystem::exists(mark("began")));
}

TEST(OutputMatchTest, LinesAreWhatCountsWhereverTheyAreCut) {
  const auto matches = [](const std::string& pattern, const std::vector<std::string>& parts, bool over = false) {
    OutputMatch match;
    EXPECT_TRUE(match.open(pattern)) << pattern;
    bool found = false;
    for (const std::string& part : parts) found = found || match.add(part);
    return found || (over && match.finish());
  };
  EXPECT_TRUE(matches("^ab$", {"a", "b", "\n"}));
  EXPECT_TRUE(matches("^ab$", {"x\nab", "\r", "\nx"}));
  EXPECT_FALSE(matches("^ab$", {"a\n", "b\n"}));
  EXPECT_FALSE(matches("^ab$", {"ab"}));
  EXPECT_TRUE(matches("^ab$", {"ab"}, true));

  EXPECT_TRUE(matches("^$", {"x\n\n"}));
  EXPECT_FALSE(matches("^", {""}, true)) << "no line at all";
  EXPECT_TRUE(matches("b", {std::string("a\0b\n", 4)})) << "a null byte is no end";
  EXPECT_TRUE(matches("^.{3}$", {"\xff\xc3\xa9\n"})) << "bytes";
  EXPECT_TRUE(matches("^x*$", {std::string(4096, 'x'), "y\n"}));
  EXPECT_TRUE(matches("^x*$", {std::string(4096, 'x'), "\r\n"}));
  EXPECT_FALSE(matches("y", {std::string(4096, 'x'), "y\n"}));
  EXPECT_TRUE(matches("xy$", {std::string(4095, 'x'), "yy\n"}));
  EXPECT_TRUE(matches("^\\\\1{2,3}[{]{1,}$", {"\\11{{\n"})) << "a backslash, and braces that are no interval";
}

// Stop

TEST_F(ShimReadyTest, TheSignalOfItsKindStopsIt) {
  for (const bool asked : {true, false}) {
    Spawn spawn = server("stubborn", asked ? 1 : 2);
    spawn.terms->stop_signal = SIGINT;
    const int pid = start_ready(spawn);
    const std::ofstream made(mark("made", spawn.ref.server.value));
    kill(pid, SIGTERM);
    exited_.clear();
    pass(100ms);
    EXPECT_TRUE(exited_.empty()) << "it ignores that";
    if (asked) stop(spawn, 10s);
    if (!asked) kill(pid, SIGINT);
    const ProcessExited exited = exit_once();
    EXPECT_EQ(exited.signal, SIGINT);
    EXPECT_EQ(exited.words, "killed by signal 2 (Interrupt)");
    EXPECT_FALSE(exited.not_its_own);
    host_->forget(spawn.ref);
    EXPECT_EQ(std::filesystem::exists(mark("made", spawn.ref.server.value)), !asked) << "it did not end well unasked";
  }
}

TEST_F(ShimReadyTest, ItsClustersDeadlineStopsItByTheSignalOfItsKind) {
  Spawn spawn = server("stubborn");
  spawn.terms->stop_signal = SIGUSR2;
  start_ready(spawn);
  Steer wish{spawn.ref, BootClock::now() + 60s, std::nullopt};
  wish.shutdown_at = BootClock::now() + 200ms;
  wish.keep_shutdown = false;
  host_->steer(wish);
  EXPECT_EQ(exit_once().signal, SIGUSR2);
}

// What it is told, and what is kept

TEST_F(ShimReadyTest, PortsStandInItsEnvironment) {
  Spawn spawn = server("show");
  spawn.env["ORRERY_PORT_GAME"] = "of the kind's own";
  spawn.terms = StartTerms{
      {{"game", Protocol::udp, 20001, 1}, {"private", Protocol::udp, 20002, 1}, {"voice_2", Protocol::tcp, 20010, 8}}};
  start_ready(spawn);
  Spawn none = server("show", 2);
  none.terms = StartTerms{};
  start_ready(none);
  const auto text_of = [this](std::uint64_t id) {
    EXPECT_TRUE(until([&] { return log(id).find("\numask") != std::string::npos; }));
    return "\n" + log(id);
  };
  const std::string text = text_of(1);
  for (const char* line :
       {"PORT_GAME=20001", "PORT_PRIVATE=20002", "PORT_VOICE_2=20010", "PORTS_VOICE_2=8", "PUBLIC_BIND=127.0.0.1:20001",
        "PUBLIC_ADVERTISE=127.0.0.1:20001", "PRIVATE_BIND=[::1]:20002", "PRIVATE_ADVERTISE=[::1]:20002"}) {
    EXPECT_NE(text.find(std::string("\nORRERY_") + line + "\n"), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("ORRERY_PORTS_GAME"), std::string::npos);
  for (const char* word : {"ORRERY_PORT", "ORRERY_PUBLIC", "ORRERY_PRIVATE"}) {
    EXPECT_EQ(text_of(2).find(word), std::string::npos) << word;
  }
}

TEST_F(ShimReadyTest, TermsThatAreNoneFailTheStart) {
  Spawn spawn = server("plain");
  spawn.terms = terms_of(Json{{"stop_signal", "KILL"}});
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return !failed_.empty(); }));
  EXPECT_EQ(failed_[0].error, "EINVAL: no server is stopped by signal \"KILL\"");
  EXPECT_TRUE(started_.empty());
}

TEST_F(ShimReadyTest, APlanKeepsItsTermsAndOneOfBeforeHasTheDefaults) {
  Spawn spawn = server("polite");
  spawn.terms->stop_signal = SIGHUP;
  start_ready(spawn);
  const std::string path = run_dir(spawn) + "/plan";
  EXPECT_EQ(plan_of(*read_file(path))->terms->stop_signal, SIGHUP);
  Json plan = Json::parse(*read_file(path));
  for (const char* name : {"ports", "ready", "stop_signal"}) EXPECT_EQ(plan.erase(name), 1u) << name;
  agent_goes();
  std::ofstream(path) << plan;
  const auto before = plan_of(*read_file(path));
  ASSERT_TRUE(before);
  EXPECT_EQ(json_of(*before->terms), json_of(StartTerms{}));
  const auto events = agent_returns();
  EXPECT_TRUE(only<ServerFound>(events));
  stop(spawn, 10s);
  EXPECT_EQ(exit_once().signal, SIGHUP) << "its shim goes on as it began";
}

TEST(StartTermsTest, WhatIsMissingHasItsDefaultAndWhatIsMalformedIsAnError) {
  const Json whole{{"ports",
                    {{{"name", "game"}, {"protocol", "udp"}, {"port", 65528}, {"count", 8}},
                     {{"name", "query"}, {"protocol", "tcp"}, {"port", 65528}, {"count", 1}}}},
                   {"ready", {{"by", "output"}, {"pattern", "^up"}}},
                   {"stop_signal", "QUIT"}};
  EXPECT_EQ(json_of(*terms_of(whole)), whole);
  const Json defaults{{"ports", Json::array()}, {"ready", {{"by", "notify"}}}, {"stop_signal", "TERM"}};
  EXPECT_EQ(json_of(*terms_of(Json::object())), defaults);
  EXPECT_EQ(json_of(*terms_of(Json{{"ports", nullptr}, {"ready", nullptr}, {"stop_signal", nullptr}})), defaults);
  const auto port = [](const char* name, const char* protocol, Json number, Json count) {
    return Json{{"ports", {{{"name", name}, {"protocol", protocol}, {"port", number}, {"count", count}}}}};
  };
  ASSERT_TRUE(terms_of(port("a", "udp", 1, 65535)));
  Json twice = port("a", "udp", 1, 1);
  twice["ports"].push_back(twice["ports"][0]);
  for (const Json& wrong : {port("", "udp", 1, 1),
                            port("A", "udp", 1, 1),
                            port("a-b", "udp", 1, 1),
                            port("a", "sctp", 1, 1),
                            port("a", "udp", 0, 1),
                            port("a", "udp", 65536, 1),
                            port("a", "udp", "1", 1),
                            port("a", "udp", 1, 0),
                            port("a", "udp", 2, 65535),
                            port("a", "udp", 1, nullptr),
                            twice,
                            Json{{"ports", {1}}},
                            Json{{"ports", 1}},
                            Json{{"ready", "port"}},
                            Json{{"ready", {{"by", "port"}}}},
                            Json{{"ready", {{"by", "luck"}}}},
                            Json{{"ready", Json::object()}},
                            Json{{"ready", {{"by", "output"}}}},
                            Json{{"ready", {{"by", "output"}, {"pattern", 1}}}},
                            Json{{"stop_signal", "KILL"}},
                            Json{{"stop_signal", "SIGTERM"}},
                            Json{{"stop_signal", 15}}}) {
    const auto terms = terms_of(wrong);
    ASSERT_FALSE(terms) << wrong;
    EXPECT_EQ(terms.error().message.rfind("EINVAL: ", 0), 0u) << terms.error().message;
  }
}

}  // namespace
}  // namespace orrery::agents
