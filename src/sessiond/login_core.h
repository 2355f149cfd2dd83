// Role login: credentials → session → character → hand-off to the server that owns it from then on. Or a session's
// client that lost its server asks where it is now.
#pragma once

#include <set>
#include <unordered_map>

#include "sessiond/call_batch.h"
#include "sessiond/hash_queue.h"
#include "sessiond/login_keys.h"
#include "sessiond/redirect.h"
#include "sessiond/role.h"
#include "sessiond/session_host.h"
#include "wire/fair_share.h"

namespace orrery::sessiond {

/// Longer names, passwords and codes are wrong ones.
inline constexpr std::size_t login_name_bytes_max = 64;
inline constexpr std::size_t login_password_bytes_max = 256;
inline constexpr std::size_t login_code_bytes_max = 64;
inline constexpr std::size_t device_name_bytes_max = 64;
/// Keys that one login connection may enrol and revoke.
inline constexpr unsigned device_messages_max = 16;
/// From the handshake on, to say credentials or a proof. Then credentials are checked within login_timeout_ms, and a
/// character is selected within as much again; a proof has ready_wait_ms.
inline constexpr Duration credentials_within = std::chrono::seconds{10};
/// Of logins_max, for the unfinished logins of one network (/32, /64): those without right credentials or proof yet.
inline constexpr std::size_t unfinished_share = 8;
inline constexpr std::size_t unfinished_least = 8;
inline constexpr Duration no_server_retry_after = std::chrono::seconds{5};
/// The one text of every refusal that has to do with credentials: it says nothing of which of them was wrong.
inline constexpr const char* credentials_refused = "Name or password is wrong, or the account is not active.";

class LoginCore final : public Role {
 public:
  explicit LoginCore(SessionHost& host);

  Status on_started(const Json& info, Instant now) override;
  void on_login_opened(const wire::LoginOpened& opened, Instant now) override;
  void on_login_closed(wire::ConnectionId connection, wire::CloseReason reason, Instant now) override;
  void on_message(const wire::Message& message, Session* session, Instant now) override;
  void on_taken_away(Session& session, const std::string& reason, Instant now) override;
  void on_sync(const Json& answer, Instant now) override;
  void on_tell(const Json& tell, Instant now) override;
  void on_hash_done(const HashDone& done, Instant now) override;
  void advance(Instant now) override;
  std::optional<Instant> next_deadline() const override;
  std::string statistics() override;

 private:
  enum class Stage {
    credentials,  // nothing of use has come yet
    checking,     // the database or the hash pool is asked
    opening,      // session_open is under way
    superseding,  // the account's other session is being ended
    selecting,    // has a session; no character yet
    waiting,      // for its server
    lost,         // its session is not this server's any more; the sync's answer says why
    resolving,    // asks where its session is
    redirected,   // another server's; the connection stays until the client closes it
  };
  enum class Kind { wrong, password, code, device };
  struct Character {
    CharacterId id;
    std::string kind, key;
  };
  struct Login {
    wire::ConnectionId connection;
    Address from;
    std::array<std::uint8_t, 64> handshake_hash;
    Stage stage = Stage::credentials;

    // Until its session opens.
    Kind kind = Kind::wrong;
    std::string name, password, one_time_code;
    std::string device_key_hex;
    std::string stored_hash;
    bool real = false;  // the account exists and has a password
    AccountId account{};
    DeviceId device{};

    // From then on.
    SessionId session{};  // also the one that is resolved
    Epoch epoch{};
    std::vector<Character> characters;
    CharacterId selected{};
    bool device_asked = false;  // device_enrol or device_forget is under way
    unsigned device_messages = 0;
    std::string proof_hex;  // of a Resolve
    bool resolve_asked = false;

    CallBatch* asked_in = nullptr;  // where an entry of it waits or is under way
    CallBatch::Ref asked_ref = 0;
    bool ask_again = false;  // something happened meanwhile
    Instant waits_until{};
    std::string waiting_text;
    std::vector<ArrivalLink> links;  // told twice, since a datagram may be lost

    // Set by set_deadline and the like alone.
    Instant deadline{};  // of the stage
    std::optional<Instant> ask_at, link_again_at;
    Instant due{};  // the first of the three
  };

  // login_core.cpp
  Login* find(wire::ConnectionId connection);
  /// Whether there is a place for a login from there; another may have to give way.
  bool has_place(const Address& from, Instant now);
  /// Its credentials or its proof are right: it gives way to nobody.
  void trust(const Login& login) { unfinished_.remove(login.from, login.connection.value); }
  /// Asks; `then` is called with the answer if the login is still there.
  void ask_in(CallBatch& batch, Login& login, Json entry,
              std::function<void(Login&, const Result<Json>&, Instant)> then);
  void set_deadline(Login& login, Instant at);
  void set_ask_at(Login& login, std::optional<Instant> at);
  void set_link_again_at(Login& login, std::optional<Instant> at);
  void set_due(Login& login);
  void do_due(Login& login, Instant now);
  void wait_on(Login& login, const std::string& text, Instant ask_at);
  void refuse(Login& login, proto::Refused::Reason reason, const std::string& text, Duration retry_after, Instant now);
  void refuse_busy(Login& login, Duration at_least, Instant now);
  void refuse_limited(Login& login, const Json& answer, Instant now);
  void finish(Login& login, wire::CloseReason reason, const std::string& end_reason, const std::string& detail,
              Instant now);
  void maybe_ready();

  // login_core_credentials.cpp
  void on_credentials(Login& login, const proto::Credentials& credentials, Instant now);
  Kind read(Login& login, const proto::Credentials& credentials) const;
  void on_begun(Login& login, const Result<Json>& answer, Instant now);
  void queue_hash(Login& login, Instant now);
  void start_hashes(Instant now);
  void set_password(Login& login, const std::string& hash);

  // login_core_session.cpp
  void open_session(Login& login);
  void on_opened(wire::ConnectionId connection, const Result<Json>& answer, Instant now);
  void on_open_refused(Login& login, const Error& error, Instant now);
  void on_superseding(Login& login, Instant now);
  Status send_login_result(Login& login, const Json& answer);
  void select(Login& login, CharacterId character, Instant now);
  void ask(Login& login, Instant now);
  void on_selected(Login& login, const Result<Json>& answer, Instant now);
  void resolve(Login& login, const proto::Resolve& resolve, Instant now);
  void ask_resolve(Login& login);
  void on_resolved(Login& login, const Result<Json>& answer, Instant now);
  void redirect(Login& login, const Json& answer, Instant now);

  // login_core_devices.cpp
  bool may_change_devices(Login& login, Instant now);
  void enrol(Login& login, const proto::EnrolDevice& device, Instant now);
  void revoke(Login& login, const proto::RevokeDevice& device, Instant now);
  void change_device(Login& login, DatabaseRequest request, const std::string& key, bool enrols);

  SessionHost& host_;
  LoginKeys keys_;
  CallBatch begins_, opens_, selects_, resolves_;
  HashQueue hashes_{1, 1};
  std::unordered_map<wire::ConnectionId, Login> logins_;
  std::size_t logins_max_ = 0;
  wire::FairShare unfinished_;  // by connections, which are numbered as they open
  std::set<std::pair<Instant, wire::ConnectionId>> dues_;
  std::size_t device_calls_ = 0;  // under way
  std::string dummy_hash_;        // what unknown names are verified against, for equal time
  bool published_ = false, said_ready_ = false;
  Duration login_timeout_{}, ready_wait_{};

  struct Counters {
    std::uint64_t opened = 0, by_device = 0, superseded = 0, resolved = 0, handed_off = 0, devices = 0, cut = 0;
    std::array<std::uint64_t, proto::Refused::Reason_ARRAYSIZE> refused{};
  } counters_;
};

/// Asked again later it may answer otherwise.
bool is_busy(const Error& error);
/// "in 3 s": the time, rounded up.
std::string in_seconds(Duration time);
/// The Ed25519 signature of `label` ‖ `handshake_hash` by `public_key`; false for keys and signatures of a wrong size.
bool is_signed(std::string_view label, std::span<const std::uint8_t> handshake_hash, const std::string& public_key,
               const std::string& signature);

}  // namespace orrery::sessiond
