// What every role of a session server shares, sans-IO: the public endpoint, the sessions it owns or has attached, news
// from the database and the agent, the lease, and the orderly end. Single-threaded.
//
//   on any event: the on_… call;  then  while (poll_transmit(slot, now)) send;  while (poll_effect(e)) carry out;
//   then sleep until next_deadline() and poll_transmit again.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "orrery.pb.h"
#include "sessiond/call_batch.h"
#include "sessiond/effects.h"
#include "sessiond/redirect.h"
#include "sessiond/role.h"
#include "sessiond/shutdown_notice.h"
#include "wire/endpoint.h"

namespace orrery::sessiond {

struct HostConfig {
  std::string cluster, kind, key, role;
  ServerId server;
  Epoch epoch;
};

/// Figures since start that the endpoint does not count.
struct HostStatistics {
  std::uint64_t private_received = 0;
  std::uint64_t private_dropped = 0;  // no Link, or not sealed for this server
  std::uint64_t messages_malformed = 0;
  std::uint64_t messages_ignored = 0;  // of no use in the state in which they came, or too many
  std::uint64_t tokens_renewed = 0;
  std::uint64_t sessions_arrived = 0;
  std::uint64_t sessions_ended = 0;
  std::uint64_t sessions_handed_off = 0;
  std::uint64_t hand_offs_failed = 0;
};

class SessionHost {
 public:
  /// `random` must outlive the host. Nothing is asked of the database before start().
  SessionHost(HostConfig config, Random& random, Instant now);
  SessionHost(const SessionHost&) = delete;
  SessionHost& operator=(const SessionHost&) = delete;
  /// `role` must outlive the host.
  void start(Role& role, Instant now);

  // Events.
  void on_datagrams(std::span<const wire::Datagram> batch, Instant now);
  void on_private_datagram(const wire::Datagram& datagram, Instant now);
  void on_agent_message(std::string_view text, Instant now);
  void on_database_answer(CallId id, Result<Json> answer, Instant now);
  /// The connection to the database came up or was lost.
  void on_database(bool up, Instant now);
  void on_hash_done(const HashDone& done, Instant now);
  /// SIGTERM: tells everyone, ends every session, then gives Exit{0}.
  void on_terminate(Instant now);

  bool poll_transmit(wire::Slot& slot, Instant now);
  bool poll_effect(Effect& effect);
  std::optional<Instant> next_deadline() const;

  // For roles.
  using Answer = std::function<void(Result<Json>, Instant now)>;
  void call(DatabaseRequest request, Answer answer);
  void emit(Effect effect) { effects_.push_back(std::move(effect)); }
  /// Seals a message to another server under the key that the database gave for it.
  void send_link(const Address& to, const Key32& key, const proto::LinkMessage& message);
  Status send(wire::ConnectionId connection, const proto::ServerControl& message);
  /// Says Refused; the connection stays as it is.
  void send_refused(wire::ConnectionId connection, proto::Refused::Reason reason, const std::string& text,
                    Duration retry_after);
  /// Whether what comes unasked (a line of chat, an event) may be queued: the rest is for answers, which a client waits
  /// for and would not get when they are crowded out.
  bool has_room(wire::ConnectionId connection) const;
  /// There is one from the start info on.
  bool has_endpoint() const { return endpoint_.has_value(); }
  wire::Endpoint& endpoint() { return *endpoint_; }
  Random& random() { return random_; }
  const HostConfig& config() const { return config_; }
  bool database_up() const { return database_up_; }
  bool is_stopping() const { return stopping_; }
  /// The role can serve: READY follows.
  void role_ready();
  /// A setting of the database; the process ends with an error at start when one that the server needs is missing.
  std::int64_t setting(const std::string& name) const;
  Duration setting_ms(const std::string& name) const { return std::chrono::milliseconds{setting(name)}; }

  /// A session opened here by login, whose client is on `session.connection`; 0: no longer.
  void own(Session session);
  /// Its connection is a login connection again.
  void detach(Session& session);
  Session* find(SessionId session);
  /// Ends an owned session: its state is kept, the database told, an attached client told `text` and closed.
  /// `reason`: of docs/control.md, session_end. Unknown sessions are ignored.
  void end_session(SessionId session, const std::string& reason, const std::string& detail, Instant now);
  /// Takes a session out without telling anybody: it is another server's now.
  void release(SessionId session);
  /// Hands an owned session to the server of another place, from the next advance() on: the role's leave() is called,
  /// and then either it is another server's, or Role::on_hand_off_failed. Ignored when it is being handed over already.
  void hand_off(SessionId session, const std::string& kind, const std::string& key, Instant now);
  /// Renews the token of an owned session, whose client is answered: one at a time, others are ignored.
  void renew(SessionId session, Instant now);
  /// A batch of calls for a role, which flushes it in its advance().
  CallBatch batch(std::function<DatabaseRequest(Json)> request, std::string member = "ref");
  /// Asks the database now what changed.
  void sync(Instant now);
  /// Every attached session's connection and every login connection, whose session is null.
  const std::unordered_map<wire::ConnectionId, Session*>& connections() const { return connections_; }
  const std::unordered_map<SessionId, Session>& sessions() const { return sessions_; }
  /// Forgets a login connection that the role closed.
  void drop_connection(wire::ConnectionId connection) { connections_.erase(connection); }
  void tell_ended(wire::ConnectionId connection, const std::string& reason, const std::string& text);

  const HostStatistics& statistics() const { return statistics_; }
  void count_malformed() { ++statistics_.messages_malformed; }
  void count_ignored() { ++statistics_.messages_ignored; }

 private:
  void on_start_info(Result<Json> answer, Instant now);
  Status configure(const Json& info, Instant now);
  void advance(Instant now);
  bool lease_holds(Instant now);
  void close_all();
  void drain_endpoint(Instant now);
  void on_endpoint_message(const wire::Message& message, Instant now);
  void on_attached(const wire::Attached& attached, Instant now);
  void on_closed(const wire::Closed& closed, Instant now);
  void welcome(wire::ConnectionId connection, Instant now);
  void broadcast(const ShutdownNotice& notice);
  void on_sync(Result<Json> answer, std::size_t taken_sent, Instant now);
  void on_arrival(const Json& arrival, Instant now);
  void on_ended(const Json& ended, Instant now);
  void on_release(const Json& release, Instant now);
  bool is_ending(SessionId session, Epoch epoch) const;
  void flush_ends();
  void lapse_unattached(Instant now);
  void advance_hand_offs(Instant now);
  void ask_hand_off(Session& session, Instant now);
  void on_hand_off_answer(Session& session, const Result<Json>& answer, Instant now);
  void depart(Session& session, const Json& answer, Instant now);
  void hold(Session& session, const wire::Message& message);
  void thaw(Session& session, Instant now);
  void fail_hand_off(Session& session, const std::string& text, Instant now);
  void drop_lost(std::uint64_t sync);
  void send_redirects(Instant now);
  void close_departed(wire::ConnectionId connection);
  void check_finished(Instant now);
  void leave_with(int code, std::string why = {});
  /// True when the call is worth repeating. OR007 of this server has ended the process before; OR004 is a lost
  /// connection here.
  bool judge(const Error& error, const char* what);

  HostConfig config_;
  Random& random_;
  Role* role_ = nullptr;
  std::optional<wire::Endpoint> endpoint_;  // from the start info on
  Json settings_;
  Key32 link_root_{};
  std::deque<Effect> effects_;

  struct Call {
    Answer answer;
    bool of_session;  // its OR007 may be of the session only
  };
  std::unordered_map<CallId, Call> calls_;
  std::uint64_t last_call_ = 0;
  bool database_up_ = false;
  std::optional<Instant> start_again_at_;
  bool refused_ = false;  // by the database that answered last, which does not know this server

  std::unordered_map<SessionId, Session> sessions_;
  /// Whose it is: an element of sessions_, whose `connection` it is; null: a login connection. So a message finds its
  /// session in one look-up.
  std::unordered_map<wire::ConnectionId, Session*> connections_;

  bool sync_under_way_ = false;
  std::uint64_t syncs_ = 0;                   // begun
  std::optional<std::uint64_t> news_number_;  // of the last news; role zone
  bool sync_again_ = false;
  std::optional<Instant> next_sync_;
  Duration sync_each_{};
  std::vector<Json> taken_;  // to be acknowledged in the next sync

  CallBatch renewals_;

  CallBatch hands_;
  std::vector<SessionId> handing_;  // those with a HandOff, and some that are gone
  Duration hand_off_within_{};
  /// Of sessions that were handed over, whose clients have not said goodbye yet. Like those of logins they are
  /// nobody's.
  std::unordered_set<wire::ConnectionId> departed_;
  struct Departure {
    Instant until;
    wire::ConnectionId connection;
  };
  std::deque<Departure> departures_;  // in the order of their ends; also of those that have said goodbye
  std::unordered_map<wire::ConnectionId, proto::ServerControl> redirects_;  // those that were not taken yet
  std::optional<Instant> redirects_at_;
  struct LinkAgain {
    Instant at;
    std::vector<ArrivalLink> links;
  };
  std::deque<LinkAgain> links_again_;  // told twice, since a datagram may be lost

  std::vector<Json> ends_;  // not yet answered by the database; the first ends_sent_ are under way
  std::size_t ends_sent_ = 0;
  std::size_t ends_singly_ = 0;  // so many are told one by one, since one of them is refused
  std::optional<Instant> flush_ends_at_;

  ShutdownCountdown countdown_;
  std::optional<Instant> lease_until_;
  Instant agent_silent_at_ = Instant::max();
  Instant next_second_{};
  Duration lapse_{};

  bool stopping_ = false;
  bool exited_ = false;
  Instant stop_network_at_{}, stop_database_at_{};
  HostStatistics statistics_;
};

}  // namespace orrery::sessiond
