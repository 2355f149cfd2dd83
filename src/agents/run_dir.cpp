#include "agents/run_dir.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "agents/files.h"

namespace orrery::agents {
namespace {

constexpr int first_safe_fd = 10;  // above the numbers that a shim is given
constexpr int state_reads_max = 5;

Status write_file(const std::string& path, const std::string& text) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return system_error(path);
  if (!write_all(fd.get(), text)) return system_error(path);
  return ok();
}

Result<Fd> fill_run_dir(const std::string& directory, const ShimPlan& plan, const std::string& boot_id) {
  if (plan.user) {
    // The server must reach its sockets, and may write in a directory of its own only.
    const std::string own = directory + "/" + own_directory_name;
    if (chmod(directory.c_str(), 0711) != 0 || mkdir(own.c_str(), 0700) != 0 ||
        chown(own.c_str(), plan.user->uid, plan.user->gid) != 0) {
      return system_error(own);
    }
  }
  const std::string text = to_text(plan);
  if (text.size() > file_bytes_max) return system_error("arguments and environment", E2BIG);
  if (Status written = write_file(directory + "/" + plan_name, text); !written) return written.error();
  const std::string path = directory + "/" + state_name;
  Fd state(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!state) return system_error(path);
  if (const int code = posix_fallocate(state.get(), 0, state_bytes); code != 0) return system_error(path, code);
  ShimState first;
  first.boot_id = boot_id;
  if (!write_state(state.get(), first) || flock(state.get(), LOCK_EX | LOCK_NB) != 0) return system_error(path);
  return state;
}

}  // namespace

std::string run_name(ServerId server, Epoch epoch) {
  return std::to_string(server.value) + "." + std::to_string(static_cast<std::uint32_t>(epoch.value));
}

std::optional<std::pair<ServerId, std::uint32_t>> run_name_parts(const std::string& name) {
  std::uint64_t server = 0;
  std::uint32_t low = 0;
  const char* end = name.data() + name.size();
  const auto [dot, first_error] = std::from_chars(name.data(), end, server);
  if (first_error != std::errc{} || dot == end || *dot != '.') return std::nullopt;
  const auto [last, second_error] = std::from_chars(dot + 1, end, low);
  if (second_error != std::errc{} || last != end) return std::nullopt;
  return std::pair{ServerId{server}, low};
}

Result<Fd> make_run_dir(const std::string& directory, const ShimPlan& plan, const std::string& boot_id) {
  if (mkdir(directory.c_str(), 0700) != 0) return system_error(directory);
  Result<Fd> filled = fill_run_dir(directory, plan, boot_id);
  if (!filled) {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  return filled;
}

Result<pid_t> launch_shim(const std::string& shim_path, const std::string& directory, const ShimPlan& plan,
                          const std::string& server_agent_socket, const Fd& credential, const Fd& state) {
  const Fd high_credential(fcntl(credential.get(), F_DUPFD_CLOEXEC, first_safe_fd));
  const Fd high_state(fcntl(state.get(), F_DUPFD_CLOEXEC, first_safe_fd));
  if (!high_credential || !high_state) return system_error("descriptors");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, 0, 1);
  posix_spawn_file_actions_adddup2(&actions, 0, 2);
  posix_spawn_file_actions_adddup2(&actions, high_credential.get(), shim_credential_fd);
  posix_spawn_file_actions_adddup2(&actions, high_state.get(), shim_state_fd);
  posix_spawn_file_actions_addclosefrom_np(&actions, shim_state_fd + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  std::array words{shim_path, directory};
  std::array names{"ORRERY_AGENT_SOCKET=" + server_agent_socket,
                   "ORRERY_SERVER_ID=" + std::to_string(plan.server.value),
                   "ORRERY_EPOCH=" + std::to_string(plan.epoch.value)};
  const std::array argv{words[0].data(), words[1].data(), static_cast<char*>(nullptr)};
  const std::array env{names[0].data(), names[1].data(), names[2].data(), static_cast<char*>(nullptr)};
  pid_t pid = 0;
  const int code = posix_spawn(&pid, shim_path.c_str(), &actions, &attributes, argv.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) return system_error(shim_path, code);
  return pid;
}

// O_NONBLOCK: a fifo that somebody put there is opened, not waited for.
Result<Lock> lock_of(const std::string& directory) {
  const std::string path = directory + "/" + state_name;
  const Fd state(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!state && errno == ENOENT) return Lock::free;
  if (!state) return system_error(path);
  if (flock(state.get(), LOCK_EX | LOCK_NB) == 0) return Lock::free;
  return errno == EWOULDBLOCK ? Result<Lock>(Lock::held) : system_error("lock of " + path);
}

Result<std::optional<ShimState>> read_state_of(const std::string& directory) {
  const std::string path = directory + "/" + state_name;
  const Fd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno != ENOENT) return system_error(path);
  std::optional<ShimState> state;
  // A shim may be writing it.
  for (int tries = 0; fd && !state && tries < state_reads_max; ++tries) {
    std::array<char, state_bytes> text;
    const ssize_t size = pread(fd.get(), text.data(), text.size(), 0);
    if (size < 0) return system_error(path);
    state = state_of({text.data(), static_cast<std::size_t>(size)});
  }
  return state;
}

Result<Fd> memory_file(const std::string& text) {
  Fd memory(memfd_create("orrery", MFD_CLOEXEC));
  if (!memory || !write_all(memory.get(), text) || lseek(memory.get(), 0, SEEK_SET) != 0) {
    return system_error("memory file");
  }
  return memory;
}

Result<ShimUser> user_of(const std::string& name) {
  std::array<char, 16384> text;
  passwd entry{};
  passwd* found = nullptr;
  getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  if (!found) return Error{"no OS user '" + name + "'", "ENOENT"};
  if (found->pw_uid == 0) return Error{"OS user '" + name + "' is root: servers do not run as root", "EPERM"};
  ShimUser user{name, found->pw_uid, found->pw_gid, std::vector<gid_t>(64)};
  int count = static_cast<int>(user.groups.size());
  if (getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0) {
    user.groups.resize(static_cast<std::size_t>(count));
    if (getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0) return Error{"groups of user " + name};
  }
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

}  // namespace orrery::agents
