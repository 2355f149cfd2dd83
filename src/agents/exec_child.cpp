#include "agents/exec_child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace orrery::agents {
namespace {

constexpr int error_fd = exec_credential_fd + 1;
constexpr int first_safe_fd = 10;  // above every number that the child is given
constexpr rlim_t open_files_max = 65536;

struct Prepared {
  pid_t parent;
  int in, out, credential, error;
  const char *path, *directory;
  char **argv, **env;
};

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(const Prepared& p) {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != p.parent) _exit(127);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_max = files.rlim_max == RLIM_INFINITY || files.rlim_max > open_files_max ? open_files_max : files.rlim_max;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  dup2(p.in, 0);
  dup2(p.out, 1);
  dup2(p.out, 2);
  dup2(p.credential, exec_credential_fd);
  dup3(p.error, error_fd, O_CLOEXEC);
  close_range(error_fd + 1, ~0U, 0);
  if (chdir(p.directory) == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(p.path, p.argv, p.env);
  }
  const int code = errno;
  if (write(error_fd, &code, sizeof code) < 0) _exit(126);
  _exit(127);
}

int high(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, first_safe_fd); }

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

Error failed(const std::string& what, int code) {
  const char* name = strerrorname_np(code);
  return {std::string(name ? name : "error") + ": " + what + ": " + std::strerror(code), name ? name : ""};
}

}  // namespace

Result<ExecChild> exec_child(const ExecPlan& plan) {
  auto argv = pointers(plan.args);
  auto env = pointers(plan.env);
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return failed("pipe", errno);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  Prepared prepared{getpid(),          high(null),        high(plan.log_fd),      high(plan.credential_fd),
                    high(pipe_fds[1]), plan.path.c_str(), plan.directory.c_str(), argv.data(),
                    env.data()};
  const bool complete = prepared.in >= 0 && prepared.out >= 0 && prepared.credential >= 0 && prepared.error >= 0;
  const int prepare_error = errno;

  // Signals wait, so that no handler of the parent runs in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = complete ? fork() : -1;
  const int fork_error = complete ? errno : prepare_error;
  if (pid == 0) become(prepared);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);

  for (const int fd : {null, prepared.in, prepared.out, prepared.credential, prepared.error, pipe_fds[1]}) close(fd);
  if (pid < 0) {
    close(pipe_fds[0]);
    return failed("fork", fork_error);
  }
  int code = 0;
  ssize_t size;
  do {
    size = read(pipe_fds[0], &code, sizeof code);
  } while (size < 0 && errno == EINTR);
  close(pipe_fds[0]);
  if (size > 0) {
    waitpid(pid, nullptr, 0);
    return failed(plan.path, code);
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int pidfd_error = errno;
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return failed("pidfd_open", pidfd_error);
  }
  return ExecChild{pid, pidfd};
}

}  // namespace orrery::agents
