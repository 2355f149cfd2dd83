#include "agents/machine.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "agents/durable_file.h"
#include "agents/files.h"
#include "base/bytes.h"
#include "base/random.h"

namespace orrery::agents {

// Made anew it would not be let in under the agent's name: the database has pinned the old one.
static Error lost(const std::string& path, const std::string& why) {
  return {"identity file " + path + ": " + why,
          {},
          "restore the file from a backup, or give the agent a new --name and remove the file"};
}

CpuTimes read_cpu_times() {
  std::ifstream file("/proc/stat");
  std::string word;
  CpuTimes times;
  file >> word;
  // user nice system idle iowait irq softirq steal; guest times are counted in user already
  std::uint64_t value = 0;
  for (int column = 0; column < 8 && file >> value; ++column) {
    times.total += value;
    if (column != 3 && column != 4) times.busy += value;
  }
  return times;
}

double cpu_share(const CpuTimes& before, const CpuTimes& after) {
  if (after.total <= before.total || after.busy < before.busy) return 0;
  const double share = static_cast<double>(after.busy - before.busy) / static_cast<double>(after.total - before.total);
  return share > 1 ? 1 : share;
}

Memory read_memory() {
  std::ifstream file("/proc/meminfo");
  std::string line;
  Memory memory;
  std::uint64_t available = 0;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kib = 0;
    words >> name >> kib;
    if (name == "MemTotal:") memory.total_bytes = kib * 1024;
    if (name == "MemAvailable:") available = kib * 1024;
  }
  memory.used_bytes = memory.total_bytes > available ? memory.total_bytes - available : 0;
  return memory;
}

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id.empty() ? "unknown" : id;
}

std::string read_host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

Result<std::string> load_identity(const std::string& path) {
  if (Result<std::string> kept = read_file(path)) {
    std::string& identity = *kept;
    while (!identity.empty() && std::isspace(static_cast<unsigned char>(identity.back()))) identity.pop_back();
    if (!key_from_hex(identity)) return lost(path, "it does not hold 64 hex digits");
    return identity;
  } else if (kept.error().code != "ENOENT") {
    return lost(path, kept.error().message);
  }
  Key32 key;
  SystemRandom().fill(key);
  const std::string identity = to_hex(key);
  if (const Status written = write_durably(path, identity + "\n"); !written) return written.error();
  return identity;
}

Status hold_lock(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);  // open until the process ends
  if (fd < 0) return system_error("lock file " + path);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return ok();
  const Error error = errno == EWOULDBLOCK ? Error{"another orrery-agentd is using it", "EWOULDBLOCK"}
                                           : system_error("lock file " + path);
  close(fd);
  return error;
}

}  // namespace orrery::agents
