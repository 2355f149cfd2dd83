// What a kind asks for its servers that agent and shim both must know: ports, when they are ready, how they are asked
// to stop. It has one shape in the `spec` of a start and in a plan (docs/control.md).
#pragma once

#include <signal.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace orrery::agents {

enum class Protocol { udp, tcp };
/// `count` contiguous ports from `first`. `name`: lower-case letters, digits and '_', once among a server's.
struct ServerPort {
  std::string name;
  Protocol protocol = Protocol::udp;
  std::uint16_t first = 0, count = 1;
};
/// notify: it says READY=1. port: its first port is bound (tcp: listens) by a process of its own. output: a line of its
/// output matches.
enum class ReadyBy { notify, port, output };

struct StartTerms {
  std::vector<ServerPort> ports;  // in the order of the kind; not empty when it is ready by port
  ReadyBy ready_by = ReadyBy::notify;
  std::string ready_pattern{};  // of output: a POSIX extended regular expression, not compiled yet
  int stop_signal = SIGTERM;
};
/// Of the members `ports`, `ready` and `stop_signal`; one that is missing or null has its default. Error of code EINVAL
/// when one is malformed.
Result<StartTerms> terms_of(const nlohmann::json& json);
/// These members.
nlohmann::json json_of(const StartTerms& terms);
/// "public (udp 20001)".
std::string words_of(const ServerPort& port);

}  // namespace orrery::agents
