// What must hold of messages, end to end: what an application says on a connection is heard by the other once, in
// order, unaltered, without a gap, by nobody else; and nothing is heard that was not said. Texts carry what is needed
// to judge:
//
//   s<generation>.<n>:…   a server said it, the n-th on that connection of its (a generation: from one attach to the
//   next) c<process>.<n>:…      a client process said it, the n-th of its
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "wire_sim/world.h"

namespace orrery::wire_sim {

using GenerationId = std::uint64_t;

class StreamChecker {
 public:
  explicit StreamChecker(World& world) : world_(world) {}

  // Servers. `session` 0: a login connection.
  GenerationId begin_generation(std::uint64_t server, const std::string& role, SessionId session);
  /// The text of the next message that a server says there; the filler makes it about `size` long.
  std::string server_text(GenerationId generation, std::size_t size) const;
  void server_said(GenerationId generation, const std::string& text);
  void server_heard(GenerationId generation, SessionId session, const std::string& text);
  /// An input of the session's client, by the newest sequence in it and its first byte of movement.
  void server_heard_input(GenerationId generation, SessionId session, std::uint32_t sequence, std::int8_t x);

  // Clients.
  void begin_client(std::uint64_t client);
  void client_in_session(std::uint64_t client, SessionId session) { clients_.at(client).sessions.insert(session); }
  /// From now on what it says goes by another connection.
  void client_path(std::uint64_t client);
  std::string client_text(std::uint64_t client, std::size_t size) const;
  void client_said(std::uint64_t client, const std::string& text);
  void client_heard(std::uint64_t client, const std::string& text);
  /// What chat tells all of one who said it; `number` counts in the channel, whatever server tells it.
  void client_heard_chat(std::uint64_t client, std::uint64_t channel, std::uint64_t number, const std::string& from,
                         const std::string& text);
  void client_skipped_chat(std::uint64_t client, std::uint64_t channel, std::uint64_t last) {
    clients_.at(client).chat_numbers[channel] = last;
  }
  void name_client(std::uint64_t client, const std::string& name) { clients_.at(client).name = name; }
  static std::int8_t movement(std::uint32_t sequence) { return static_cast<std::int8_t>(sequence * 37 % 255 - 127); }

  /// What was said before `before` on the newest connections of the session's client with servers that are `alive`, and
  /// has not been heard; in words.
  std::string unheard(std::uint64_t client, SessionId session, const std::set<std::uint64_t>& alive, Time before) const;
  std::uint64_t heard() const { return heard_; }

 private:
  struct Said {
    std::uint64_t hash;
    Time at;
  };
  struct Generation {
    std::uint64_t server = 0;
    std::string role;
    SessionId session;
    std::vector<Said> said;
    std::size_t heard = 0;                        // by the client, from the first on
    std::optional<std::uint64_t> client;          // who heard
    std::optional<std::size_t> last_from_client;  // the number of what it said
    std::set<std::uint32_t> inputs;
  };
  struct Client {
    std::string name;
    std::set<SessionId> sessions;
    std::vector<Said> said;
    std::set<std::size_t> firsts{0};                      // of a connection
    std::optional<std::size_t> last_heard;                // the most of what it said
    std::map<std::string, GenerationId> hears;            // role → newest generation
    std::map<std::uint64_t, std::uint64_t> chat_numbers;  // the last heard, by channel
  };
  struct Label {
    std::uint64_t who;
    std::size_t n;
  };
  [[noreturn]] static void broken(const std::string& what) { throw Broken{what}; }
  static std::optional<Label> label(char kind, const std::string& text);
  static std::string make(char kind, std::uint64_t who, std::size_t n, std::size_t size);

  World& world_;
  std::vector<Generation> generations_;  // by id - 1
  std::map<std::uint64_t, Client> clients_;
  std::uint64_t heard_ = 0;
};

}  // namespace orrery::wire_sim
