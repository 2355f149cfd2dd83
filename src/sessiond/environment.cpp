#include "sessiond/environment.h"

#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

namespace orrery::sessiond {
namespace {

constexpr std::size_t credential_bytes_max = 64 * 1024;
constexpr std::size_t socket_path_max = sizeof(sockaddr_un::sun_path) - 1;

/// Collects the first thing wrong, so that fields can be read one after another.
class Fields {
 public:
  explicit Fields(const Lookup& lookup) : lookup_(lookup) {}

  std::string text(const char* name) {
    auto value = lookup_(name);
    if (!value || value->empty()) {
      fail(name, "is not set");
      return {};
    }
    return *value;
  }
  std::uint64_t number(const char* name, std::uint64_t max) {
    const std::string value = text(name);
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (code != std::errc{} || end != value.data() + value.size() || number > max)
      fail(name, "is '" + value + "', not a number from 0 to " + std::to_string(max));
    return number;
  }
  std::uint64_t id(const char* name) {
    const std::uint64_t value = number(name, INT64_MAX);
    if (value == 0) fail(name, "is 0");
    return value;
  }
  Address address(const char* name) {
    const auto parsed = Address::parse(text(name));
    if (!parsed) {
      fail(name, parsed.error().message);
      return {};
    }
    if (parsed->port == 0) fail(name, "has port 0");
    return *parsed;
  }
  std::string advertised(const char* name) {
    std::string value = text(name);
    const auto colon = value.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == value.size())
      fail(name, "is '" + value + "', not host:port");
    return value;
  }
  std::string path(const char* name) {
    std::string value = text(name);
    if (value.size() > socket_path_max) fail(name, "is longer than " + std::to_string(socket_path_max) + " bytes");
    return value;
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void fail(const char* name, const std::string& what) {
    if (!error_) error_ = Error{std::string(name) + " " + what};
  }
  const Lookup& lookup_;
  std::optional<Error> error_;
};

}  // namespace

Result<Environment> read_environment(const Lookup& lookup) {
  Fields fields(lookup);
  Environment environment;
  environment.cluster = fields.text("ORRERY_CLUSTER");
  environment.kind = fields.text("ORRERY_KIND");
  environment.key = fields.text("ORRERY_KEY");
  environment.server = ServerId{fields.id("ORRERY_SERVER_ID")};
  environment.epoch = Epoch{fields.id("ORRERY_EPOCH")};
  environment.public_bind = fields.address("ORRERY_PUBLIC_BIND");
  environment.public_advertise = fields.advertised("ORRERY_PUBLIC_ADVERTISE");
  environment.private_bind = fields.address("ORRERY_PRIVATE_BIND");
  environment.private_advertise = fields.advertised("ORRERY_PRIVATE_ADVERTISE");
  environment.credential_fd = static_cast<int>(fields.number("ORRERY_CREDENTIAL_FD", INT32_MAX));
  environment.agent_socket = fields.path("ORRERY_AGENT_SOCKET");
  environment.server_socket = fields.path("ORRERY_SERVER_SOCKET");
  environment.notify_socket = fields.path("NOTIFY_SOCKET");
  if (fields.error()) return *fields.error();
  return environment;
}

std::optional<std::string> process_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<Credential> read_credential(int fd) {
  std::string text;
  std::optional<Error> error;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = Error{std::string("ORRERY_CREDENTIAL_FD cannot be read: ") + std::strerror(errno)};
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > credential_bytes_max) {
      error = Error{"what ORRERY_CREDENTIAL_FD holds is too long"};
      break;
    }
  }
  ::close(fd);
  if (error) return *error;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto member = [&](const char* name) -> std::string {
    if (!json.is_object()) return {};
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Credential credential{member("conninfo"), member("token")};
  if (credential.conninfo.empty() || credential.token.empty())
    return Error{"what ORRERY_CREDENTIAL_FD holds is no JSON object with conninfo and token"};
  return credential;
}

}  // namespace orrery::sessiond
