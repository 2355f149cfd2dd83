// What a zone simulates. The only interface between orrery-sessiond and a game: a studio replaces what stands behind
// World::make. Single-threaded; reads no clock and does no I/O. The same seed, calls and order give the same world.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace orrery::space {

/// An entity's number within one world; never 0, never used again.
using EntityId = std::uint32_t;

/// What others see of an entity. Positions in centimetres from the world's corner, velocities in centimetres a second.
struct EntityView {
  EntityId id = 0;
  std::int32_t x_cm = 0;
  std::int32_t y_cm = 0;
  std::int16_t vx_cm_s = 0;
  std::int16_t vy_cm_s = 0;
  std::uint8_t kind = 0;
  std::uint8_t state = 0;  // what else is shown of it: for ships hit points
};

// What a player's command comes to. Texts named JSON are objects.
struct Done {
  std::string result;  // JSON
};
struct Refused {
  std::string text;  // for the player
};
/// The player's session is to be handed to another place; leave() follows.
struct Travel {
  std::string kind, key;
};
/// To be run by the database, once, whatever fails; settled() follows, unless the player has left before.
struct Durable {
  std::string name;
  std::string args;  // JSON
};
using Outcome = std::variant<Done, Refused, Travel, Durable>;

/// What the player of an entity is told.
struct Event {
  EntityId entity = 0;
  std::string body;  // JSON
};
/// What the world itself wants to last, in the name of an entity's player.
struct Wish {
  EntityId entity = 0;
  Durable what;
};

class World {
 public:
  virtual ~World() = default;

  /// `json`: what the kind's world function gave (a JSON object; `size_m` is the side of the square), with the server's
  /// `kind` and `key`. `saved`: what a predecessor's save() gave; anything else is as if there were none. `seed`
  /// decides all that is random. An Error when the JSON is no object or a member is out of range.
  static Result<std::unique_ptr<World>> make(std::string_view json, std::string_view saved, std::uint64_t seed);
  /// JSON text from which the next server under this key begins.
  virtual std::string save() const = 0;

  /// Brings a player's entity in. `saved_state`: JSON text as state() or leave() gave it; anything else is as if there
  /// were none.
  virtual EntityId enter(SessionId session, std::string_view name, std::string_view saved_state) = 0;
  /// JSON text to be kept with the character; "{}" for an entity that is not there.
  virtual std::string state(EntityId entity) const = 0;
  /// Takes it out; its last state().
  virtual std::string leave(EntityId entity) = 0;
  /// What the player wants from now on: direction -127..127 on each axis. Ignored for an entity that is not there.
  virtual void input(EntityId entity, std::int8_t move_x, std::int8_t move_y, std::uint8_t buttons) = 0;
  /// `args`: JSON text of an object, from a client.
  virtual Outcome command(EntityId entity, std::string_view name, std::string_view args) = 0;
  /// A Durable was run: `result`, JSON text; nothing: it was refused and did nothing. Also of wishes.
  virtual void settled(EntityId entity, const Durable& what, std::optional<std::string_view> result) = 0;
  /// The database changed something: JSON text. May say again what is known.
  virtual void news(std::string_view body) = 0;
  /// Moves everything on by `dt`.
  virtual void step(Duration dt) = 0;

  // Since the last call; none is left.
  virtual bool poll_event(Event& event) = 0;
  virtual bool poll_wish(Wish& wish) = 0;

  /// All entities, in no order; borrowed until the next call that is not const.
  virtual std::span<const EntityView> entities() const = 0;
  /// Side of the square in which entities are, in centimetres.
  virtual std::int32_t size_cm() const = 0;
};

}  // namespace orrery::space
