#include "agents/process_host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "agents/exec_child.h"
#include "agents/json_read.h"
#include "agents/text.h"
#include "base/log.h"

namespace orrery::agents {
namespace {

constexpr std::size_t status_bytes_max = 300;  // of a STATUS that goes into an exit's reason
constexpr std::size_t socket_path_max = sizeof(sockaddr_un::sun_path) - 1;

Error failed(const std::string& what, int code = errno) {
  return {what + ": " + std::strerror(code), strerrorname_np(code) ? strerrorname_np(code) : ""};
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), socket_path_max));
  return address;
}

Result<Fd> bind_datagram(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed("socket");
  unlink(path.c_str());
  const sockaddr_un address = address_of(path);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed("bind " + path);
  return fd;
}

// What may stand in a file name; the rest becomes '_'.
std::string file_word(const std::string& text) {
  std::string word = text.substr(0, 64);
  for (char& c : word) {
    if (!isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
  }
  return word;
}

std::string words_of(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return "killed by signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

Result<std::string> read_credential(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return failed("credential file " + path);
  if ((info.st_mode & 077) != 0) {
    return Error{"credential file " + path + " is open to others than its owner", "EACCES", "chmod 600 " + path};
  }
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line.empty()) return Error{"credential file " + path + " has no line of conninfo"};
  return line;
}

Result<std::unique_ptr<ProcessHost>> ProcessHost::make(event_base* base, ProcessHostConfig config, Handlers handlers) {
  std::unique_ptr<ProcessHost> host(new ProcessHost(base, std::move(config), std::move(handlers)));
  if (Status opened = host->open(); !opened) return opened.error();
  return host;
}

ProcessHost::ProcessHost(event_base* base, ProcessHostConfig config, Handlers handlers)
    : base_(base), config_(std::move(config)), handlers_(std::move(handlers)) {}

ProcessHost::~ProcessHost() {
  for (auto& [ref, process] : processes_) {
    kill(-process->pid, SIGKILL);
    waitpid(process->pid, nullptr, 0);
    unlink(process->notify_path.c_str());
    unlink(process->server_path.c_str());
  }
  if (agent_socket_) unlink(agent_path_.c_str());
}

Status ProcessHost::open() {
  std::error_code error;
  for (const char* name : {"/run", "/log", "/work"}) {
    const std::string path = config_.data_dir + name;
    std::filesystem::create_directories(path, error);
    if (error) return Error{"cannot make " + path + ": " + error.message()};
  }
  if (chmod((config_.data_dir + "/run").c_str(), 0700) != 0) return failed("chmod " + config_.data_dir + "/run");
  const std::string longest = run_path({ServerId{UINT64_MAX}, Epoch{UINT64_MAX}}, 's');
  if (longest.size() > socket_path_max) {
    return Error{"data directory " + config_.data_dir + " has too long a path: sockets in it would need " +
                     std::to_string(longest.size()) + " bytes, " + std::to_string(socket_path_max) + " is the limit",
                 "ENAMETOOLONG", "choose a --data-dir with a shorter path"};
  }
  agent_path_ = config_.data_dir + "/run/agent";
  Result<Fd> bound = bind_datagram(agent_path_);
  if (!bound) return bound.error();
  agent_socket_ = std::move(*bound);
  agent_event_.reset(event_new(
      base_, agent_socket_.get(), EV_READ | EV_PERSIST,
      [](int, short, void* self) { static_cast<ProcessHost*>(self)->on_datagram(); }, this));
  event_add(agent_event_.get(), nullptr);
  return ok();
}

std::string ProcessHost::run_path(ServerRef ref, char what) const {
  // The epoch's low half is enough: two epochs of one server live side by side only while the older is being killed.
  return config_.data_dir + "/run/" + what + std::to_string(ref.server.value) + "." +
         std::to_string(static_cast<std::uint32_t>(ref.epoch.value));
}

Result<std::string> ProcessHost::resolve(const std::string& command) const {
  if (command.empty()) return Error{"ENOENT: no command", "ENOENT"};
  if (command.find('/') != std::string::npos) {
    if (command.front() != '/')
      return Error{"ENOENT: command '" + command + "' is neither a name nor an absolute path", "ENOENT"};
    return command;
  }
  std::string path = config_.bin_dir;
  if (const char* more = getenv("PATH")) path += std::string(":") + more;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t colon = std::min(path.find(':', from), path.size());
    const std::string candidate = path.substr(from, colon - from) + "/" + command;
    if (candidate.front() == '/' && access(candidate.c_str(), X_OK) == 0) return candidate;
    from = colon + 1;
  }
  return Error{"ENOENT: no executable '" + command + "' in " + config_.bin_dir + " or PATH", "ENOENT"};
}

Result<Fd> ProcessHost::credential(const Spawn& spawn) const {
  const auto file = config_.credentials.find(spawn.cluster);
  if (file == config_.credentials.end()) return Error{"this agent holds no credential of cluster " + spawn.cluster};
  Result<std::string> conninfo = read_credential(file->second);
  if (!conninfo) return conninfo.error();
  const std::string text = to_text(Json{{"conninfo", *conninfo}, {"token", spawn.token}});
  Fd memory(memfd_create("orrery-credential", MFD_CLOEXEC));
  if (!memory || write(memory.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      lseek(memory.get(), 0, SEEK_SET) != 0) {
    return failed("credential memfd");
  }
  return memory;
}

Result<int> ProcessHost::spawn(const Spawn& spawn) {
  const Result<std::string> command = resolve(spawn.command);
  if (!command) return command.error();
  Result<Fd> secret = credential(spawn);
  if (!secret) return secret.error();

  auto process = std::make_unique<Process>();
  process->host = this;
  process->ref = spawn.ref;
  process->notify_path = run_path(spawn.ref, 'n');
  process->server_path = run_path(spawn.ref, 's');
  unlink(process->server_path.c_str());
  Result<Fd> notify = bind_datagram(process->notify_path);
  if (!notify) return notify.error();
  process->notify = std::move(*notify);
  const int on = 1;
  setsockopt(process->notify.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);

  const std::string place = file_word(spawn.cluster) + "-" + file_word(spawn.kind) + "-" + file_word(spawn.key) + "-" +
                            std::to_string(spawn.ref.server.value);
  ExecPlan plan;
  plan.path = *command;
  plan.directory = config_.data_dir + "/work/" + place;
  if (mkdir(plan.directory.c_str(), 0700) != 0 && errno != EEXIST) return failed("mkdir " + plan.directory);
  const std::string log_path = config_.data_dir + "/log/" + place + ".log";
  const Fd log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return failed("log " + log_path);
  plan.log_fd = log.get();
  plan.credential_fd = secret->get();

  plan.args.push_back(*command);
  plan.args.insert(plan.args.end(), spawn.args.begin(), spawn.args.end());
  std::map<std::string, std::string> env;
  for (const char* name : {"PATH", "LANG", "TZ"}) {
    if (const char* value = getenv(name)) env[name] = value;
  }
  for (const auto& [name, value] : spawn.env) env[name] = value;
  env["ORRERY_CLUSTER"] = spawn.cluster;
  env["ORRERY_KIND"] = spawn.kind;
  env["ORRERY_KEY"] = spawn.key;
  env["ORRERY_SERVER_ID"] = std::to_string(spawn.ref.server.value);
  env["ORRERY_EPOCH"] = std::to_string(spawn.ref.epoch.value);
  env["ORRERY_PUBLIC_BIND"] = spawn.public_bind.to_string();
  env["ORRERY_PUBLIC_ADVERTISE"] = spawn.public_advertise.to_string();
  env["ORRERY_PRIVATE_BIND"] = spawn.private_bind.to_string();
  env["ORRERY_PRIVATE_ADVERTISE"] = spawn.private_advertise.to_string();
  env["ORRERY_CREDENTIAL_FD"] = std::to_string(exec_credential_fd);
  env["ORRERY_AGENT_SOCKET"] = agent_path_;
  env["ORRERY_SERVER_SOCKET"] = process->server_path;
  env["NOTIFY_SOCKET"] = process->notify_path;
  for (const auto& [name, value] : env) plan.env.push_back(name + "=" + value);

  const Result<ExecChild> child = exec_child(plan);
  if (!child) {
    unlink(process->notify_path.c_str());
    return child.error();
  }
  process->pid = child->pid;
  process->pidfd = Fd(child->pidfd);
  process->exit_event.reset(event_new(
      base_, process->pidfd.get(), EV_READ,
      [](int, short, void* p) { static_cast<Process*>(p)->host->on_exit(*static_cast<Process*>(p)); }, process.get()));
  process->notify_event.reset(event_new(
      base_, process->notify.get(), EV_READ | EV_PERSIST,
      [](int, short, void* p) { static_cast<Process*>(p)->host->on_notify(*static_cast<Process*>(p)); },
      process.get()));
  event_add(process->exit_event.get(), nullptr);
  event_add(process->notify_event.get(), nullptr);
  const int pid = process->pid;
  processes_[spawn.ref] = std::move(process);
  return pid;
}

void ProcessHost::signal(ServerRef ref, bool kill_group) {
  const auto found = processes_.find(ref);
  if (found == processes_.end()) return;
  if (kill_group) {
    kill(-found->second->pid, SIGKILL);
  } else {
    kill(found->second->pid, SIGTERM);
  }
}

void ProcessHost::tell(ServerRef ref, const std::string& text) {
  const auto found = processes_.find(ref);
  if (found == processes_.end()) return;
  const sockaddr_un address = address_of(found->second->server_path);
  if (sendto(agent_socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    spdlog::debug("server {} did not take a datagram: {}", ref.server.value, std::strerror(errno));
  }
}

// sd_notify: lines of NAME=value, believed only from the server's own session of processes.
void ProcessHost::on_notify(Process& process) {
  const ServerRef ref = process.ref;
  bool ready = false;
  for (;;) {
    std::array<char, 4096> text;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(16 * sizeof(int))> control;
    iovec part{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = recvmsg(process.notify.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) break;
    ucred sender{};
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET) continue;
      if (c->cmsg_type == SCM_CREDENTIALS) std::memcpy(&sender, CMSG_DATA(c), sizeof sender);
      if (c->cmsg_type == SCM_RIGHTS) {  // systemd-notify waits until its barrier is closed
        for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
          int fd;
          std::memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
          close(fd);
        }
      }
    }
    if (sender.pid != process.pid && getsid(sender.pid) != process.pid) {
      spdlog::warn("server {}: a notification of process {}, which is not its own, is ignored", ref.server.value,
                   sender.pid);
      continue;
    }
    const std::string lines = "\n" + std::string(text.data(), static_cast<std::size_t>(size)) + "\n";
    if (lines.find("\nREADY=1\n") != std::string::npos) ready = true;
    if (const auto status = lines.find("\nSTATUS="); status != std::string::npos) {
      process.status =
          printable(lines.substr(status + 8, std::min(lines.find('\n', status + 1) - status - 8, status_bytes_max)));
      spdlog::debug("server {}: {}", ref.server.value, process.status);
    }
  }
  if (ready) handlers_.ready(ref);
}

void ProcessHost::on_exit(Process& process) {
  on_notify(process);  // what it said last
  kill(-process.pid, SIGKILL);
  int status = 0;
  waitpid(process.pid, &status, 0);
  ProcessExited exited{process.ref, std::nullopt, std::nullopt, words_of(status)};
  if (WIFEXITED(status)) exited.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) exited.signal = WTERMSIG(status);
  if (WIFEXITED(status) && status != 0 && !process.status.empty()) exited.words += ": " + process.status;
  unlink(process.notify_path.c_str());
  unlink(process.server_path.c_str());
  processes_.erase(process.ref);
  handlers_.exited(exited);
}

// What servers say each second; so far only for the log.
void ProcessHost::on_datagram() {
  for (;;) {
    std::array<char, 4096> text;
    const ssize_t size = recv(agent_socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    if (size < 0) return;
    const Json said = Json::parse(text.data(), text.data() + size, nullptr, false);
    spdlog::trace("server {} has {} sessions", read_u64(said, "server_id"), read_int(said, "sessions", -1));
  }
}

}  // namespace orrery::agents
