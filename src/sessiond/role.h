// What a role adds to a session server. Called by SessionHost; single-threaded; sans-IO like it.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "orrery.pb.h"
#include "sessiond/effects.h"
#include "wire/types.h"

namespace orrery::sessiond {

/// A session is to be the server's of another place.
struct HandOff {
  static constexpr std::size_t held_bytes_max = 16 * 1024;
  static constexpr std::size_t held_message_bytes = 48;  // each one's, beside what it says: it may say nothing
  std::string kind, key;
  Instant give_up_at{}, ask_at{};
  bool frozen = false;    // taken out of the role; `state` of the session is what it takes along
  bool asked = false;     // the database is, and has not answered
  bool waits = false;     // its target is not ready
  bool attached = false;  // its client has attached anew while it was frozen
  std::deque<std::pair<wire::Channel, Bytes>> held{};  // reliable messages that came while it was frozen
  std::size_t held_bytes = 0;                          // with held_message_bytes for each
  std::optional<std::uint64_t> lost_at_sync{};         // it is not here any more unless this server_sync says so
};

/// A session that this server owns, or that is attached to it.
struct Session {
  SessionId id;
  Epoch epoch;
  bool owner = true;  // false: an attachment
  AccountId account{};
  CharacterId character{};
  std::string name{};               // of the character
  std::string state = "{}";         // JSON text, as it arrived
  wire::ConnectionId connection{};  // 0: its client is not connected
  Instant attach_by{};              // an owned session whose client has not attached by then has lapsed
  Instant renew_after{};            // its token is not renewed before
  std::optional<HandOff> hand_off{};

  bool is_frozen() const { return hand_off && hand_off->frozen; }
};

class Role {
 public:
  virtual ~Role() = default;

  /// server_start_info was answered. The role calls SessionHost::role_ready when it can serve. An error ends the
  /// process.
  virtual Status on_started(const Json& info, Instant now) = 0;
  virtual void on_login_opened(const wire::LoginOpened&, Instant) {}
  /// A login connection's client closed it, or it lapsed.
  virtual void on_login_closed(wire::ConnectionId, wire::CloseReason, Instant) {}
  /// The client of `session` is connected, or connected anew.
  virtual void on_attached(Session&, Instant) {}
  /// Everything on channels game and chat, and of control what is not the host's. `session` null: a login connection.
  virtual void on_message(const wire::Message& message, Session* session, Instant now) = 0;
  /// The session left for a hand-off, and is back; connected as before.
  virtual void on_returned(Session& session, Instant now) { on_attached(session, now); }
  /// SessionHost::hand_off came to nothing: the session is here as before. `text` is for its player.
  virtual void on_hand_off_failed(Session&, const std::string& /*text*/, Instant) {}
  /// The database changed something in this server's world. May say again what the start info said.
  virtual void on_news(const Json& /*body*/, Instant) {}
  /// The session leaves, for whatever reason. JSON text of the state to keep with the character; nothing: none.
  virtual std::optional<std::string> leave(Session&, Instant) { return std::nullopt; }
  /// The database said that an owned session has ended or moved, or wants it back; the host has closed an attached
  /// client. `session` is gone after.
  virtual void on_taken_away(Session&, const std::string& /*reason*/, Instant) {}
  /// server_sync was answered; its sessions are taken care of.
  virtual void on_sync(const Json& /*answer*/, Instant) {}
  /// `{"tell":"ready"|"failed"|"released",…}` from the database.
  virtual void on_tell(const Json&, Instant) {}
  /// A session that is attached here is in other channels now, or in another place, without having arrived anew.
  virtual void on_changed(Session&, Instant) {}
  /// From another server, sealed for this one; a hint, which may be lost, late or repeated.
  virtual void on_link(const proto::LinkMessage&, Instant) {}
  virtual void on_hash_done(const HashDone&, Instant) {}
  /// Does what is due.
  virtual void advance(Instant) {}
  virtual std::optional<Instant> next_deadline() const { return std::nullopt; }
  /// One line of figures for the log, since the last call; may be empty.
  virtual std::string statistics() { return {}; }
};

}  // namespace orrery::sessiond
