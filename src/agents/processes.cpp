#include "agents/processes.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <memory>
#include <string_view>

#include "agents/files.h"

namespace orrery::agents {
namespace {

struct Parent {
  pid_t pid = 0;
  bool zombie = false;
};

template <class T>
std::optional<T> number_of(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "12 (name) S 1 …": the name may hold anything, so what follows is counted from the last parenthesis.
std::optional<Parent> parent_of(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat ? stat->rfind(") ") : std::string::npos;
  if (name_end == std::string::npos || stat->size() < name_end + 5) return std::nullopt;
  const std::string_view rest = std::string_view(*stat).substr(name_end + 4);
  const auto parent = number_of<pid_t>(rest.substr(0, rest.find(' ')));
  const char state = (*stat)[name_end + 2];
  return parent ? std::optional(Parent{*parent, state == 'Z' || state == 'X'}) : std::nullopt;
}

Result<std::vector<pid_t>> all_processes() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return system_error("/proc");
  errno = 0;
  while (const dirent* entry = readdir(proc.get())) {
    if (const auto pid = number_of<pid_t>(entry->d_name)) pids.push_back(*pid);
    errno = 0;
  }
  if (errno != 0) return system_error("/proc");
  return pids;
}

// It ended, or is another user's and so none of ours.
bool is_none_of_ours(const std::string& code) {
  return code == "ENOENT" || code == "ESRCH" || code == "EACCES" || code == "EPERM";
}

std::string_view value_of(std::string_view environment, std::string_view name) {
  while (!environment.empty()) {
    const auto end = std::min(environment.find('\0'), environment.size());
    const std::string_view word = environment.substr(0, end);
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
      return word.substr(name.size() + 1);
    environment.remove_prefix(std::min(end + 1, environment.size()));
  }
  return {};
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t ancestor) {
  std::map<pid_t, Parent> parents;
  const Result<std::vector<pid_t>> all = all_processes();
  if (!all) return {};
  for (const pid_t pid : *all) {
    if (const auto parent = parent_of(pid)) parents[pid] = *parent;
  }
  std::vector<pid_t> found;
  for (const auto& [pid, parent] : parents) {
    if (parent.zombie) continue;
    pid_t above = parent.pid;
    for (std::size_t steps = 0; above != ancestor && above > 0 && steps < parents.size(); ++steps) {
      const auto next = parents.find(above);
      above = next == parents.end() ? 0 : next->second.pid;
    }
    if (above == ancestor) found.push_back(pid);
  }
  return found;
}

std::size_t kill_descendants(pid_t ancestor) {
  const std::vector<pid_t> found = descendants_of(ancestor);
  for (const pid_t pid : found) {
    const Fd pidfd = open_pidfd(pid);
    if (pidfd && descends_from(pid, ancestor)) signal_pidfd(pidfd, SIGKILL);
  }
  return found.size();
}

bool descends_from(pid_t pid, pid_t ancestor) {
  for (int steps = 0; pid > 1 && steps < 1000; ++steps) {
    const auto parent = parent_of(pid);
    if (!parent) return false;
    if (parent->pid == ancestor) return true;
    pid = parent->pid;
  }
  return false;
}

Result<std::vector<MarkedProcess>> marked_processes(const std::string& agent_socket) {
  std::vector<MarkedProcess> found;
  const Result<std::vector<pid_t>> all = all_processes();
  if (!all) return all.error();
  for (const pid_t pid : *all) {
    if (pid == getpid()) continue;
    Fd pidfd = open_pidfd(pid);  // before its environment: should the number pass on meanwhile, it signals nobody
    if (!pidfd && (errno == ESRCH || errno == EINVAL)) continue;
    if (!pidfd) return system_error("pidfd of " + std::to_string(pid));
    const auto environment = read_file("/proc/" + std::to_string(pid) + "/environ");
    if (!environment && is_none_of_ours(environment.error().code)) continue;
    if (!environment) return environment.error();
    if (value_of(*environment, "ORRERY_AGENT_SOCKET") != agent_socket) continue;
    const auto server = number_of<std::uint64_t>(value_of(*environment, "ORRERY_SERVER_ID"));
    const auto epoch = number_of<std::uint64_t>(value_of(*environment, "ORRERY_EPOCH"));
    if (server && epoch) found.push_back({pid, std::move(pidfd), ServerId{*server}, Epoch{*epoch}});
  }
  return found;
}

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

bool signal_pidfd(const Fd& pidfd, int number) {
  return syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0;
}

bool has_ended(const Fd& pidfd) {
  pollfd one{pidfd.get(), POLLIN, 0};
  return poll(&one, 1, 0) > 0;
}

}  // namespace orrery::agents
