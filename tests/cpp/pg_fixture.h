// A private PostgreSQL for tests: its own data in a temporary directory, a unix socket only, gone when the program
// ends. As root it runs as OS user postgres, which PostgreSQL insists on; else as whoever runs the test.
#pragma once

#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace orrery::test {

/// Starts `command`, its output appended to `log`; it ends with this program.
inline pid_t spawn(const std::vector<std::string>& command, const std::string& log) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (getppid() != parent) _exit(127);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  const int in = open("/dev/null", O_RDONLY);
  dup2(in, 0);
  dup2(out, 1);
  dup2(out, 2);
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

/// Runs `command` to its end; its output goes to `log`. Returns the exit status, or -1 for a signal.
inline int run(const std::vector<std::string>& command, const std::string& log) {
  int status = 0;
  waitpid(spawn(command, log), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Turns the loop until `condition` holds; false when it does not within `limit`.
inline bool run_until(event_base* base, const std::function<bool()>& condition,
                      std::chrono::milliseconds limit = std::chrono::seconds{20}) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    event_base_loop(base, EVLOOP_NONBLOCK);
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

class PrivatePostgres {
 public:
  /// The one of this program, made and started at first use.
  static PrivatePostgres& get() {
    static PrivatePostgres instance;
    return instance;
  }

  std::string conninfo(const std::string& more = "") const {
    return "host=" + dir_ + " dbname=postgres user=postgres " + more;
  }
  const std::string& dir() const { return dir_; }

  /// Starts it and waits until it answers. Throws when it does not within 30 s.
  void start() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (std::chrono::steady_clock::now() < end) {
      // After a kill -9 the old backends may hold the shared memory for a moment; then the start is tried again.
      if (pid_ == 0)
        pid_ = spawn(as_postgres({bin("postgres"), "-D", dir_ + "/data", "-k", dir_, "-c", "listen_addresses=", "-c",
                                  "fsync=off"}),
                     dir_ + "/log");
      if (run({bin("pg_isready"), "-q", "-h", dir_, "-U", "postgres"}, dir_ + "/log") == 0) return;
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    throw std::runtime_error("PostgreSQL did not start, see " + dir_ + "/log");
  }
  /// kill -9 of the postmaster: what a crash of the machine looks like to its clients.
  void kill_hard() { end(SIGKILL); }

  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

 private:
  PrivatePostgres() {
    char path[] = "/tmp/orrery-pg-XXXXXX";
    if (!mkdtemp(path)) throw std::runtime_error("mkdtemp");
    dir_ = path;
    if (const passwd* user = getuid() == 0 ? getpwnam("postgres") : nullptr) {
      if (chown(path, user->pw_uid, user->pw_gid) != 0) throw std::runtime_error("chown");
    }
    if (run(as_postgres({bin("initdb"), "-D", dir_ + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                         "--locale=C.UTF-8", "-N"}),
            dir_ + "/log") != 0) {
      throw std::runtime_error("initdb failed, see " + dir_ + "/log");
    }
    start();
  }
  ~PrivatePostgres() {
    end(SIGINT);
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  static std::string bin(const std::string& name) { return "/usr/lib/postgresql/15/bin/" + name; }
  static std::vector<std::string> as_postgres(std::vector<std::string> command) {
    if (getuid() == 0) {
      const std::vector<std::string> wrap{"setpriv",       "--reuid=postgres", "--regid=postgres",
                                          "--init-groups", "--pdeathsig=QUIT", "--"};
      command.insert(command.begin(), wrap.begin(), wrap.end());
    }
    return command;
  }
  void end(int signal) {
    if (pid_ == 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  std::string dir_;
  pid_t pid_ = 0;
};

}  // namespace orrery::test
