#include "pg/host_list.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace orrery::pg {
namespace {

using Addresses = Result<std::vector<std::string>>;

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

bool is_numeric(const std::string& name) {
  in6_addr ignored;
  return inet_pton(AF_INET, name.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, name.substr(0, name.find('%')).c_str(), &ignored) == 1;
}

Addresses resolve(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(name.c_str(), nullptr, &hints, &found); code != 0) {
    return Error{"cannot resolve host " + name + ": " + gai_strerror(code), "connection"};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, &freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* one = found; one; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text);
    }
  }
  if (addresses.empty()) return Error{"host " + name + " has no address", "connection"};
  return addresses;
}

/// What loop and thread share; whichever ends last closes it.
struct Answer {
  Answer() : written(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Answer() {
    if (written >= 0) close(written);
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  void give(Addresses addresses) {
    const std::lock_guard lock(mutex);
    value = std::move(addresses);
    eventfd_write(written, 1);
  }

  const int written;
  std::mutex mutex;
  std::optional<Addresses> value;
};

}  // namespace

bool Host::is_name() const {
  return address.empty() && !name.empty() && name[0] != '/' && name[0] != '@' && !is_numeric(name);
}

std::vector<Host> hosts_of(const std::string& conninfo) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfoParse(conninfo.c_str(), nullptr),
                                                                             &PQconninfoFree);
  std::vector<std::string> names, addresses, ports;
  for (const PQconninfoOption* option = options.get(); option && option->keyword; ++option) {
    const std::string_view keyword = option->keyword;
    if (!option->val || !*option->val) continue;
    if (keyword == "host") names = split(option->val);
    if (keyword == "hostaddr") addresses = split(option->val);
    if (keyword == "port") ports = split(option->val);
  }
  const std::size_t count = std::max(names.size(), addresses.size());
  const bool fits = (names.empty() || names.size() == count) && (addresses.empty() || addresses.size() == count) &&
                    (ports.size() <= 1 || ports.size() == count);
  if (count == 0 || !fits) return {Host{}};
  std::vector<Host> hosts(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!names.empty()) hosts[i].name = names[i];
    if (!addresses.empty()) hosts[i].address = addresses[i];
    if (!ports.empty()) hosts[i].port = ports[ports.size() == 1 ? 0 : i];
  }
  return hosts;
}

class HostLookup::Impl {
 public:
  Impl(event_base* base, const std::string& name, Done done) : done_(std::move(done)) {
    event_.reset(event_new(
        base, answer_->written, EV_READ, [](int, short, void* self) { static_cast<Impl*>(self)->finish(); }, this));
    event_add(event_.get(), nullptr);
    try {
      std::thread([answer = answer_, name] { answer->give(resolve(name)); }).detach();
    } catch (const std::system_error& error) {
      answer_->give(Error{"cannot resolve host " + name + ": " + error.what(), "connection"});
    }
  }

 private:
  void finish() {
    Addresses addresses = [this] {
      const std::lock_guard lock(answer_->mutex);
      return std::move(*answer_->value);
    }();
    const Done done = std::move(done_);  // may end this
    done(std::move(addresses));
  }

  struct EventFree {
    void operator()(event* e) const { event_free(e); }
  };
  std::shared_ptr<Answer> answer_ = std::make_shared<Answer>();
  Done done_;
  std::unique_ptr<event, EventFree> event_;
};

HostLookup::HostLookup(event_base* base, const std::string& name, Done done)
    : impl_(std::make_unique<Impl>(base, name, std::move(done))) {}
HostLookup::~HostLookup() = default;

}  // namespace orrery::pg
