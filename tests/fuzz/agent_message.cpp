// What comes on a server's local socket: JSON of its agent, or of whoever may write there. The server reads it or
// leaves it; nothing but the end of a lease ends it.
#include "host_lab.h"
#include "sessiond/chat_core.h"
#include "sessiond/login_core.h"

using namespace orrery;
using fuzz::check;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t how = input.byte();
  const bool is_login = (how & 1) != 0;
  fuzz::HostLab lab(is_login ? "login" : "chat");
  sessiond::LoginCore login(lab.host);
  sessiond::ChatCore chat(lab.host);
  if (is_login)
    lab.start(login);
  else
    lab.start(chat);
  auto& client = is_login ? lab.login("198.51.100.1:4000") : lab.attach(SessionId{1}, "198.51.100.1:4000");
  check(client.dialer.is_open(), "it is open");
  // Messages end at a byte that no JSON has.
  std::string text(as_text(input.rest()));
  int messages = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\x01', from), text.size());
    lab.host.on_agent_message(std::string_view(text).substr(from, end - from), lab.now);
    // Within the time that a login has to say credentials.
    lab.run(std::chrono::milliseconds{++messages < 40 ? 16 * (how >> 4) : 0});
    from = end + 1;
  }
  lab.run(std::chrono::milliseconds{100});
  check(!lab.exit_code || *lab.exit_code == sessiond::exit_lease, "it goes on, or its lease has passed");
  check(lab.exit_code || (client.dialer.is_open() && !client.closed), "its clients stay");
  return 0;
}
