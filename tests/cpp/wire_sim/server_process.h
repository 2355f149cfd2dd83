// A real session server: SessionHost with its role, between the network, the database and the checkers.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "sessiond/role.h"
#include "sessiond/session_host.h"
#include "wire_sim/database.h"
#include "wire_sim/network.h"
#include "wire_sim/process.h"
#include "wire_sim/surroundings.h"

namespace orrery::wire_sim {

class ServerProcess final : public Process {
 public:
  ServerProcess(Surroundings& around, ServerId id);
  ~ServerProcess() override;
  void begin();

  ServerId id() const { return id_; }
  Epoch epoch() const { return host_.config().epoch; }
  const std::string& role() const { return host_.config().role; }
  const Address& address() const { return address_; }
  const sessiond::SessionHost& host() const { return host_; }
  sessiond::SessionHost& host() { return host_; }
  bool has_exited() const { return exit_code_.has_value(); }
  bool has_database() const { return database_up_; }
  Time database_since() const { return database_since_; }
  /// Datagrams that its host was given since it had an endpoint, and that it sent.
  std::uint64_t datagrams_in() const { return datagrams_in_; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t datagrams_out() const { return datagrams_out_; }
  std::uint64_t bytes_out() const { return bytes_out_; }

  /// Its connection to the database comes or goes. What is under way then is lost, or only its answer is.
  void database(bool up);
  /// How long a call takes.
  void set_database_delay(Duration longest) { database_delay_ = longest; }
  void agent_message(Json message);
  void terminate();
  /// One of the players in its world goes to another place.
  SessionId travel(std::size_t which, const std::string& kind, const std::string& key);
  /// Says something of `size` to one of its clients.
  void say(std::size_t which, std::size_t size);

 private:
  class ObservedRole;
  struct PendingCall {
    sessiond::DatabaseCall call;
    Time give_up;
  };

  void work() override;
  std::optional<Instant> next_deadline() const override { return host_.next_deadline(); }
  void take_waiting();
  void note_steps(const sessiond::DatabaseRequest& request);
  void carry_out(sessiond::Effect& effect);
  void ask(PendingCall pending);
  void answer(sessiond::CallId id, Result<Json> result);
  void send(const wire::Slot& slot);

  Surroundings& around_;
  ServerId id_;
  Address address_, private_address_;
  sessiond::SessionHost host_;
  std::unique_ptr<sessiond::Role> role_;
  std::unique_ptr<ObservedRole> observed_;
  std::optional<int> exit_code_;
  std::set<SessionId> travelling_;  // those that were sent off, as long as they are here

  // What came while it was frozen, in order.
  std::deque<Arrived> datagrams_, private_datagrams_;
  std::deque<Json> agent_messages_;
  std::deque<std::pair<sessiond::CallId, Result<Json>>> answers_;
  std::deque<sessiond::HashDone> hashes_;

  bool database_up_ = false;
  Time database_since_{};
  std::uint64_t database_connection_ = 0;
  Duration database_delay_ = 10ms;
  Time last_execution_{}, last_answer_{};
  std::deque<PendingCall> unsent_;           // wait for the database
  std::vector<sessiond::CallId> under_way_;  // sent on this connection, not answered
  std::uint64_t datagrams_in_ = 0, bytes_in_ = 0, datagrams_out_ = 0, bytes_out_ = 0;
};

}  // namespace orrery::wire_sim
