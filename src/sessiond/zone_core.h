// Role zone: simulates a World at a fixed rate, takes players' inputs, sends each what it sees.
#pragma once

#include <memory>
#include <unordered_map>

#include "sessiond/role.h"
#include "sessiond/session_host.h"
#include "sessiond/visibility.h"
#include "space/world.h"

namespace orrery::sessiond {

// Layouts of docs/protocol.md, Game messages.
inline constexpr std::uint8_t game_input = 1;
inline constexpr std::uint8_t game_snapshot = 2;
inline constexpr std::size_t inputs_per_message_max = 3;
inline constexpr std::size_t snapshot_header_bytes = 1 + 4 + 4 + 2 + 4 + 2;
inline constexpr std::size_t snapshot_entity_bytes = 4 + 4 + 4 + 2 + 2 + 1;
/// A datagram less packet header 13, tag 16, flags and ack 11, frame header 4.
inline constexpr std::size_t snapshot_bytes_max = wire::datagram_bytes_max - 44;
inline constexpr std::size_t snapshot_entities_max =
    (snapshot_bytes_max - snapshot_header_bytes) / snapshot_entity_bytes;

class ZoneCore final : public Role {
 public:
  explicit ZoneCore(SessionHost& host) : host_(host) {}

  Status on_started(const Json& info, Instant now) override;
  void on_attached(Session& session, Instant now) override;
  void on_message(const wire::Message& message, Session* session, Instant now) override;
  std::optional<std::string> leave(Session& session, Instant now) override;
  void advance(Instant now) override;
  std::optional<Instant> next_deadline() const override { return next_tick_; }
  std::string statistics() override;

  std::uint32_t tick() const { return tick_; }
  std::uint64_t ticks_late() const { return ticks_late_; }

 private:
  struct Player {
    space::EntityId entity = 0;
    bool has_input = false;
    std::uint32_t last_input = 0;
    Instant last_input_at{};
  };
  void take_inputs(Player& player, ByteView bytes, Instant now);
  void send_snapshots(Instant now);

  SessionHost& host_;
  std::unique_ptr<space::World> world_;
  std::optional<Visibility> visibility_;
  std::unordered_map<SessionId, Player> players_;
  std::unordered_map<space::EntityId, std::uint32_t> index_of_;  // of entities of this tick
  Duration period_{};
  std::optional<Instant> next_tick_;
  std::uint32_t tick_ = 0;
  std::uint64_t ticks_late_ = 0, ticks_skipped_ = 0, inputs_malformed_ = 0;
};

}  // namespace orrery::sessiond
