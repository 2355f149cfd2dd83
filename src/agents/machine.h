// What the machine is and how busy it is, from /proc; and what the agent keeps about itself on disk.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace orrery::agents {

/// Times of all cores since boot, in ticks.
struct CpuTimes {
  std::uint64_t busy = 0, total = 0;
};
CpuTimes read_cpu_times();
/// Share of all cores that was busy between two readings, 0..1.
double cpu_share(const CpuTimes& before, const CpuTimes& after);

struct Memory {
  std::uint64_t total_bytes = 0, used_bytes = 0;  // used: not available to a new process
};
Memory read_memory();
std::string read_boot_id();
std::string read_host_name();

/// The agent's identity, 64 hex digits, kept in `path`: made when there is no such file, readable by its owner only. A
/// file that cannot be read or is malformed is an error (its hint says what to do), and stays as it is.
Result<std::string> load_identity(const std::string& path);
/// Takes the lock file `path` for as long as this process lives. Error when another process holds it.
Status hold_lock(const std::string& path);

}  // namespace orrery::agents
