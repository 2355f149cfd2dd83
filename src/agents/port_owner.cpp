#include "agents/port_owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "agents/fd.h"
#include "agents/processes.h"

namespace orrery::agents {
namespace {

constexpr std::size_t answer_bytes = 16384;

std::string socket_name(std::string_view inode) { return "socket:[" + std::string(inode) + "]"; }

// Asks for the sockets of one family; false when that is refused.
bool ask_diag(const Fd& fd, int family, Protocol protocol, std::uint16_t port, SocketNames& names) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<std::uint8_t>(family);
  request.body.sdiag_protocol = protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP;
  request.body.idiag_states = protocol == Protocol::tcp ? 1U << TCP_LISTEN : ~0U;
  request.body.id.idiag_sport = htons(port);
  if (send(fd.get(), &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request)) return false;
  alignas(nlmsghdr) std::array<char, answer_bytes> answer;
  for (;;) {
    // The kernel answers while it is asked: there is nothing to wait for.
    const ssize_t size = recv(fd.get(), answer.data(), answer.size(), MSG_DONTWAIT);
    if (size <= 0) return false;
    nlmsghdr header{};
    for (std::size_t at = 0, left = static_cast<std::size_t>(size); left >= sizeof header;) {
      std::memcpy(&header, answer.data() + at, sizeof header);
      if (header.nlmsg_type == NLMSG_DONE) return true;
      if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) {
        return false;
      }
      inet_diag_msg found{};
      std::memcpy(&found, answer.data() + at + NLMSG_HDRLEN, sizeof found);
      names.push_back(socket_name(std::to_string(found.idiag_inode)));
      const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), left);
      at += step;
      left -= step;
    }
  }
}

// The next word of `line`, which loses it.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

// Sockets at one port, from the lines of /proc/<pid>/net/udp and the like.
class SocketList {
 public:
  SocketList(Protocol protocol, std::uint16_t port) : protocol_(protocol) {
    std::snprintf(suffix_.data(), suffix_.size(), ":%04X", port);
  }

  // False, with errno, when it cannot be read.
  bool read(const std::string& path) {
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return false;
    std::array<char, 65536> bytes;
    std::size_t held = 0;  // of a line whose rest has not come
    is_over_ = false;
    while (!is_over_) {
      const ssize_t size = ::read(fd.get(), bytes.data() + held, bytes.size() - held);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return false;
      if (size == 0) return true;
      std::string_view text(bytes.data(), held + static_cast<std::size_t>(size));
      for (std::size_t end = 0; !is_over_ && (end = text.find('\n')) != std::string_view::npos;) {
        take(text.substr(0, end));
        text.remove_prefix(end + 1);
      }
      held = text.size() < bytes.size() ? text.size() : 0;
      std::copy_n(text.data(), held, bytes.data());
    }
    return true;
  }
  SocketNames take_names() { return std::move(names_); }

 private:
  // "  12: 0100007F:4E21 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 43210 2 …"
  void take(std::string_view line) {
    if (take_word(line).find(':') == std::string_view::npos) return;  // the heading
    const std::string_view local = take_word(line);
    take_word(line);  // remote
    const std::string_view state = take_word(line);
    if (protocol_ == Protocol::tcp && state != listening) {
      is_over_ = true;  // those that listen come first (Documentation/networking/proc_net_tcp.rst)
      return;
    }
    if (!local.ends_with(std::string_view(suffix_.data()))) return;
    for (int skipped = 0; skipped < 5; ++skipped) take_word(line);  // queues, timer, retransmissions, user, timeout
    names_.push_back(socket_name(take_word(line)));
  }

  static constexpr std::string_view listening = "0A";
  const Protocol protocol_;
  std::array<char, 8> suffix_{};
  bool is_over_ = false;
  SocketNames names_;
};

std::string link_at(const std::string& path) {
  std::array<char, 64> text;
  const ssize_t size = readlink(path.c_str(), text.data(), text.size());
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

bool shares_network(pid_t pid) {
  const std::string its = link_at("/proc/" + std::to_string(pid) + "/ns/net");
  return !its.empty() && its == link_at("/proc/self/ns/net");
}

enum class Has { no, yes, unknown };

Has has_any(pid_t pid, const SocketNames& names) {
  const std::unique_ptr<DIR, int (*)(DIR*)> fds(opendir(("/proc/" + std::to_string(pid) + "/fd").c_str()), closedir);
  if (!fds) return errno == ENOENT || errno == ESRCH ? Has::no : Has::unknown;
  std::array<char, 64> link;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(fds.get());
    if (!entry) return errno == 0 || errno == ENOENT || errno == ESRCH ? Has::no : Has::unknown;
    const ssize_t size = readlinkat(dirfd(fds.get()), entry->d_name, link.data(), link.size());
    if (size <= 0) continue;
    const std::string_view name(link.data(), static_cast<std::size_t>(size));
    if (std::find(names.begin(), names.end(), name) != names.end()) return Has::yes;
  }
}

}  // namespace

std::optional<SocketNames> sockets_by_diag(Protocol protocol, std::uint16_t port) {
  const Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  SocketNames names;
  for (const int family : {AF_INET, AF_INET6}) {
    if (!fd || !ask_diag(fd, family, protocol, port, names)) return std::nullopt;
  }
  return names;
}

std::optional<SocketNames> sockets_by_proc(pid_t pid, Protocol protocol, std::uint16_t port) {
  const std::string list = "/proc/" + std::to_string(pid) + (protocol == Protocol::udp ? "/net/udp" : "/net/tcp");
  SocketList sockets(protocol, port);
  if (!sockets.read(list)) return std::nullopt;
  if (!sockets.read(list + "6") && errno != ENOENT) return std::nullopt;  // ENOENT: a machine without IPv6
  return sockets.take_names();
}

PortOwner port_owner(pid_t server, pid_t ancestor, Protocol protocol, std::uint16_t port) {
  std::optional<SocketNames> sockets;
  if (shares_network(server)) sockets = sockets_by_diag(protocol, port);
  if (!sockets) sockets = sockets_by_proc(server, protocol, port);
  if (!sockets) return PortOwner::unknown;
  if (sockets->empty()) return PortOwner::nobody;
  // Most often it is the server's own: then nobody else is looked at.
  Has has = has_any(server, *sockets);
  if (has == Has::yes) return PortOwner::own;
  for (const pid_t pid : descendants_of(ancestor)) {
    if (pid == server) continue;
    const Has its = has_any(pid, *sockets);
    if (its == Has::yes) return PortOwner::own;
    if (its == Has::unknown) has = Has::unknown;
  }
  return has == Has::unknown ? PortOwner::unknown : PortOwner::other;
}

}  // namespace orrery::agents
