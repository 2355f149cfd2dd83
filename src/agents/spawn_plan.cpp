#include "agents/spawn_plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "agents/credential.h"
#include "agents/files.h"
#include "agents/run_dir.h"
#include "agents/text.h"
#include "agents/unix_datagram.h"

namespace orrery::agents {
namespace {

constexpr const char* private_port_name = "private";  // where other servers reach it

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
  return text;
}

// What may stand in a file name; the rest becomes '_'.
std::string file_word(const std::string& text) {
  std::string word = text.substr(0, 64);
  for (char& c : word) {
    if (!isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
  }
  return word;
}

// Others than its owner can reach what lies in it.
Status check_searchable(std::filesystem::path path) {
  for (; !path.empty(); path = path.parent_path()) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return system_error(path);
    if ((info.st_mode & S_IXOTH) == 0) {
      return Error{
          "servers of another user could not reach the data directory: " + path.string() + " is closed to them",
          "EACCES", "chmod o+x " + path.string()};
    }
    if (path == path.root_path()) break;
  }
  return ok();
}

}  // namespace

Status SpawnPlanner::open() {
  if (Status users = take_users(); !users) return users;
  std::error_code error;
  for (const char* name : {"/run", "/log", "/work"}) {
    const std::string path = config_.data_dir + name;
    std::filesystem::create_directories(path, error);
    if (error) return Error{"cannot make " + path + ": " + error.message()};
    if (chmod(path.c_str(), has_users() ? 0711 : 0700) != 0) return system_error("chmod " + path);
  }
  const std::string longest = server_socket(run_path({ServerId{INT64_MAX}, Epoch{UINT32_MAX}}), true);
  if (longest.size() > socket_path_max) {
    return Error{"data directory " + config_.data_dir + " has too long a path: sockets in it would need " +
                     std::to_string(longest.size()) + " bytes, " + std::to_string(socket_path_max) + " is the limit",
                 "ENAMETOOLONG", "choose a --data-dir with a shorter path"};
  }
  return has_users() ? check_searchable(config_.data_dir) : ok();
}

std::string SpawnPlanner::run_path(ServerRef ref) const {
  return config_.data_dir + "/run/" + run_name(ref.server, ref.epoch);
}

// One of another user binds in a directory of its own.
std::string SpawnPlanner::server_socket(const std::string& run_path, bool has_user) {
  return run_path + (has_user ? std::string("/") + own_directory_name : "") + "/" + server_socket_name;
}

Status SpawnPlanner::take_users() {
  for (const auto& [cluster, name] : config_.users) {
    if (geteuid() != 0) {
      return Error{"cluster " + cluster + " has an OS user of its own: only root can start servers as another user",
                   "EPERM"};
    }
    Result<ShimUser> user = user_of(name);
    if (!user) return Error{"cluster " + cluster + ": " + user.error().message, user.error().code};
    users_[cluster] = std::move(*user);
  }
  return ok();
}

Result<std::string> SpawnPlanner::resolve(const std::string& command) const {
  if (command.empty()) return Error{"ENOENT: no command", "ENOENT"};
  if (command.find('/') != std::string::npos) {
    if (command.front() != '/')
      return Error{"ENOENT: command '" + command + "' is neither a name nor an absolute path", "ENOENT"};
    return command;
  }
  std::string path = config_.bin_dir, not_executable;
  if (const char* more = getenv("PATH")) path += std::string(":") + more;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t colon = std::min(path.find(':', from), path.size());
    const std::string candidate = path.substr(from, colon - from) + "/" + command;
    from = colon + 1;
    if (candidate.front() != '/') continue;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    if (not_executable.empty() && access(candidate.c_str(), F_OK) == 0) not_executable = candidate;
  }
  if (!not_executable.empty()) {
    return Error{"EACCES: " + not_executable + " is not executable", "EACCES", "chmod +x " + not_executable};
  }
  return Error{"ENOENT: no executable '" + command + "' in " + config_.bin_dir + " or PATH", "ENOENT"};
}

Result<Fd> SpawnPlanner::credential(const Spawn& spawn) const {
  if (!spawn.database) return memory_file("");
  const auto file = config_.credentials.find(spawn.cluster);
  if (file == config_.credentials.end()) return Error{"this agent holds no credential of cluster " + spawn.cluster};
  const Result<std::string> conninfo = read_credential(file->second);
  if (!conninfo) return conninfo.error();
  return memory_file(to_text(Json{{"conninfo", *conninfo}, {"token", spawn.token}}));
}

Result<ShimPlan> SpawnPlanner::plan_for(const Spawn& spawn) const {
  const Result<std::string> command = resolve(spawn.command);
  if (!command) return command.error();
  if (!spawn.terms) return spawn.terms.error();
  ShimPlan plan;
  plan.terms = *spawn.terms;
  if (const auto user = users_.find(spawn.cluster); user != users_.end()) {
    plan.user = user->second;
  } else if (geteuid() == 0 && !config_.allow_root) {
    return Error{
        "EPERM: this agent is root and has no OS user for cluster " + spawn.cluster + ": servers do not run as root",
        "EPERM"};
  }
  for (const auto& [name, value] : spawn.limits.items()) {
    if (!limits().contains(name)) return Error{"EINVAL: no such limit: " + one_line(name), "EINVAL"};
    if (value.is_null()) continue;
    if (!value.is_number_integer() || value < 0) return Error{"EINVAL: limit " + name + " is no number", "EINVAL"};
    plan.limits[name] = value.get<std::uint64_t>();
  }
  const std::string place = file_word(spawn.cluster) + "-" + file_word(spawn.kind) + "-" + file_word(spawn.key) + "-" +
                            std::to_string(spawn.ref.server.value);
  plan.server = spawn.ref.server;
  plan.epoch = spawn.ref.epoch;
  plan.cluster = spawn.cluster;
  plan.kind = spawn.kind;
  plan.key = spawn.key;
  plan.path = *command;
  plan.args.push_back(*command);
  plan.args.insert(plan.args.end(), spawn.args.begin(), spawn.args.end());
  plan.directory = config_.data_dir + "/work/" + place;
  plan.log = config_.data_dir + "/log/" + place + ".log";
  plan.log_bytes_max = spawn.log_bytes_max;
  plan.log_files = spawn.log_files;
  plan.hold = spawn.hold;
  plan.database = spawn.database;
  plan.ready_limit = spawn.ready_limit;
  plan.grace = spawn.grace;
  plan.watchdog = spawn.watchdog;
  plan.agent_socket = shims_path();
  plan.lease_until = spawn.lease_until;
  plan.env = environment(spawn, plan);
  return plan;
}

std::vector<std::string> SpawnPlanner::environment(const Spawn& spawn, const ShimPlan& plan) const {
  const std::string directory = run_path(spawn.ref);
  std::map<std::string, std::string> env;
  for (const char* name : {"PATH", "LANG", "TZ"}) {
    if (const char* value = getenv(name)) env[name] = value;
  }
  // not of one that speaks to the database: libpq looks for certificates in the home of its user
  if (!spawn.database) env["HOME"] = plan.directory;
  for (const auto& [name, value] : spawn.env) env[name] = value;
  env["ORRERY_CLUSTER"] = spawn.cluster;
  env["ORRERY_KIND"] = spawn.kind;
  env["ORRERY_KEY"] = spawn.key;
  env["ORRERY_SERVER_ID"] = std::to_string(spawn.ref.server.value);
  env["ORRERY_EPOCH"] = std::to_string(spawn.ref.epoch.value);
  const auto at_port = [](Address address, const ServerPort& port) {
    address.port = port.first;
    return address.to_string();
  };
  const std::vector<ServerPort>& ports = spawn.terms->ports;
  for (const ServerPort& port : ports) {
    env["ORRERY_PORT_" + upper(port.name)] = std::to_string(port.first);
    if (port.count > 1) env["ORRERY_PORTS_" + upper(port.name)] = std::to_string(port.count);
    if (port.name != private_port_name) continue;
    env["ORRERY_PRIVATE_BIND"] = at_port(spawn.private_bind, port);
    env["ORRERY_PRIVATE_ADVERTISE"] = at_port(spawn.private_advertise, port);
  }
  if (!ports.empty()) {
    env["ORRERY_PUBLIC_BIND"] = at_port(spawn.public_bind, ports.front());
    env["ORRERY_PUBLIC_ADVERTISE"] = at_port(spawn.public_advertise, ports.front());
  }
  if (spawn.database) env["ORRERY_CREDENTIAL_FD"] = std::to_string(shim_credential_fd);
  env["ORRERY_AGENT_SOCKET"] = servers_path();
  env["ORRERY_SERVER_SOCKET"] = server_socket(directory, plan.user.has_value());
  env["NOTIFY_SOCKET"] = directory + "/" + notify_socket_name;
  if (spawn.watchdog) {
    env["WATCHDOG_USEC"] =
        std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(*spawn.watchdog).count());
  }
  std::vector<std::string> words;
  words.reserve(env.size());
  for (const auto& [name, value] : env) words.push_back(name + "=" + value);
  return words;
}

Status make_work_directory(const ShimPlan& plan) {
  const std::string& path = plan.directory;
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_error("mkdir " + path);
  if (plan.user && chown(path.c_str(), plan.user->uid, plan.user->gid) != 0) return system_error("chown " + path);
  return ok();
}

}  // namespace orrery::agents
