#include "toy_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "agents/processes.h"
#include "pg_fixture.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

void say(const std::string& what, int hand_over = -1) {
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, getenv("NOTIFY_SOCKET"), sizeof address.sun_path - 1);
  iovec part{const_cast<char*>(what.data()), what.size()};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  if (hand_over >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &hand_over, sizeof(int));
  }
  sendmsg(fd, &message, 0);
  close(fd);
}

[[noreturn]] void wait_for_ever() {
  for (;;) pause();
}

void print(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t size = write(1, text.data() + at, text.size() - at);
    if (size <= 0) _exit(9);
    at += static_cast<std::size_t>(size);
  }
}

// A process that left its parent and its session, and hears nothing but SIGKILL.
void leave_daemon(const char* mark) {
  if (fork() != 0) return;
  setsid();
  if (fork() != 0) _exit(0);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
  std::ofstream(mark) << getpid();
  wait_for_ever();
}

void show() {
  std::ostringstream out;
  for (char** word = environ; *word; ++word) out << *word << "\n";
  char secret[4096];
  const char* credential = getenv("ORRERY_CREDENTIAL_FD");
  const ssize_t size = credential ? read(atoi(credential), secret, sizeof secret) : 0;
  out << "secret " << std::string(secret, static_cast<std::size_t>(std::max<ssize_t>(0, size))) << "\n";
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) out << "fd " << fd << "\n";
  }
  int deathsig = 0;
  prctl(PR_GET_PDEATHSIG, &deathsig);
  struct sigaction pipe {};
  sigaction(SIGPIPE, nullptr, &pipe);
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, nullptr, &blocked);
  rlimit core{}, files{};
  getrlimit(RLIMIT_CORE, &core);
  getrlimit(RLIMIT_NOFILE, &files);
  out << "leader " << (getsid(0) == getpid()) << "\ncwd " << std::filesystem::current_path().string() << "\n"
      << "sigpipe " << (pipe.sa_handler == SIG_DFL) << "\nblocked " << sigismember(&blocked, SIGTERM) << "\n"
      << "deathsig " << deathsig << "\numask " << std::oct << umask(0) << std::dec << "\ncore " << core.rlim_max
      << "\nnofile " << files.rlim_max << "\nuid " << getuid() << " " << geteuid() << " gid " << getgid() << " groups "
      << getgroups(0, nullptr) << "\n";
  std::ofstream("made") << "by the server";
  print(out.str());
}

int bind_port(int family, int type) {
  const int fd = socket(family, type, 0);
  sockaddr_storage to{};
  const auto port = static_cast<std::uint16_t>(atoi(getenv("ORRERY_PORT_PUBLIC")));
  const auto size = Address::parse(family == AF_INET ? "127.0.0.1" : "::1", port)->to_sockaddr(to);
  if (bind(fd, reinterpret_cast<sockaddr*>(&to), size) != 0) _exit(8);
  return fd;
}

// What it does with its port, a word after the other; "wait NAME" is until there is a file of that name.
[[noreturn]] void use_port(const std::string& words) {
  std::istringstream all(words);
  int fd = -1;
  for (std::string word, name; all >> word;) {
    if (word == "udp") fd = bind_port(AF_INET, SOCK_DGRAM);
    if (word == "udp6") fd = bind_port(AF_INET6, SOCK_DGRAM);
    if (word == "tcp") fd = bind_port(AF_INET, SOCK_STREAM);
    if (word == "listen") listen(fd, 1);
    if (word == "close") close(fd);
    if (word == "alone" && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) _exit(7);
    if (word == "fork") {
      if (fork() != 0) wait_for_ever();
      setsid();
    }
    if (word == "say" && all >> name) say(name);
    if (word == "mark" && all >> name) std::ofstream{name};
    if (word == "wait" && all >> name) {
      while (access(name.c_str(), F_OK) != 0) std::this_thread::sleep_for(5ms);
    }
  }
  wait_for_ever();
}

[[noreturn]] void be(const std::string& what) {
  const std::string count = getenv("ORRERY_TEST_COUNT") ? getenv("ORRERY_TEST_COUNT") : "";
  if (what == "exit7") _exit(7);
  if (what == "exit0") _exit(0);
  if (what == "last-words") {
    print("first\nno room for \xc3\xa9 here\n\n");
    _exit(1);
  }
  if (what == "port-taken") {
    say("STATUS=cannot bind 192.0.2.1:7777: Address already in use");
    print("something else\n");
    _exit(1);
  }
  if (what == "binary") {
    say(std::string("STATUS=a\0b\x01\x7f\xff ", 14) + std::string(600, '\xc3') + "\nSTATUS=no\n");
    _exit(1);
  }
  if (what == "printer") {  // COUNT lines of 100 bytes
    for (int i = 0; i < atoi(count.c_str()); ++i) {
      char line[101];
      std::snprintf(line, sizeof line, "%-98d|\n", i);
      print(line);
    }
    _exit(7);
  }
  if (what == "flood") {  // COUNT MiB
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < atoi(count.c_str()); ++i) print(block);
    print("\nthe end\n");
    _exit(7);
  }
  if (what == "background") {
    leave_daemon("daemon");
    std::this_thread::sleep_for(50ms);
    _exit(0);
  }
  if (what == "port") use_port(count);
  if (what == "stubborn") signal(SIGTERM, SIG_IGN);
  if (what == "parent") {  // leaves a child of its own behind
    if (fork() == 0) wait_for_ever();
  }
  if (what == "daemons") leave_daemon("daemon");
  if (what == "child-ready") {  // one in another session says so, and waits for its barrier
    if (fork() == 0) {
      setsid();
      int ends[2];
      if (pipe(ends) != 0) _exit(1);
      say("READY=1");
      say("BARRIER=1", ends[1]);
      close(ends[1]);
      char byte;
      const bool closed = read(ends[0], &byte, 1) == 0;
      std::ofstream("barrier") << (closed ? "closed" : "?");
      _exit(0);
    }
    wait_for_ever();
  }
  if (what == "chatty") {  // prints 6 MiB a second
    say("READY=1");
    const std::string block(65536, 'x');
    for (;;) {
      print(block);
      std::this_thread::sleep_for(10ms);
    }
  }
  if (what == "dog") {  // COUNT signs of life, one each 50 ms; when the last was given stands in a file
    say("READY=1");
    for (int i = 0; i < atoi(count.c_str()); ++i) {
      std::this_thread::sleep_for(50ms);
      say("WATCHDOG=1");
    }
    std::ofstream("last-sign") << BootClock::now().time_since_epoch().count();
    wait_for_ever();
  }
  if (what == "show") show();
  int server = -1;
  if (what == "echo") {
    server = socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, getenv("ORRERY_SERVER_SOCKET"), sizeof address.sun_path - 1);
    if (bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) _exit(1);
  }
  if (what == "polite") {
    signal(SIGTERM, [](int) { _exit(0); });
  }
  if (what != "mute") say("READY=1\nSTATUS=well");
  if (what == "echo") {
    char text[256];
    const ssize_t size = recv(server, text, sizeof text, 0);
    _exit(size == 5 && std::string(text, 5) == "hello" ? 42 : 1);
  }
  wait_for_ever();
}

const bool is_server = [] {
  if (const char* what = getenv("ORRERY_TEST_SERVER")) be(what);
  return false;
}();

}  // namespace

bool is_alive(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto end = text.rfind(") ");
  return end != std::string::npos && text[end + 2] != 'Z' && text[end + 2] != 'X';
}

std::vector<int> servers_in(const std::string& directory) {
  std::vector<int> pids;
  const auto marked = marked_processes(directory + "/run/agent");
  EXPECT_TRUE(marked) << marked.error().message;
  if (!marked) return pids;
  for (const MarkedProcess& process : *marked) {
    std::error_code gone;
    const auto exe = std::filesystem::read_symlink("/proc/" + std::to_string(process.pid) + "/exe", gone);
    if (!gone && exe.filename() != "orrery-shim") pids.push_back(process.pid);
  }
  return pids;
}

std::future<Instant> end_of(int pid) {
  return std::async(std::launch::async, [pidfd = open_pidfd(pid)] {
    pollfd ends{pidfd.get(), POLLIN, 0};
    if (ends.fd >= 0) poll(&ends, 1, 30'000);
    return BootClock::now();
  });
}

HostTest::HostTest() : base_(event_base_new(), event_base_free) {
  char path[] = "/tmp/orrery-host-XXXXXX";
  dir_ = mkdtemp(path);
  std::ofstream(dir_ + "/dev.cred") << "host=/x user=dev\n";
  chmod((dir_ + "/dev.cred").c_str(), 0600);
  host_ = make_host(config());
}

HostTest::~HostTest() {
  host_.reset();
  for (bool any = true; any;) {
    const auto marked = marked_processes(dir_ + "/run/agent");
    any = !marked || !marked->empty();
    if (marked) {
      for (const MarkedProcess& process : *marked) signal_pidfd(process.pidfd, SIGKILL);
    }
    std::this_thread::sleep_for(2ms);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  // The host's helper may still be writing there.
  std::error_code error;
  for (int tries = 0; tries < 100 && (std::filesystem::remove_all(dir_, error), error); ++tries) {
    std::this_thread::sleep_for(10ms);
  }
}

ProcessHostConfig HostTest::config() const {
  ProcessHostConfig config{dir_, dir_ + "/bin", {{"dev", dir_ + "/dev.cred"}}};
  config.allow_root = true;
  return config;
}

std::unique_ptr<ProcessHost> HostTest::make_host(ProcessHostConfig config) {
  auto made = ProcessHost::make(base_.get(), std::move(config),
                                {[this](const ProcessStarted& started) { started_.push_back(started); },
                                 [this](const ProcessFailed& failure) { failed_.push_back(failure); },
                                 [this](const ProcessReady& ready) { ready_.push_back(ready); },
                                 [this](const ProcessExited& exited) { exited_.push_back(exited); }});
  EXPECT_TRUE(made) << made.error().message;
  return made ? std::move(*made) : nullptr;
}

std::vector<Event> HostTest::agent_returns() {
  host_.reset();
  host_ = make_host(config());
  auto found = host_->adopt();
  EXPECT_TRUE(found) << found.error().message;
  return found ? std::move(*found) : std::vector<Event>{};
}

Spawn HostTest::server(const std::string& what, std::uint64_t id) const {
  Spawn spawn;
  spawn.ref = {ServerId{id}, Epoch{4294967296 + id}};
  spawn.cluster = "dev";
  spawn.kind = "toy";
  spawn.key = "../a b";
  spawn.token = "feed";
  spawn.command = std::filesystem::read_symlink("/proc/self/exe");
  spawn.env = {{"ORRERY_TEST_SERVER", what}};
  spawn.public_bind = spawn.public_advertise = *Address::parse("127.0.0.1", 0);
  spawn.private_bind = spawn.private_advertise = *Address::parse("::1", 0);
  spawn.terms = StartTerms{{{"public", Protocol::udp, 20001, 1}}};
  spawn.ready_limit = 40s;
  spawn.grace = 5s;
  return spawn;
}

int HostTest::start_ready(const Spawn& spawn) {
  const auto before = ready_.size(), exits_before = exited_.size();
  host_->spawn(spawn);
  EXPECT_TRUE(until([&] { return ready_.size() > before || !failed_.empty() || exited_.size() > exits_before; }));
  EXPECT_TRUE(failed_.empty()) << failed_.front().error;
  EXPECT_EQ(ready_.size(), before + 1);
  return started_.empty() ? 0 : started_.back().pid;
}

void HostTest::stop(const Spawn& spawn, Duration grace) {
  host_->steer({spawn.ref, std::nullopt, BootClock::now() + grace});
}

bool HostTest::until(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  return test::run_until(base_.get(), condition, limit);
}

void HostTest::pass(std::chrono::milliseconds time) {
  until([] { return false; }, time);
}

ProcessExited HostTest::exit_once() {
  EXPECT_TRUE(exits());
  EXPECT_EQ(exited_.size(), 1u);
  return exited_.empty() ? ProcessExited{} : exited_.front();
}

std::string HostTest::run_dir(const Spawn& spawn) const {
  return dir_ + "/run/" + std::to_string(spawn.ref.server.value) + "." +
         std::to_string(spawn.ref.epoch.value & 0xffffffff);
}

ShimState HostTest::state(const Spawn& spawn) const {
  const Fd fd(open((run_dir(spawn) + "/state").c_str(), O_RDONLY | O_CLOEXEC));
  return read_state(fd.get()).value_or(ShimState{});
}

std::string HostTest::log(std::uint64_t id) const {
  std::ifstream file(log_path(id));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace orrery::agents
