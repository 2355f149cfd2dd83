// What agent and shim tell each other, and how it stands in files (docs/control.md, The shim).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/start_terms.h"
#include "base/clock.h"
#include "base/ids.h"

namespace orrery::agents {

/// Names in the directory of a start.
inline constexpr const char *plan_name = "plan", *state_name = "state", *shim_socket_name = "shim",
                            *notify_socket_name = "notify", *server_socket_name = "server", *own_directory_name = "own";
/// Descriptors a shim is started with: the server's credential, under the same number the server's own; and `state`,
/// locked.
inline constexpr int shim_credential_fd = 3, shim_state_fd = 4;
/// Size of `state`, and of a datagram at most.
inline constexpr std::size_t state_bytes = 8192, datagram_bytes_max = 8192;
/// Of a text of the server's own in its exit's words.
inline constexpr std::size_t said_bytes_max = 300;

/// The OS user a server runs as; never uid 0.
struct ShimUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

/// What a shim is to run, and how.
struct ShimPlan {
  ServerId server;
  Epoch epoch;
  std::string cluster, kind, key;
  std::string path, directory;         // executable; working directory, which exists
  std::vector<std::string> args, env;  // argv with argv[0]; NAME=value
  std::string log;
  std::uint64_t log_bytes_max = 16 << 20;
  unsigned log_files = 3;
  std::map<std::string, std::uint64_t> limits;  // by the contract's names
  bool hold = false;                            // no lease
  bool database = true;                         // the server is given shim_credential_fd
  Duration ready_limit{}, grace{};
  std::optional<Duration> watchdog;
  std::optional<ShimUser> user;
  std::string agent_socket;
  std::optional<Instant> lease_until;
  Result<StartTerms> terms = StartTerms{};  // an error: it is not to be started
};
std::string to_text(const ShimPlan& plan);
std::optional<ShimPlan> plan_of(std::string_view text);

/// How a server is.
struct ShimState {
  enum class Phase { starting, ready, stopping, exited };
  pid_t shim_pid = 0, pid = 0;  // 0: not yet
  std::string boot_id;
  Phase phase = Phase::starting;
  std::string status;    // STATUS= as it last came
  std::string counters;  // X_ORRERY_COUNTERS= as they came together, JSON; empty: it said none
  std::optional<int> exit_code, signal;
  std::string words;         // why it ended
  bool started = false;      // its executable was executed
  bool asked = false;        // it was asked to stop
  bool by_lease = false;     // ended because its lease ran out
  bool by_shutdown = false;  // ended because its cluster's deadline had passed
};
/// What a server counts, by name, after it said `said` too: {"players":{"count":3,"capacity":16}}, each with one or
/// both, integers from 0 to 999,999,999; 16 names at most, of a to z, digits and _. As before when it is anything else.
std::string counted_with(const std::string& before, std::string_view said);
/// Without the padding; what is long in it is cut, so that it fits.
std::string to_text(const ShimState& state);
std::optional<ShimState> state_of(std::string_view text);
/// Writes all of it in place: the blocks are there already. False when the system refuses.
bool write_state(int fd, const ShimState& state);
/// Nothing when it is unreadable or none.
std::optional<ShimState> read_state(int fd);

/// A shim's datagram: its state and whose it is.
struct ShimNews {
  ServerId server;
  Epoch epoch;
  ShimState state;
};
std::string to_text(const ShimNews& news);
std::optional<ShimNews> news_of(std::string_view text);

/// What the agent wants of a shim, whole but for what it does not know itself: that stays as it was said before.
struct ShimWish {
  std::optional<Instant> lease_until, stop_by;
  bool keep_lease = false;               // the lease stays: lease_until is for shims that do not know of this
  std::optional<Instant> shutdown_at{};  // the cluster's deadline
  bool keep_shutdown = true;             // shutdown_at is not said
};
std::string to_text(const ShimWish& wish);
std::optional<ShimWish> wish_of(std::string_view text);

/// "exit status 1", "killed by signal 9 (Killed)", of a status of waitpid.
std::string words_of_exit(int status);
/// RLIMIT_… of each limit by the contract's name.
const std::map<std::string, int>& limits();

}  // namespace orrery::agents
