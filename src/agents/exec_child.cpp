#include "agents/exec_child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "agents/fd.h"
#include "agents/files.h"

namespace orrery::agents {
namespace {

constexpr int error_fd = shim_credential_fd + 1;
constexpr int first_safe_fd = 10;  // above every number that the child is given
constexpr rlim_t open_files_max = 65536;
constexpr mode_t child_umask = 027;

struct Limit {
  int resource;
  rlimit value;
};

enum class Step : int { limits, user, directory, executable };
/// What a child that cannot become the server writes to its parent.
struct Failure {
  Step step;
  int code;
};

struct Prepared {
  pid_t parent;
  int in, out, credential, error;  // credential: -1 none
  const char *path, *directory;
  char **argv, **env;
  const std::vector<Limit>* limits;
  const ShimUser* user;  // may be null
};

bool take_user(const ShimUser& user) {
  return setgroups(user.groups.size(), user.groups.data()) == 0 && setresgid(user.gid, user.gid, user.gid) == 0 &&
         setresuid(user.uid, user.uid, user.uid) == 0;
}

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void give_up(Step step) {
  const Failure failure{step, errno};
  _exit(write(error_fd, &failure, sizeof failure) < 0 ? 126 : 127);
}

[[noreturn]] void become(const Prepared& p) {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
  setsid();
  umask(child_umask);
  dup2(p.in, 0);
  dup2(p.out, 1);
  dup2(p.out, 2);
  if (p.credential >= 0) {
    dup2(p.credential, shim_credential_fd);
  } else {
    close(shim_credential_fd);
  }
  dup3(p.error, error_fd, O_CLOEXEC);
  close_range(error_fd + 1, ~0U, 0);
  for (const Limit& limit : *p.limits) {
    if (setrlimit(static_cast<__rlimit_resource>(limit.resource), &limit.value) != 0) give_up(Step::limits);
  }
  if (p.user && !take_user(*p.user)) give_up(Step::user);
  // After the change of user, which clears it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != p.parent) _exit(127);
  if (chdir(p.directory) != 0) give_up(Step::directory);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(p.path, p.argv, p.env);
  give_up(Step::executable);
}

int high(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, first_safe_fd); }

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

Result<std::vector<Limit>> limits_of(const std::map<std::string, std::uint64_t>& wanted) {
  std::vector<Limit> set;
  if (!wanted.contains("core_bytes")) set.push_back({RLIMIT_CORE, {0, 0}});
  if (!wanted.contains("nofile")) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    const rlim_t most = std::min<rlim_t>(files.rlim_max, open_files_max);
    set.push_back({RLIMIT_NOFILE, {most, most}});
  }
  for (const auto& [name, value] : wanted) {
    const auto known = limits().find(name);
    if (known == limits().end()) return Error{"EINVAL: no such limit: " + name, "EINVAL"};
    const int resource = known->second;
    rlimit now{};
    getrlimit(static_cast<__rlimit_resource>(resource), &now);
    if (geteuid() != 0 && value > now.rlim_max) {
      return Error{"EPERM: limit " + name + " " + std::to_string(value) + " is above the agent's own, " +
                       std::to_string(now.rlim_max),
                   "EPERM"};
    }
    set.push_back({resource, {value, value}});
  }
  return set;
}

}  // namespace

Result<pid_t> exec_child(const ExecPlan& plan) {
  if (plan.user && plan.user->uid == 0) return Error{"EPERM: a server does not run as root", "EPERM"};
  auto argv = pointers(plan.args);
  auto env = pointers(plan.env);
  const auto set = limits_of(plan.limits);
  if (!set) return set.error();
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe", errno);
  const Fd told(ends[0]);
  Fd error_end(ends[1]);
  const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fd in(high(null.get())), out(high(plan.log_fd)), credential(plan.credential_fd < 0 ? -1 : high(plan.credential_fd)),
      error(high(error_end.get()));
  if (!in || !out || (plan.credential_fd >= 0 && !credential) || !error) return system_error("descriptors", errno);
  const Prepared prepared{getpid(),
                          in.get(),
                          out.get(),
                          credential.get(),
                          error.get(),
                          plan.path.c_str(),
                          plan.directory.c_str(),
                          argv.data(),
                          env.data(),
                          &*set,
                          plan.user ? &*plan.user : nullptr};

  // Signals wait, so that no handler of the parent runs in the child.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  const int fork_error = errno;
  if (pid == 0) become(prepared);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return system_error("fork", fork_error);

  for (Fd* fd : {&in, &out, &credential, &error, &error_end}) *fd = Fd();
  Failure failure{};
  ssize_t size;
  do {
    size = read(told.get(), &failure, sizeof failure);
  } while (size < 0 && errno == EINTR);
  if (size != static_cast<ssize_t>(sizeof failure)) return pid;
  waitpid(pid, nullptr, 0);
  switch (failure.step) {
    case Step::limits:
      return system_error("its limits", failure.code);
    case Step::user:
      return system_error("user " + plan.user->name, failure.code);
    case Step::directory:
      return system_error(plan.directory, failure.code);
    case Step::executable:
      break;
  }
  return system_error(plan.path, failure.code);
}

}  // namespace orrery::agents
