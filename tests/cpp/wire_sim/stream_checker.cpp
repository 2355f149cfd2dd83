#include "wire_sim/stream_checker.h"

#include <algorithm>
#include <charconv>

namespace orrery::wire_sim {
namespace {

std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

std::string StreamChecker::make(char kind, std::uint64_t who, std::size_t n, std::size_t size) {
  std::string text = fmt::format("{}{}.{}:", kind, who, n);
  Chance filler(who * 1000003 + n);
  std::uint64_t word = 0;
  while (text.size() < size) {
    if (word == 0) word = filler.next();
    text.push_back(static_cast<char>('a' + word % 26));
    word /= 26;
  }
  return text;
}

std::optional<StreamChecker::Label> StreamChecker::label(char kind, const std::string& text) {
  const auto dot = text.find('.'), colon = text.find(':');
  if (text.empty() || text[0] != kind || dot == std::string::npos || colon == std::string::npos || dot > colon)
    return std::nullopt;
  Label out{};
  const char* begin = text.data();
  if (std::from_chars(begin + 1, begin + dot, out.who).ptr != begin + dot ||
      std::from_chars(begin + dot + 1, begin + colon, out.n).ptr != begin + colon)
    return std::nullopt;
  return out;
}

// Servers.

GenerationId StreamChecker::begin_generation(std::uint64_t server, const std::string& role, SessionId session) {
  Generation made;
  made.server = server;
  made.role = role;
  made.session = session;
  generations_.push_back(std::move(made));
  return generations_.size();
}

std::string StreamChecker::server_text(GenerationId generation, std::size_t size) const {
  return make('s', generation, generations_[generation - 1].said.size(), size);
}

void StreamChecker::server_said(GenerationId generation, const std::string& text) {
  generations_[generation - 1].said.push_back({hash_of(text), world_.now()});
}

void StreamChecker::server_heard(GenerationId id, SessionId session, const std::string& text) {
  ++heard_;
  Generation& generation = generations_[id - 1];
  const auto what = label('c', text);
  if (!what || !clients_.contains(what->who)) broken("a server heard what nobody said: " + text.substr(0, 40));
  Client& client = clients_.at(what->who);
  if (what->n >= client.said.size() || client.said[what->n].hash != hash_of(text))
    broken("a server heard other bytes than were said: " + text.substr(0, 40));
  if (!client.sessions.contains(session))
    broken(fmt::format("a server heard client {} in session {}, which is another's", what->who, session.value));
  // On a new connection it says again what was not answered; what is new follows what was said before.
  if (generation.last_from_client && what->n <= *generation.last_from_client)
    broken(fmt::format("message {} of client {} was heard twice or out of order, after {}", what->n, what->who,
                       *generation.last_from_client));
  const bool is_again = client.last_heard && what->n <= *client.last_heard;
  const std::size_t next = generation.last_from_client ? *generation.last_from_client + 1 : what->n;
  for (std::size_t n = next; n < what->n; ++n)
    if (!is_again && !client.firsts.contains(what->n) && (!client.last_heard || n > *client.last_heard))
      broken(fmt::format("message {} of client {} was heard, and {} before it on this connection was not", what->n,
                         what->who, n));
  generation.last_from_client = what->n;
  client.last_heard = std::max(client.last_heard.value_or(0), what->n);
}

void StreamChecker::server_heard_input(GenerationId id, SessionId, std::uint32_t sequence, std::int8_t x) {
  if (!generations_[id - 1].inputs.insert(sequence).second)
    broken(fmt::format("input {} was taken twice: a datagram had its effect again", sequence));
  if (x != movement(sequence)) broken(fmt::format("input {} has other bytes than were sent", sequence));
}

// Clients.

void StreamChecker::begin_client(std::uint64_t client) { clients_[client]; }

void StreamChecker::client_path(std::uint64_t id) {
  Client& client = clients_.at(id);
  client.firsts.insert(client.said.size());
}

std::string StreamChecker::client_text(std::uint64_t client, std::size_t size) const {
  return make('c', client, clients_.at(client).said.size(), size);
}

void StreamChecker::client_said(std::uint64_t client, const std::string& text) {
  clients_.at(client).said.push_back({hash_of(text), world_.now()});
}

void StreamChecker::client_heard(std::uint64_t id, const std::string& text) {
  ++heard_;
  const auto what = label('s', text);
  if (!what || what->who == 0 || what->who > generations_.size())
    broken("a client heard what no server said: " + text.substr(0, 40));
  Generation& generation = generations_[what->who - 1];
  if (what->n >= generation.said.size() || generation.said[what->n].hash != hash_of(text))
    broken("a client heard other bytes than were said: " + text.substr(0, 40));
  Client& client = clients_.at(id);
  if (generation.client.value_or(id) != id || (generation.session && !client.sessions.contains(generation.session)))
    broken(fmt::format("client {} heard what was said to another", id));
  generation.client = id;
  GenerationId& newest = client.hears[generation.role];
  // Of login servers it may have two at once: it looks for its session while the one that it logged in at goes on.
  if (what->who < newest && generation.role != "login")
    broken(fmt::format("client {} heard an earlier connection of the {} server", id, generation.role));
  newest = std::max(newest, what->who);
  if (what->n != generation.heard)
    broken(fmt::format("client {} heard message {} of the {} server where {} comes next: {}", id, what->n,
                       generation.role, generation.heard,
                       what->n < generation.heard ? "it was delivered twice" : "one is missing"));
  ++generation.heard;
}

void StreamChecker::client_heard_chat(std::uint64_t id, std::uint64_t channel, std::uint64_t number,
                                      const std::string& from, const std::string& text) {
  ++heard_;
  Client& client = clients_.at(id);
  const auto [last, is_first] = client.chat_numbers.try_emplace(channel, number);
  if (!is_first && number != last->second + 1)
    broken(fmt::format("client {} heard chat message {} of channel {} after {}", id, number, channel, last->second));
  last->second = number;
  const auto what = label('c', text);
  const auto speaker = what ? clients_.find(what->who) : clients_.end();
  if (speaker == clients_.end() || speaker->second.name != from || what->n >= speaker->second.said.size() ||
      speaker->second.said[what->n].hash != hash_of(text))
    broken(fmt::format("client {} heard in chat what {} never said", id, from));
}

std::string StreamChecker::unheard(std::uint64_t id, SessionId session, const std::set<std::uint64_t>& alive,
                                   Time before) const {
  const Client& client = clients_.at(id);
  std::map<std::string, const Generation*> newest;
  for (const Generation& generation : generations_) {
    if (generation.session == session) newest[generation.role] = &generation;
  }
  std::string words;
  for (const auto& [role, generation] : newest) {
    if (role == "login" || !alive.contains(generation->server)) continue;
    if (generation->heard < generation->said.size() && generation->said[generation->heard].at < before)
      words += fmt::format("message {} of the {} server; ", generation->heard, role);
    const std::size_t next = generation->last_from_client ? *generation->last_from_client + 1 : client.said.size();
    if (role == "chat" && next < client.said.size() && client.said[next].at < before && !client.firsts.contains(next))
      words += fmt::format("message {} of client {}; ", next, id);
  }
  return words;
}

}  // namespace orrery::wire_sim
