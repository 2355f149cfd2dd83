// A game client, sans-IO: logs in, selects a character, follows redirects, keeps its attachments, comes back after a
// drop, says what happened. Single-threaded; the owner moves datagrams (client/udp_client.h is one that does) and hands
// in time. Whatever servers send, what it holds and dials stays bounded, and it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "client/connect_string.h"
#include "client/secrets.h"
#include "wire/types.h"

namespace orrery::client {

/// Exactly one of password, device and one_time_code with password.
struct Credentials {
  std::string name;
  std::string password{};
  std::string one_time_code{};  // set: `password` becomes the account's password
  std::optional<DeviceKey> device{};
};

struct Options {
  /// How often a login that finds its servers busy, limited or silent is begun again by itself, after what the server
  /// said (or 2 s, doubling). 0: the first refusal is the end.
  unsigned retries = 0;
  /// A refusal that asks for a longer wait is the end.
  Duration retry_wait_max = std::chrono::seconds{60};
  /// After a drop: how long it looks for the session before it gives up.
  Duration resume_for = std::chrono::seconds{60};
};

struct CharacterInfo {
  std::uint64_t character_id;
  std::string name, kind, key, details_json;
};

// What happened, one by one, through poll_event.

struct LoggedIn {
  SessionId session;
  std::vector<CharacterInfo> characters;
};
// Before LoggedIn it is the end (a new Client may try again); after it, of a selection: LoggedOut follows. `reason`:
// credentials, busy, limited, banned, in_play, no_character, no_server, unknown. `hint`: explain(reason).
struct LoginRefused {
  std::string reason, text;
  Duration retry_after;
  std::string hint{};
};
// The login is begun again by itself `after` that time.
struct LoginRetried {
  std::string reason, text;
  Duration after;
};
struct WaitingForServer {
  std::string text;
};
// Keep the key where only the player reads it: it logs in without a password.
struct DeviceEnrolled {
  std::string name;
  DeviceKey key;
};
struct DeviceRevoked {
  Key32 public_key;
};
// Of enrol_device or revoke_device; the login goes on.
struct DeviceRefused {
  std::string reason, text;
};
// Attached to the owner ("owner") or to an attachment ("chat").
struct Entered {
  std::string role, kind, key;
  ServerId server;
};
// The owner has been silent for `silence`, or cannot be reached: the client looks for its session. Resumed or LoggedOut
// follows.
struct Dropped {
  Duration silence;
};
// In play again, after `gap` without the owner. Entered comes before it when the owner is another one.
struct Resumed {
  Duration gap;
};
// Each notice once, whichever ways it came by. `kind`: warning, countdown, cancelled, other.
struct NoticeShown {
  std::string kind;
  std::uint32_t seconds_left;
  std::string text;
};
// Texts are as the server sent them: who shows them in a terminal takes out control characters. `kind`: cluster, space,
// created, direct (what is said directly to the player, and by him).
struct ChatChannel {
  std::uint64_t channel;
  std::string kind, name;
};
// All that the player is in, in place of those before.
struct ChatChannels {
  std::vector<ChatChannel> channels;
};
// Numbers grow by one in each channel; each is shown once, whatever drops; what is not shown is told by ChatSkipped.
struct ChatShown {
  std::uint64_t number;
  std::string from, text;
  std::uint64_t channel = 0;
  std::string kind{}, to{};  // of the channel; `to`: of what is said directly
};
struct ChatSkipped {
  std::uint64_t channel, first, last;  // numbers
};
// What was asked for came to nothing. `said`: the text, of a message; a message that is refused as "away" may be shown
// yet. `reason`: limited, away, muted, no_channel, no_character, malformed, exists, banned, full, unknown.
struct ChatRefused {
  std::string reason, text, said;
};
// Somebody came to a channel of a space or that players made, or went; for show: not each is told, some are told twice.
struct ChatPresence {
  std::uint64_t channel;
  std::string name;
  bool is_here;
};
inline constexpr std::uint8_t kind_ship = 1, kind_asteroid = 2, kind_junk = 3;
struct Entity {
  std::uint32_t entity;
  std::int32_t x_cm, y_cm;
  std::int16_t vx_cm_s, vy_cm_s;
  std::uint8_t kind, state;
};
// All that is in sight, oneself first; each as it was told last.
struct Snapshot {
  std::uint32_t tick, last_input, self;
  std::vector<Entity> entities;
};
// Of a command: what came of it, or, not ok, {"text"} for the player: then it did nothing.
struct CommandDone {
  std::uint64_t id;
  bool ok;
  std::string json;
};
// What happened to the player: a JSON object of the game's.
struct GameEvent {
  std::string json;
};
// The end. `reason`: what the server said (logout, shutdown, superseded, kicked, banned, token expired, …), "lapse"
// (the session's server was not found again), "unreachable" (no login server answered), "protocol" (the server sent
// what makes no sense), "unknown" (the session of a token is over), "logout" (asked for). `hint`: explain(reason).
struct LoggedOut {
  std::string reason, text, hint{};
};
using Event = std::variant<LoggedIn, LoginRefused, LoginRetried, WaitingForServer, DeviceEnrolled, DeviceRevoked,
                           DeviceRefused, Entered, Dropped, Resumed, NoticeShown, ChatChannels, ChatShown, ChatSkipped,
                           ChatRefused, ChatPresence, Snapshot, CommandDone, GameEvent, LoggedOut>;

/// What a reason of LoggedOut or LoginRefused means and what to do about it: one sentence for the player.
const char* explain(std::string_view reason);

/// What a client has done so far.
struct Statistics {
  struct Path {
    std::string role;  // login, resolve, owner, chat, …
    Address server;
    bool is_open;
    std::optional<Duration> rtt;
    wire::Statistics wire;
  };
  std::vector<Path> paths;  // connections in use now
  wire::Statistics wire;    // of all connections since the start
  std::uint64_t logins = 0, login_retries = 0, drops = 0, resumes = 0, resolves = 0, tokens_renewed = 0;
  std::uint64_t redirects_followed = 0, redirects_ignored = 0;  // targets; ignored: known, older, or too many
  std::uint64_t commands = 0, commands_sent_again = 0;
  std::uint64_t events_lost = 0;        // beyond what waits for poll_event at most
  Duration gap_total{}, gap_longest{};  // of all resumes
};

class Client {
 public:
  /// `random` must outlive the client.
  Client(ConnectString connect, Credentials credentials, Random& random, Instant now, Options options = {});
  /// Takes up the session of a token, in this process or another: Entered follows, without LoggedIn. Also while
  /// another client still has it: that one then hears nothing any more.
  Client(ConnectString connect, const Token& token, Random& random, Instant now, Options options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Of LoggedIn's; without effect before it.
  void select_character(std::uint64_t character_id);
  /// Between LoggedIn and the selection: makes a key pair for this device, whose account it then logs in. `name` is
  /// what the player calls the device. DeviceEnrolled or DeviceRefused follows. Error ENOTCONN at any other time.
  Status enrol_device(const std::string& name);
  /// Likewise; DeviceRevoked or DeviceRefused follows.
  Status revoke_device(const Key32& public_key);
  /// Direction of movement, each -127..127; sent with the last two before it.
  void move(std::int8_t x, std::int8_t y, std::uint8_t buttons);
  /// Orders something of the game, `args` a JSON object or nothing: CommandDone with this id follows once, whatever
  /// servers die meanwhile; what is to last is done once. Commands run in their order. Errors EINVAL, ENOBUFS (16
  /// wait).
  Result<std::uint64_t> command(std::string_view name, std::string_view args = {});
  /// To the cluster's channel. Fails while no chat server is attached, and while 16 are not answered; what was taken is
  /// said once, whatever drops: ChatShown or ChatRefused follows.
  Status chat(const std::string& text);
  /// Likewise, to a channel of ChatChannels, or directly to a character.
  Status chat_in(std::uint64_t channel, const std::string& text);
  Status chat_to(const std::string& character, const std::string& text);
  /// Into a channel that players made, or to make one; ChatChannels or ChatRefused follows.
  Status join_channel(const std::string& name, bool create = false);
  Status leave_channel(std::uint64_t channel);
  /// Asks the server to end the session; LoggedOut follows within a second, confirmed or not.
  void logout();
  /// The last event has been queued and every goodbye is sent: nothing more will be sent or told.
  bool is_finished() const;

  /// What takes up this session later or elsewhere; nothing before LoggedIn and after the end. It renews itself at half
  /// of its life, for as long as the client runs.
  std::optional<Token> token() const;
  Statistics statistics() const;
  /// Where the login servers are now, with names resolved; asked from the next attempt on, at once while the session is
  /// looked for. Error EINVAL when it is of another cluster or names no address.
  Status use(ConnectString connect);

  // After each call above and below, and at next_deadline(): poll_transmit until false, poll_event until false.

  void on_datagram(const wire::Datagram& datagram, Instant now);
  /// The system says that it cannot send to `server` now: a login server that has not answered is left for the next.
  void on_unreachable(const Address& server, Instant now);
  bool poll_transmit(wire::Slot& slot, Instant now);
  bool poll_event(Event& event);
  /// True once each time when the owner has not answered for about a second: another local port or address may get
  /// through (the connection migrates by itself); a hint to the one who has the socket.
  bool poll_rebind();
  std::optional<Instant> next_deadline() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery::client
