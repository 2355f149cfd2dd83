// Role zone: simulates a World at a fixed rate, takes players' inputs and commands, sends each what it sees. A tick's
// snapshots are sent in slices spread over the tick, so that what comes in meanwhile does not wait for all of them.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "sessiond/role.h"
#include "sessiond/session_host.h"
#include "sessiond/snapshot.h"
#include "sessiond/visibility.h"
#include "space/world.h"

namespace orrery::sessiond {

// Layouts of docs/protocol.md, Game messages.
inline constexpr std::uint8_t game_input = 1;
inline constexpr std::size_t inputs_per_message_max = 3;
inline constexpr std::uint8_t game_command = 3;
inline constexpr std::uint8_t game_result = 4;
inline constexpr std::uint8_t game_event = 5;
inline constexpr std::size_t command_name_max = 32;
inline constexpr std::size_t command_args_bytes_max = 4096;
inline constexpr int command_args_depth_max = 16;
inline constexpr std::size_t commands_waiting_max = 16;

class ZoneCore final : public Role {
 public:
  explicit ZoneCore(SessionHost& host);

  Status on_started(const Json& info, Instant now) override;
  void on_attached(Session& session, Instant now) override;
  void on_message(const wire::Message& message, Session* session, Instant now) override;
  std::optional<std::string> leave(Session& session, Instant now) override;
  void on_hand_off_failed(Session& session, const std::string& text, Instant now) override;
  void on_news(const Json& body, Instant now) override;
  void advance(Instant now) override;
  std::optional<Instant> next_deadline() const override;
  std::string statistics() override;

  std::uint32_t tick() const { return tick_; }
  /// Ticks that began more than a quarter of a tick after their time.
  std::uint64_t ticks_late() const { return ticks_late_; }
  std::uint64_t snapshots() const { return snapshots_; }
  std::uint64_t inputs() const { return inputs_; }

 private:
  struct Command {
    std::uint64_t id = 0;
    std::string name, args;
    bool is_wish = false;  // the world's: nobody is told its result
  };
  struct Asked {  // of the database
    std::uint64_t id = 0;
    space::Durable what;
    bool is_wish = false;
  };
  struct Answered {
    std::uint64_t id = 0;
    bool ok = false;
    std::string text;  // JSON
  };
  struct CommandQueue {
    std::vector<Command> waiting{};  // in their order
    std::optional<Asked> asked{};
    std::vector<Answered> answered{};  // the last ones, for who asks again
  };
  struct Player {
    SessionId session;
    wire::ConnectionId connection{};  // of the client that attached last
    space::EntityId entity = 0;
    std::size_t slice = 0;
    bool has_input = false;
    std::uint32_t last_input = 0;
    Instant last_input_at{};
    std::optional<std::uint32_t> look_at{};   // the tick; nothing: at once
    std::optional<std::uint32_t> shown_at{};  // the tick of the last snapshot
    Spectator spectator{};
    CommandQueue commands{};
  };
  void take_inputs(Player& player, ByteView bytes, Instant now);
  void step(Instant now);
  void survey();
  void show_arrived(Instant now);
  void watch_lateness();
  void send_slices(Instant now);
  void send_snapshot(Player& player, Instant now);

  // zone_core_commands.cpp
  void take_command(Player& player, ByteView bytes, Instant now);
  void take_up_commands(Player& player, const Session& session, Instant now);
  void run_commands(Player& player, Instant now);
  bool travel(Player& player, std::uint64_t command, const space::Travel& where, Instant now);
  void ask(Player& player);
  void ask_again(Instant now);
  void on_asked(SessionId session, std::uint64_t command, const Result<Json>& answer, Instant now);
  void answer(Player& player, std::uint64_t command, bool ok, std::string text);
  void send_result(const Player& player, const Answered& answered);
  void tell_what_happened(Instant now);
  void save(Instant now);

  SessionHost& host_;
  std::unique_ptr<space::World> world_;
  std::size_t visible_ = 0;
  std::size_t budget_bytes_ = 0;  // of one snapshot
  std::optional<EntityTable> table_;
  std::optional<Visibility> visibility_;
  std::unordered_map<SessionId, Player> players_;
  std::vector<SessionId> arrived_;  // since the last advance()
  std::vector<std::vector<Player*>> slices_;
  std::unordered_map<space::EntityId, Player*> player_of_;
  CallBatch commands_;
  struct Again {
    Instant at;
    SessionId session;
    std::uint64_t command;
  };
  std::deque<Again> again_;     // durable ones whose answer was lost
  struct Travelling {           // of a session that is being handed over
    std::uint64_t command = 0;  // by which it is; 0: by none of the client's
    CommandQueue commands{};    // while it is frozen: what it goes on with should it stay
  };
  std::unordered_map<SessionId, Travelling> travels_;
  Duration save_each_{};  // 0: never
  std::optional<Instant> save_at_;
  bool saving_ = false;
  bool save_world_ = false;         // with the next call
  std::vector<SessionId> to_save_;  // of the round under way
  Duration period_{}, slice_period_{};
  std::optional<Instant> next_tick_, next_slice_;
  std::size_t slice_ = 0;  // the next to be sent
  std::uint32_t tick_ = 0;
  std::uint64_t ticks_late_ = 0, ticks_skipped_ = 0, slices_skipped_ = 0;
  std::uint64_t snapshots_ = 0, inputs_ = 0, inputs_malformed_ = 0;
  std::uint64_t commands_taken_ = 0, commands_malformed_ = 0, saves_ = 0;
  struct Window {  // ticks that are judged together
    std::uint32_t ticks = 0, late = 0;
  } window_;
  bool said_late_ = false;
};

}  // namespace orrery::sessiond
