// The directory of a start: making it is what starts a server at most once (docs/control.md, The shim).
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "agents/fd.h"
#include "agents/shim_plan.h"
#include "base/result.h"

namespace orrery::agents {

/// "<server_id>.<epoch & 0xffffffff>".
std::string run_name(ServerId server, Epoch epoch);
/// The server and the epoch's low half; nothing when it is no such name.
std::optional<std::pair<ServerId, std::uint32_t>> run_name_parts(const std::string& name);

/// Makes the directory with plan and first state, all or nothing, and gives `state`, locked. Error of code EEXIST when
/// the directory exists.
Result<Fd> make_run_dir(const std::string& directory, const ShimPlan& plan, const std::string& boot_id);
/// Starts the shim of a directory, in a session of its own, with nothing but the two descriptors and a few names for
/// which it can be found; its pid, for which the caller must wait.
Result<pid_t> launch_shim(const std::string& shim_path, const std::string& directory, const ShimPlan& plan,
                          const std::string& server_agent_socket, const Fd& credential, const Fd& state);
enum class Lock { held, free };
/// Whether its shim lives: it holds the lock of `state`. Error when the system does not say: it may live.
Result<Lock> lock_of(const std::string& directory);
/// What `state` says; nothing when there is none or it says nothing intelligible. Error when it cannot be read.
Result<std::optional<ShimState>> read_state_of(const std::string& directory);

/// A memory file of this text, to be read from its beginning.
Result<Fd> memory_file(const std::string& text);
/// The user of this name. Error when there is none, or it is root.
Result<ShimUser> user_of(const std::string& name);

}  // namespace orrery::agents
