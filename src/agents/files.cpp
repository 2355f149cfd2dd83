#include "agents/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "agents/fd.h"

namespace orrery::agents {

Error system_error(const std::string& what, int code) {
  const char* name = strerrorname_np(code);
  return {std::string(name ? name : "error") + ": " + what + ": " + std::strerror(code), name ? name : ""};
}

Result<std::string> read_file(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return system_error(path);
  std::string text;
  std::array<char, 16384> part;
  for (;;) {
    const ssize_t size = read(fd.get(), part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error(path);
    if (size == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(size));
    if (text.size() > file_bytes_max) return system_error(path, EFBIG);
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size == 0) errno = ENOSPC;
    if (size <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace orrery::agents
