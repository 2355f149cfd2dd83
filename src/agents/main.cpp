// orrery-agentd: one per machine; does what the database decides. Exit status: 0 stopped, 1 cannot run, 2 usage, 3
// refused, 4 another process took its place.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agents/agent_loop.h"
#include "agents/credential.h"
#include "base/log.h"

namespace {

using orrery::Address;
using orrery::Error;
using orrery::Result;
using orrery::Status;

struct Arguments {
  std::string name, data_dir, db, db_file, bin_dir, ports = "20000-20999", log_level = "info";
  std::string public_bind, public_advertise, private_bind, private_advertise;
  std::vector<std::string> clusters, users;
  std::string on_stop = "hand-over";
  std::uint64_t memory_bytes = 0;
  unsigned cpus = 0;
  std::vector<std::string> labels;
  std::optional<unsigned> servers_max;
};

Status read_address(const char* option, const std::string& text, Address& into) {
  const Result<Address> parsed = Address::parse(text, 0);
  if (!parsed) return Error{std::string(option) + ": " + parsed.error().message};
  into = *parsed;
  return orrery::ok();
}

bool is_any(const Address& address) {
  const auto any4 = Address::parse("0.0.0.0", 0), any6 = Address::parse("::", 0);
  return address.ip == any4->ip || address.ip == any6->ip;
}

Status read_ports(const std::string& text, orrery::agents::AgentOptions& into) {
  unsigned min = 0, max = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%5u-%5u%c", &min, &max, &rest) != 2 || min < 1 || max > 65535 || min > max) {
    return Error{"--ports: '" + text + "' is not MIN-MAX within 1-65535"};
  }
  into.port_min = static_cast<std::uint16_t>(min);
  into.port_max = static_cast<std::uint16_t>(max);
  return orrery::ok();
}

// Servers are never root: whoever makes one misbehave would have the machine.
Status read_users(const Arguments& given, orrery::agents::AgentOptions& into) {
  for (const std::string& pair : given.users) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == pair.size()) {
      return Error{"--cluster-user: '" + pair + "' is not NAME=USER"};
    }
    const std::string cluster = pair.substr(0, equals);
    if (!into.credentials.contains(cluster)) {
      return Error{"--cluster-user: there is no --cluster " + cluster, {}, "--cluster " + cluster + "=FILE"};
    }
    into.users[cluster] = pair.substr(equals + 1);
  }
  if (geteuid() != 0) {
    if (into.users.empty()) return orrery::ok();
    return Error{"--cluster-user: only root can start servers as another user", {}, "run orrery-agentd as root"};
  }
  for (const auto& [cluster, file] : into.credentials) {
    if (into.users.contains(cluster)) continue;
    return Error{
        "this is root, and --cluster-user does not say as whom the servers of " + cluster + " run: never as root",
        {},
        "--cluster-user " + cluster + "=USER, or run orrery-agentd as another user"};
  }
  return orrery::ok();
}

Result<orrery::agents::AgentOptions> options_of(const Arguments& given) {
  orrery::agents::AgentOptions options;
  options.name = given.name;
  options.data_dir = given.data_dir;
  options.version = ORRERY_VERSION;
  options.memory_bytes = given.memory_bytes;
  options.cpus = given.cpus;
  options.servers_max = given.servers_max;
  for (const std::string& pair : given.labels) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == pair.size())
      return Error{"--label: '" + pair + "' is not NAME=VALUE"};
    if (!options.labels.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second)
      return Error{"--label: " + pair.substr(0, equals) + " is given twice"};
  }
  options.bin_dir = given.bin_dir;
  if (options.bin_dir.empty()) options.bin_dir = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  if (given.db.empty() == given.db_file.empty()) return Error{"one of --db and --db-file is needed"};
  options.conninfo = given.db;
  if (!given.db_file.empty()) {
    const Result<std::string> conninfo = orrery::agents::read_credential(given.db_file);
    if (!conninfo) return conninfo.error();
    options.conninfo = *conninfo;
  }
  for (const std::string& pair : given.clusters) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) return Error{"--cluster: '" + pair + "' is not NAME=FILE"};
    const std::string file = std::filesystem::absolute(pair.substr(equals + 1));
    if (const auto conninfo = orrery::agents::read_credential(file); !conninfo) return conninfo.error();
    options.credentials[pair.substr(0, equals)] = file;
  }
  options.drain_on_term = given.on_stop == "drain";
  if (const Status users = read_users(given, options); !users) return users.error();
  const std::string& public_advertise = given.public_advertise.empty() ? given.public_bind : given.public_advertise;
  const std::string& private_advertise = given.private_advertise.empty() ? given.private_bind : given.private_advertise;
  for (const Status& status : {read_address("--public-bind", given.public_bind, options.public_bind),
                               read_address("--public-advertise", public_advertise, options.public_advertise),
                               read_address("--private-bind", given.private_bind, options.private_bind),
                               read_address("--private-advertise", private_advertise, options.private_advertise),
                               read_ports(given.ports, options)}) {
    if (!status) return status.error();
  }
  if (is_any(options.private_bind)) {
    return Error{"--private-bind: " + given.private_bind + " would bind what is private on every interface"};
  }
  if (is_any(options.public_advertise))
    return Error{"--public-advertise: " + public_advertise + " cannot be reached by anyone"};
  if (options.public_bind == options.private_bind) {
    spdlog::warn("public and private address are the same ({}): what is private can be reached by game clients",
                 given.public_bind);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"orrery-agentd: starts, watches and stops the servers of one machine, as the database decides"};
  Arguments given;
  app.add_option("--name", given.name, "name of this agent, unique among all")->required();
  app.add_option("--data-dir", given.data_dir, "identity, sockets and logs; of this agent alone, with a short path")
      ->required();
  app.add_option("--db", given.db, "libpq conninfo of a login in role orrery_agent");
  app.add_option("--db-file", given.db_file, "file (mode 0600) whose first line is that conninfo");
  app.add_option("--cluster", given.clusters,
                 "NAME=FILE: a cluster whose servers may run here, and its session login's conninfo");
  app.add_option("--cluster-user", given.users,
                 "NAME=USER: the OS user that servers of this cluster run as; as root, needed for each --cluster");
  app.add_option("--on-stop", given.on_stop,
                 "what SIGTERM does: hand-over, servers go on and the next agent finds them; drain, they are stopped "
                 "first, as always by SIGINT")
      ->check(CLI::IsMember({"hand-over", "drain"}))
      ->capture_default_str();
  app.add_option("--public-bind", given.public_bind, "address on which game clients reach servers")->required();
  app.add_option("--public-advertise", given.public_advertise, "the same as clients see it, if translated");
  app.add_option("--private-bind", given.private_bind, "address on which servers reach each other")->required();
  app.add_option("--private-advertise", given.private_advertise, "the same as other machines see it, if translated");
  app.add_option("--ports", given.ports, "MIN-MAX: UDP ports for servers")->capture_default_str();
  app.add_option("--bin-dir", given.bin_dir,
                 "where servers' executables are looked up first (default: where this one is)");
  app.add_option("--memory-bytes", given.memory_bytes, "memory to offer, instead of what the machine has");
  app.add_option("--cpus", given.cpus, "cores to offer, instead of what the machine has");
  app.add_option("--label", given.labels,
                 "NAME=VALUE: what kinds of servers may ask for, such as region=eu; repeatable");
  app.add_option("--servers-max", given.servers_max, "servers at once at most, instead of as many as fit");
  app.add_option("--log-level", given.log_level, "trace, debug, info, warn or error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.set_config("--config", "", "file with these options, name=value a line");
  app.set_version_flag("--version", std::string("orrery-agentd ") + ORRERY_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  orrery::log_open("agentd", given.log_level);
  const auto options = options_of(given);
  if (!options) {
    spdlog::critical("{}{}", options.error().message,
                     options.error().hint.empty() ? "" : " (" + options.error().hint + ")");
    return 2;
  }
  const Result<int> status = orrery::agents::run_agent(*options);
  if (!status) {
    spdlog::critical("{}{}", status.error().message,
                     status.error().hint.empty() ? "" : " (" + status.error().hint + ")");
    return 1;
  }
  return *status;
}
