// The real database of the simulation: PostgreSQL with Orrery under a false clock, one database a seed. Servers' calls
// go by SessionApi, each awaited, so that it is one transaction at one moment of virtual time; an agent and a DBA are
// played by the functions that these call. What the tables say is read after each call, for the checkers.
// A trace is not the same for the same seed: keys, roots and tokens are PostgreSQL's own random bytes.
#pragma once

#include <event2/event.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pg/pg_socket.h"
#include "sim/database.h"
#include "wire_sim/database.h"

namespace orrery::wire_sim {

class SqlDatabase final : public Database {
 public:
  explicit SqlDatabase(World& world);
  ~SqlDatabase() override;

  Result<Json> answer(const Caller& caller, const sessiond::DatabaseRequest& request) override;
  void set_away(bool away) override;
  void add_account(const std::string& name, const std::string& password, const std::string& kind,
                   const std::string& key) override;
  void rotate_keys() override;
  ServerId add_server(const std::string& role, const std::string& kind, const std::string& key) override;
  void server_ready(ServerId server) override;
  void server_exited(ServerId server, bool died) override;
  void stop_server(ServerId server) override;
  void kick(SessionId session) override;
  void tick() override;
  void set(const std::string& setting, std::int64_t value) override;
  void limit(bool on) override;
  void refuse_hands(bool on) override;

  const Server& server(ServerId id) const override { return servers_.at(id); }
  const Session* session(SessionId id) const override;
  std::vector<const Session*> sessions() const override;
  const Attachment* attachment(SessionId id) const override;
  std::uint64_t carried_out(std::uint64_t order) override;

 private:
  using Run = std::pair<ServerId, Epoch>;  // of a server

  Duration wall() const;
  /// Throws when the database said what it may not: anything but a refusal.
  static void judge(const std::string& who, const Result<Json>& result);
  Result<Json> call(sim::Login login, const std::string& expression, sim::Params params);
  Result<Json> dba(const std::string& expression, sim::Params params);

  // The agent's.
  void beat();
  void beat_soon();
  void carry_out(const Json& command);
  void begin(Run run, std::uint64_t command);
  void report_exit(Run run, const char* reason);
  void report(Json one);
  void send_reports();

  // The picture.
  void look();
  void look_at_server(const Json& row);
  void look_at_session(const Json& row);
  void look_at_attachment(const Json& row);
  void read_keys();
  /// What an owner saves by this call, which was answered: the next one must be given it.
  void save(const Caller& caller, const sessiond::DatabaseRequest& request);
  /// What an answer shows of what was asked.
  void note(const sessiond::DatabaseRequest& request, const Json& answer);

  sim::Database sql_;
  std::unique_ptr<event_base, void (*)(event_base*)> base_;
  std::unique_ptr<pg::PgSocket> socket_;

  bool is_away_ = false, beats_soon_ = false, wants_inventory_ = true;
  std::string agent_, token_;
  Time last_beat_{}, last_tick_{}, ticks_since_{};
  std::vector<Json> reports_;                // not told yet
  std::map<Run, std::string> tokens_;        // of servers
  std::set<Run> fetched_, stopped_;          // starts that were fetched; those that were told to stop
  std::map<ServerId, Epoch> running_;        // until their exit is known
  std::map<ServerId, std::uint64_t> stops_;  // commands that wait for that
  std::set<std::pair<std::string, std::string>> places_, missing_;  // kind and key: to be there; not there

  std::map<AccountId, Json> saved_;   // of characters
  std::map<SessionId, Json> handed_;  // by the call that is looked at
  std::map<ServerId, Server> servers_;
  std::map<SessionId, Session> sessions_;
  std::map<SessionId, Attachment> attachments_;
};

}  // namespace orrery::wire_sim
