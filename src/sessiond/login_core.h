// Role login: credentials → session → character → hand-off to the server that owns it from then on.
#pragma once

#include <unordered_map>

#include "sessiond/role.h"
#include "sessiond/session_host.h"

namespace orrery::sessiond {

/// Longer names and passwords are wrong ones.
inline constexpr std::size_t login_name_bytes_max = 64;
inline constexpr std::size_t login_password_bytes_max = 256;
/// The one text of every refusal that has to do with credentials: it says nothing of which of them was wrong.
inline constexpr const char* credentials_refused = "Name or password is wrong, or the account is not active.";

class LoginCore final : public Role {
 public:
  explicit LoginCore(SessionHost& host) : host_(host) {}

  Status on_started(const Json& info, Instant now) override;
  void on_login_opened(const wire::LoginOpened& opened, Instant now) override;
  void on_login_closed(wire::ConnectionId connection, wire::CloseReason reason, Instant now) override;
  void on_message(const wire::Message& message, Session* session, Instant now) override;
  void on_taken_away(Session& session, const std::string& reason, Instant now) override;
  void on_tell(const Json& tell, Instant now) override;
  void on_hash_done(const HashDone& done, Instant now) override;
  void advance(Instant now) override;
  std::optional<Instant> next_deadline() const override;
  std::string statistics() override;

 private:
  enum class Stage {
    credentials,  // nothing has come yet
    checking,     // the database or the hash pool is asked
    opening,      // session_open is under way
    selecting,    // has a session; no character yet
    waiting,      // for its server
    redirected,   // another server's; the connection stays until the client closes it
  };
  struct Character {
    CharacterId id;
    std::string kind, key;
  };
  struct ArrivalLink {
    Address to;
    Key32 key;
    proto::LinkMessage message;
  };
  struct Login {
    wire::ConnectionId connection;
    Address from;
    Stage stage = Stage::credentials;
    Instant deadline;  // of the stage, or of the login as a whole
    std::string name, password, one_time_code;
    bool real = false;  // the account exists, is active and has a password
    AccountId account{};
    SessionId session{};
    Epoch epoch{};
    std::vector<Character> characters;
    CharacterId selected{};
    bool asking = false;     // session_select is under way
    bool ask_again = false;  // something happened meanwhile
    std::optional<Instant> ask_at;
    Instant waits_until{};
    std::string waiting_text;
    std::vector<ArrivalLink> links;  // told twice, since a datagram may be lost
    std::optional<Instant> link_again_at;
  };

  Login* find(wire::ConnectionId connection);
  Login* find(SessionId session);
  void on_credentials(Login& login, const proto::Credentials& credentials, Instant now);
  void on_credential(Login& login, const Result<Json>& answer, Instant now);
  void hash(Login& login, std::string hash, Instant now);
  void set_password(Login& login, const std::string& hash);
  void open_session(Login& login);
  void on_opened(wire::ConnectionId connection, Result<Json> answer, Instant now);
  void select(Login& login, CharacterId character, Instant now);
  void ask(Login& login, Instant now);
  void on_selected(Login& login, const Result<Json>& answer, Instant now);
  void redirect(Login& login, const Json& answer, Instant now);
  void refuse(Login& login, proto::Refused::Reason reason, const std::string& text, Duration retry_after, Instant now);
  void finish(Login& login, wire::CloseReason reason, const std::string& end_reason, const std::string& detail,
              Instant now);
  void maybe_ready();

  SessionHost& host_;
  std::unordered_map<wire::ConnectionId, Login> logins_;
  std::unordered_map<HashId, wire::ConnectionId> hashing_;
  std::uint64_t last_hash_ = 0;
  std::size_t hashing_max_ = 0;
  std::string dummy_hash_;  // what unknown names are verified against, for equal time
  HashId dummy_job_{};
  bool published_ = false;
  std::optional<Instant> publish_at_;
  std::string public_key_hex_;
  Duration login_timeout_{}, ready_wait_{};
  std::uint64_t opened_ = 0, refused_ = 0, handed_off_ = 0;
};

}  // namespace orrery::sessiond
