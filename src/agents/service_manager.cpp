#include "agents/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "agents/fd.h"
#include "agents/text.h"
#include "base/log.h"

namespace orrery::agents {

ServiceManager::ServiceManager() {
  if (const char* path = getenv("NOTIFY_SOCKET")) path_ = path;
  const char* usec = getenv("WATCHDOG_USEC");
  const char* pid = getenv("WATCHDOG_PID");
  if (usec && (!pid || std::atol(pid) == getpid())) {
    if (const long long limit = std::atoll(usec); limit > 0) watchdog_every_ = std::chrono::microseconds{limit} / 3;
  }
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
}

void ServiceManager::tell(const std::string& words) {
  if (path_.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (sendto(fd.get(), words.data(), words.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) <
      0) {
    spdlog::warn("cannot tell the service manager at {}: {}", path_, std::strerror(errno));
  }
}

void ServiceManager::tell_status(const std::string& status) {
  if (status == status_) return;
  status_ = status;
  tell("STATUS=" + one_line(status));
}

}  // namespace orrery::agents
