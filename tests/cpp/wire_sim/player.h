// Somebody who plays: a real client::Client in a process that may die, at an address that may change, and what he does
// with it: logs in by password or the key of his device, chooses his character, moves, chats, leaves, comes back, takes
// his session up again with its token, and waits when he is told to.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "client/client.h"
#include "wire_sim/server_process.h"

namespace orrery::wire_sim {

class Player {
 public:
  Player(Surroundings& around, std::string name, std::string password, Address address);
  ~Player();

  // What he wants; a rival does not come back when he was refused.
  void want(bool in_play);
  bool wants() const { return wants_; }
  void set_rival() { is_rival_ = true; }

  /// His process dies without a word.
  void kill();
  /// His address is another from now on.
  void rebind(const Address& address);
  void freeze(Duration how_long);

  const std::string& name() const { return name_; }
  const Address& address() const { return address_; }
  /// Number of his process; 0: none.
  std::uint64_t process() const;
  SessionId session() const { return session_; }
  bool is_in_play() const { return in_play_ && !is_dropped_; }
  Time snapshot_at() const { return snapshot_at_; }
  Time in_play_since() const { return in_play_since_; }
  /// When he gave the first of those orders that he waits for.
  Time oldest_order() const;
  /// Those that he was told are done have been carried out once, no other twice.
  void check_orders() const;
  /// What he was told last why he is not in play.
  const std::string& told() const { return told_; }

 private:
  class ClientProcess;
  void begin();
  void begin_in(Duration wait);
  void on_event(const client::Event& event);
  void is_out(const std::string& why, Duration again_in);
  void select_in(Duration wait);
  void other_port();
  void move();
  void chat();
  /// What is to last: it is carried out once, as soon as he is told so, and not at all when he is refused.
  void order();
  void answered(const client::CommandDone& done);
  /// Calls `what` then, if his process is still this one.
  void in(Duration wait, std::function<void()> what);

  Surroundings& around_;
  std::string name_, password_;
  Address address_;
  bool wants_ = false, is_rival_ = false;
  std::shared_ptr<ClientProcess> process_;
  std::uint64_t begins_ = 0;
  SessionId session_;
  std::uint64_t character_ = 0;
  std::optional<client::Token> token_;  // written down while he plays
  std::optional<client::DeviceKey> device_;
  bool in_play_ = false, is_dropped_ = false;
  Time snapshot_at_{}, in_play_since_{};
  std::uint32_t moves_ = 0;
  struct Order {
    std::uint64_t number;
    Time at;
  };
  std::map<std::uint64_t, Order> waiting_;  // by the id that his client gave
  std::map<std::uint64_t, bool> orders_;    // all of his: was he told that it is done?
  bool at_station_ = false;
  std::string told_;
};

}  // namespace orrery::wire_sim
