// One simulated player: a client on a socket of its own, with what it does in play and how it comes back when refused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "client/client.h"
#include "client/udp_socket.h"
#include "errands.h"
#include "options.h"
#include "report.h"

namespace orrery::bots {

/// Single-threaded. The swarm calls run() when the socket is readable and when deadline() has come.
class Bot {
 public:
  enum class State { logging_in, waiting, playing, resting, ended };

  /// Begins to log in at the first run(). All references outlive the bot.
  Bot(const Options& options, unsigned number, client::UdpSocket socket, const Journal& journal, Report& report,
      Random& random, Instant now);

  /// Reads what came, acts, sends what is due.
  void run(Instant now);
  /// Where the login servers are now: of the bot in play. One that rests learns it from its options.
  void use(const client::ConnectString& connect);
  /// Logs out; ended within 1.5 s. run() must follow.
  void leave();

  const std::string& name() const { return name_; }
  State state() const { return state_; }
  /// Has been in play at least once.
  bool has_played() const { return has_played_; }
  int fd() const { return socket_.fd(); }
  /// When run() is due next; nothing when ended.
  std::optional<Instant> deadline() const;

 private:
  void begin(Instant now);
  void drain(Instant now);
  void act(Instant now);
  void on_snapshot(const client::Snapshot& snapshot, Instant now);
  void look_for_rock(const client::Snapshot& snapshot);
  void on_chat(const client::ChatShown& chat, Instant now);
  void tell_chat(Instant now);
  void on_refused(const client::LoginRefused& refused, Instant now);
  void on_logged_out(const client::LoggedOut& out, Instant now);
  void give_up(const std::string& why, Instant now);
  // Comes back after `wait`, unless it has done so too often.
  void rest(Duration wait, const std::string& why, Instant now);
  void steer(Instant now);

  const Options& options_;
  std::string name_;
  client::UdpSocket socket_;
  const Journal& journal_;
  Report& report_;
  Random& random_;

  State state_ = State::logging_in;
  std::unique_ptr<client::Client> client_;
  Instant began_at_{};
  bool is_leaving_ = false;
  bool has_played_ = false;
  unsigned retries_ = 0;
  std::optional<Instant> rests_until_;  // set: comes back then

  struct Position {
    double x_m, y_m;
  };
  std::optional<Position> home_, at_;  // where it came into play, where it is
  std::optional<Position> rock_;       // the nearest asteroid
  bool is_alone_ = false;
  double moved_m_ = 0;
  std::int8_t heading_x_ = 0, heading_y_ = 0;
  Instant turns_at_{}, moves_at_{}, speaks_at_{}, tells_sight_at_{};
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
