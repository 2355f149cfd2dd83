#include <array>

#include "client/client.h"

namespace orrery::client {

const char* explain(std::string_view reason) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 21> sentences{{
      {"logout", "You have logged out."},
      {"shutdown", "The cluster or its server was shut down; log in again when it is up."},
      {"superseded", "The account logged in somewhere else; log in again to take it back."},
      {"kicked", "An operator of the cluster ended the session; ask them why, or log in again."},
      {"banned", "The account is banned; ask the operators of the cluster."},
      {"lapse", "The session's server was not heard of for too long; check the network and log in again."},
      {"token expired", "The session was open for too long without renewal; log in again."},
      {"login_timeout", "The login took too long; log in again."},
      {"login not finished", "The login was not finished in time; log in again."},
      {"unknown", "The session is over, or never was; log in again."},
      {"unreachable", "No login server answered; check the network, and the connect string with whoever gave it."},
      {"protocol", "Client and server do not understand each other; check that both are of the same version."},
      {"credentials", "Name and password, code or device key do not fit; check them, or ask for a one-time code."},
      {"busy", "The servers have too much to do; try again in a moment."},
      {"limited", "There were too many attempts from this address or for this account; wait, and try again."},
      {"in_play", "The account is in play already; log out there, or wait a moment."},
      {"no_character", "The account has no such character; choose another, or have one created."},
      {"no_server", "The character's place has no server now; try again later."},
      {"refused", "The server refused the connection; try again later."},
      {"moved", "The session moved to another server, which could not be found; log in again."},
      {"ended", "The session was ended; log in again."},
  }};
  // "kicked" and "banned" may be followed by more words.
  for (const auto& [name, sentence] : sentences)
    if (reason.starts_with(name) &&
        (reason.size() == name.size() || reason[name.size()] == ':' || reason[name.size()] == ' '))
      return sentence;
  return "The server ended the session; log in again.";
}

}  // namespace orrery::client
