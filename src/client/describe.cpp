#include "client/describe.h"

#include <array>
#include <cstdio>

namespace orrery::client {

namespace {

template <class... F>
struct On : F... {
  using F::operator()...;
};
template <class... F>
On(F...) -> On<F...>;

std::string in_seconds(Duration time) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f s", std::chrono::duration<double>(time).count());
  return text.data();
}

// "busy: The server is busy. - Try again in a moment."
std::string with_hint(const std::string& reason, const std::string& text, const std::string& hint) {
  return reason + (text.empty() ? "" : ": " + text) + (hint.empty() ? "" : " - " + hint);
}

std::string traffic(const wire::Statistics& wire) {
  return "sent " + std::to_string(wire.datagrams_sent) + " datagrams (" + std::to_string(wire.bytes_sent) +
         " bytes), received " + std::to_string(wire.datagrams_received) + " (" + std::to_string(wire.bytes_received) +
         "), pieces sent again " + std::to_string(wire.pieces_resent);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean(text);
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const auto c = static_cast<unsigned char>(clean[i]);
    const auto next = static_cast<unsigned char>(i + 1 < clean.size() ? clean[i + 1] : 0);
    const bool is_c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
    if (c < 0x20 || c == 0x7f || is_c1) clean[i] = '?';
    if (is_c1) clean.erase(i + 1, 1);
  }
  return clean;
}

std::string describe(const Event& event) {
  const On words{
      [](const LoggedIn& in) {
        std::string line = "logged in; characters:";
        for (const auto& one : in.characters) line += " " + one.name + " (" + one.kind + " " + one.key + ")";
        return in.characters.empty() ? line + " none" : line;
      },
      [](const LoginRefused& no) { return "refused, " + with_hint(no.reason, no.text, no.hint); },
      [](const LoginRetried& it) {
        return with_hint(it.reason, it.text, "") + " - trying again in " + in_seconds(it.after);
      },
      [](const WaitingForServer& it) { return "waiting: " + it.text; },
      [](const DeviceEnrolled& it) { return "device enrolled: " + it.name; },
      [](const DeviceRevoked& it) { return "device revoked: " + to_hex(it.public_key); },
      [](const DeviceRefused& no) { return "device refused, " + with_hint(no.reason, no.text, ""); },
      [](const Entered& it) { return it.role == "owner" ? "entered " + it.kind + " " + it.key : "joined " + it.role; },
      [](const Dropped& it) { return "nothing heard for " + in_seconds(it.silence) + "; looking for the session"; },
      [](const Resumed& it) { return "back after " + in_seconds(it.gap); },
      [](const NoticeShown& it) { return "*** " + it.text; },
      [](const CommandDone& it) { return std::string(it.ok ? "done: " : "not done: ") + it.json; },
      [](const GameEvent& it) { return it.json; },
      [](const ChatChannels& it) {
        std::string line = "channels:";
        for (const auto& one : it.channels)
          if (one.kind != "direct") line += " " + std::to_string(one.channel) + " (" + one.kind + " " + one.name + ")";
        return line;
      },
      [](const ChatShown& it) {
        const std::string where = it.kind == "space" || it.kind == "created" ? std::to_string(it.channel) + " " : "";
        return where + "<" + it.from + (it.to.empty() ? "" : " to " + it.to) + "> " + it.text;
      },
      [](const ChatSkipped& it) {
        return "(" + std::to_string(it.last - it.first + 1) + " messages are not shown in channel " +
               std::to_string(it.channel) + ")";
      },
      [](const ChatRefused& no) { return "not said, " + with_hint(no.reason, no.text, no.said); },
      [](const ChatPresence& it) {
        return it.name + (it.is_here ? " came to " : " left ") + "channel " + std::to_string(it.channel);
      },
      [](const Snapshot&) { return std::string(); },
      [](const LoggedOut& it) { return "logged out, " + with_hint(it.reason, it.text, it.hint); }};
  return printable(std::visit(words, event));
}

std::string describe(const Statistics& all) {
  std::string text = traffic(all.wire) + "\n";
  text += std::to_string(all.logins) + " logins, " + std::to_string(all.login_retries) + " retries; " +
          std::to_string(all.drops) + " drops, " + std::to_string(all.resumes) + " resumed, longest gap " +
          in_seconds(all.gap_longest) + "; " + std::to_string(all.redirects_followed) + " redirects followed, " +
          std::to_string(all.redirects_ignored) + " ignored\n";
  for (const auto& path : all.paths) {
    text += printable(path.role) + " " + path.server.to_string() + ": " + (path.is_open ? "" : "not open, ");
    if (path.rtt) text += "round trip " + in_seconds(*path.rtt) + ", ";
    text += traffic(path.wire) + "\n";
  }
  return text;
}

}  // namespace orrery::client
