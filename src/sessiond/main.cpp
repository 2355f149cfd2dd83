// orrery-sessiond: a session server of one role, started by orrery-agentd (docs/control.md, Spawn contract).
#include <google/protobuf/stubs/logging.h>
#include <sodium.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "base/log.h"
#include "sessiond/effects.h"
#include "sessiond/udp_loop.h"

int main(int argc, char** argv) {
  using namespace orrery;
  std::string role;
  std::string log_level = "info";
  CLI::App app(
      "Orrery's session server: UDP for game clients, as one role. Started by orrery-agentd, which sets ORRERY_*.");
  app.add_option("--role", role, "login, chat or zone")->required()->check(CLI::IsMember({"login", "chat", "zone"}));
  app.add_option("--log-level", log_level, "trace, debug, info, warn or error")->capture_default_str();
  app.set_version_flag("--version", std::string("orrery-sessiond ") + ORRERY_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : sessiond::exit_usage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  // libprotobuf would write a line for each message of a client that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  if (sodium_init() < 0) {
    std::cerr << "libsodium cannot be initialised\n";
    return 1;
  }

  const auto environment = sessiond::read_environment(sessiond::process_variable);
  if (!environment) {
    std::cerr << "orrery-sessiond: " << environment.error().message
              << " (it is started by orrery-agentd; see docs/control.md, Spawn contract)\n";
    return sessiond::exit_usage;
  }
  log_open(environment->kind + "/" + environment->key, log_level);
  const auto credential = sessiond::read_credential(environment->credential_fd);
  if (!credential) {
    spdlog::error("{}", credential.error().message);
    return sessiond::exit_usage;
  }
  return sessiond::run_server(role, *environment, *credential);
}
