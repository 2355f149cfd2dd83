// Role zone: simulates a World at a fixed rate, takes players' inputs, sends each what it sees. A tick's snapshots are
// sent in slices spread over the tick, so that what comes in meanwhile does not wait for all of them.
#pragma once

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

class ZoneCore final : public Role {
 public:
  explicit ZoneCore(SessionHost& host) : host_(host) {}

  Status on_started(const Json& info, Instant now) override;
  void on_attached(Session& session, Instant now) override;
  void on_message(const wire::Message& message, Session* session, Instant now) override;
  std::optional<std::string> leave(Session& session, Instant now) override;
  void advance(Instant now) override;
  std::optional<Instant> next_deadline() const override;
  std::string statistics() override;

  std::uint32_t tick() const { return tick_; }
  /// Ticks that began more than a quarter of a tick after their time.
  std::uint64_t ticks_late() const { return ticks_late_; }
  std::uint64_t snapshots() const { return snapshots_; }
  std::uint64_t inputs() const { return inputs_; }

 private:
  struct Player {
    SessionId session;
    wire::ConnectionId connection{};  // of the client that attached last
    space::EntityId entity = 0;
    std::size_t slice = 0;
    bool has_input = false;
    std::uint32_t last_input = 0;
    Instant last_input_at{};
    std::optional<std::uint32_t> look_at{};  // the tick; nothing: at once
    Spectator spectator{};
  };
  void take_inputs(Player& player, ByteView bytes, Instant now);
  void step(Instant now);
  void watch_lateness();
  void send_slices(Instant now);
  void send_snapshot(Player& player, Instant now);

  SessionHost& host_;
  std::unique_ptr<space::World> world_;
  std::size_t visible_ = 0;
  std::size_t budget_bytes_ = 0;  // of one snapshot
  std::optional<EntityTable> table_;
  std::optional<Visibility> visibility_;
  std::unordered_map<SessionId, Player> players_;
  std::vector<std::vector<Player*>> slices_;
  Duration period_{}, slice_period_{};
  std::optional<Instant> next_tick_, next_slice_;
  std::size_t slice_ = 0;  // the next to be sent
  std::uint32_t tick_ = 0;
  std::uint64_t ticks_late_ = 0, ticks_skipped_ = 0, slices_skipped_ = 0;
  std::uint64_t snapshots_ = 0, inputs_ = 0, inputs_malformed_ = 0;
  struct Window {  // ticks that are judged together
    std::uint32_t ticks = 0, late = 0;
  } window_;
  bool said_late_ = false;
};

}  // namespace orrery::sessiond
