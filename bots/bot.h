// One simulated player: a client, with what it does in play and how it comes back when refused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "client/client.h"
#include "errands.h"
#include "network.h"
#include "options.h"
#include "report.h"

namespace orrery::bots {

/// Single-threaded. The swarm calls run() after datagrams and when deadline() has come.
class Bot {
 public:
  enum class State { logging_in, waiting, playing, resting, away, ended };

  /// Begins to log in at the first run(). All references outlive the bot.
  /// `seat`: its own in `network`, open.
  Bot(const Options& options, std::size_t seat, Network& network, const Journal& journal, Report& report,
      Random& random, Instant now);

  void on_datagram(const wire::Datagram& datagram, Instant now);
  /// Acts, and sends what is due.
  void run(Instant now);
  /// Where the login servers are now: of the bot in play. One that rests learns it from its options.
  void use(const client::ConnectString& connect);
  /// Logs out; ended within 1.5 s. run() must follow.
  void leave();

  const std::string& name() const { return name_; }
  State state() const { return state_; }
  /// Has been in play at least once.
  bool has_played() const { return has_played_; }
  /// When run() is due next; nothing when ended.
  std::optional<Instant> deadline() const;
  /// Of all its connections so far.
  Traffic traffic() const;

 private:
  void begin(Instant now);
  void come_back(Instant now);
  void vanish(Instant now);
  void forget_play();
  void drain(Instant now);
  void act(Instant now);
  void on_snapshot(const client::Snapshot& snapshot, Instant now);
  void look_for_rock(const client::Snapshot& snapshot);
  void look_for_prey(const client::Snapshot& snapshot);
  void on_game_event(const std::string& json, Instant now);
  void on_chat(const client::ChatShown& chat, Instant now);
  void tell_chat(Instant now);
  void on_refused(const client::LoginRefused& refused, Instant now);
  void on_logged_out(const client::LoggedOut& out, Instant now);
  void give_up(const std::string& why, Instant now);
  // Comes back after `wait`, unless it has done so too often.
  void rest(Duration wait, const std::string& why, Instant now);
  void steer(Instant now);

  const Options& options_;
  const Behaviours does_;
  std::string name_;
  std::size_t seat_;
  Network& network_;
  const Journal& journal_;
  Report& report_;
  Random& random_;

  State state_ = State::logging_in;
  std::unique_ptr<client::Client> client_;
  Traffic traffic_before_;  // of the clients before this one
  Instant began_at_{};
  bool is_leaving_ = false;
  bool has_played_ = false;
  unsigned retries_ = 0;
  std::optional<Instant> rests_until_;  // set: comes back then
  // Of one that has dropped out: whether it kept its token, and since when it tries to be back.
  std::optional<client::Token> token_;
  std::optional<Instant> returns_since_;

  struct Position {
    double x_m, y_m;
  };
  std::optional<Position> home_, at_;  // where it came into play, where it is
  std::optional<Position> rock_;       // the nearest asteroid
  std::optional<Position> prey_;       // the nearest ship
  std::uint32_t self_ = 0;             // the entity that it is
  bool is_alone_ = false;
  double moved_m_ = 0;
  std::int8_t heading_x_ = 0, heading_y_ = 0;
  Instant turns_at_{}, moves_at_{}, speaks_at_{}, tells_sight_at_{}, vanishes_at_{};
  Errands errands_;
  std::optional<Instant> left_at_;  // the last snapshot of the place that it travels from
  std::optional<Instant> saw_at_;   // the last snapshot since it came into play
  Duration blind_{};                // the longest wait for one, since the last was told
  std::uint64_t chat_said_ = 0, chat_heard_ = 0, chat_told_ = 0;
  client::ChatShown chat_last_{};
  std::map<std::uint64_t, std::uint64_t> chat_numbers_;  // the highest heard, by channel
  std::optional<std::uint64_t> space_channel_;           // where it is
  Instant tells_chat_at_{};
};

}  // namespace orrery::bots
