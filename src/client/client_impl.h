// Inside of Client: its connections and what it knows. Member functions stand by subject: client.cpp (driving, what
// servers say), login_flow.cpp, paths.cpp (connections and redirects), resume.cpp (drops, tokens).
#pragma once

#include <array>
#include <deque>
#include <set>
#include <tuple>
#include <utility>

#include "client/chat_log.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/game_message.h"
#include "client/path.h"
#include "orrery.pb.h"

namespace orrery::client {

/// For a server to be ready, or for an account's earlier session to end: longer than a login server waits itself.
inline constexpr Duration answer_wait_max = std::chrono::seconds{75};

/// Silence that is a drop; a server is asked to say something after one second.
inline constexpr Duration drop_after = std::chrono::seconds{2};

class Client::Impl {
 public:
  Impl(ConnectString connect, Credentials credentials, Options options, Random& random, Instant now);
  Impl(ConnectString connect, const Token& token, Options options, Random& random, Instant now);
  ~Impl();

  void select_character(std::uint64_t character_id);
  Status enrol_device(const std::string& name);
  Status revoke_device(const Key32& public_key);
  void move(std::int8_t x, std::int8_t y, std::uint8_t buttons);
  Result<std::uint64_t> command(std::string_view name, std::string_view args);
  Status chat(std::uint64_t channel, const std::string& to, const std::string& text);
  Status ask_chat(const proto::ClientChat& message);
  void logout();
  bool is_finished() const { return is_finished_ && paths_.empty(); }
  std::optional<Token> token() const;
  Statistics statistics() const;
  Status use(ConnectString connect);
  void on_datagram(const wire::Datagram& datagram, Instant now);
  void on_unreachable(const Address& server, Instant now);
  bool poll_transmit(wire::Slot& slot, Instant now);
  bool poll_event(Event& event);
  bool poll_rebind() { return std::exchange(rebind_is_due_, false); }
  std::optional<Instant> next_deadline() const;

 private:
  /// Looking for the session, after a drop or with a token.
  struct Resume {
    Instant since;  // the owner was heard of
    Instant give_up_at;
    Instant ask_at;         // the next login server
    bool by_silence;        // over as soon as the owner is heard again
    bool is_told;           // Dropped has been
    unsigned asked = 0;     // login servers, in turn
    unsigned patience = 1;  // with the one that is asked
    bool was_answered = false;
  };

  /// Looking for the session's chat server, while the owner is heard.
  struct Seek {
    Instant ask_at;
    unsigned asked = 0;
    Duration wait;
  };

  // Driving.
  void advance(Instant now);
  void drain(Path& path, Instant now);
  void tell(Event event);
  void finish(Event event);
  void finish(const std::string& reason, const std::string& text);
  void say_logout(Path& path);
  Duration spread(Duration wait);

  // What servers say.
  void on_message(Path& path, const wire::Message& message, Instant now);
  void on_control(Path& path, const proto::ServerControl& control, Instant now);
  void on_snapshot(Path& path, ByteView bytes);
  void on_game_message(ByteView bytes);
  void send_commands();
  void on_notice(const proto::Notice& notice);
  void on_chat(Path& path, const proto::ServerChat& chat);
  void on_chat_attached(Path& path);

  // Login.
  bool dial_next_login(Instant now);
  void advance_login(Instant now);
  void on_login_opened(Path& path, Instant now);
  void on_login_result(const proto::LoginResult& result, Instant now);
  void on_refused(const proto::Refused& refused, Instant now);
  void on_login_failed(wire::CloseReason reason, Instant now);
  bool retry_login(const std::string& reason, const std::string& text, Duration wait, Instant now);
  void on_device_enrolled(const proto::DeviceEnrolled& enrolled);
  void on_device_revoked(const proto::DeviceRevoked& revoked);
  bool may_change_devices() const;
  std::string login_servers() const;

  // Connections and redirects.
  Path& add(Path path);
  void dial(Use use, const std::string& role, const std::string& kind, const std::string& key,
            const wire::AttachTarget& target, Instant now);
  void retire(Path& path, wire::CloseReason reason);
  void abandon(Path& path);
  void on_redirect(Path& path, const proto::Redirect& redirect, Instant now);
  bool follow(Path& from, const proto::Target& target, Instant now);
  void on_attached(Path& path, Instant now);
  void on_closed(Path& path, wire::CloseReason reason, Instant now);
  void on_owner_closed(Path& path, wire::CloseReason reason, bool was_pending, Instant now);
  Path* attachment(const std::string& role);

  // Drops and tokens.
  void start_resume(Instant since, bool by_silence, Instant now);
  void end_resume(Instant now);
  void advance_resume(Instant now);
  void advance_rebind(Instant now);
  void ask_where(Instant now);
  void on_resolve_opened(Path& path, Instant now);
  void on_resolve_refused(const proto::Refused& refused, Instant now);
  void on_resolve_failed(Instant now);
  void on_token_life(std::uint64_t expires_in_ms, Instant now);
  void consider_resume(std::optional<Instant>& next) const;
  void dial_resolve(unsigned number, unsigned patience, Instant now);
  void advance_attachments(Instant now);
  Duration path_dead_after() const;

  ConnectString connect_;
  Credentials credentials_;
  Options options_;
  Random& random_;
  Instant last_now_;

  std::size_t next_login_server_ = 0;
  unsigned retries_used_ = 0;
  std::optional<Instant> login_again_at_;
  std::optional<Instant> answer_by_;  // what the login server was asked
  bool has_selected_ = false;
  std::vector<std::pair<std::string, DeviceKey>> enrolling_;
  unsigned revoking_ = 0;

  SessionId session_;
  Key32 root_{};
  std::optional<Instant> token_expires_at_, renew_at_;
  bool is_renewing_ = false;  // asked, and not answered
  bool is_token_start_ = false;

  std::vector<std::unique_ptr<Path>> paths_;
  // Into paths_, or null. owner_ is attached; pending_ is the owner-to-be, being attached.
  Path* login_ = nullptr;
  Path* resolve_ = nullptr;
  Path* owner_ = nullptr;
  Path* pending_ = nullptr;
  // The last owner that was attached: proved by its key, so that no epoch below it is followed.
  std::optional<OwnerTarget> attached_;
  std::vector<std::pair<std::string, Epoch>> attachment_epochs_;  // likewise, by role
  DialBudget budget_;

  std::optional<Resume> resume_;
  std::optional<Seek> seek_;
  ChatLog chat_;
  std::optional<Instant> answer_of_resolve_by_;
  std::optional<Instant> rebind_again_at_;
  bool rebind_is_due_ = false;

  std::array<Input, inputs_per_message_max> inputs_{};
  std::size_t input_count_ = 0;
  std::uint32_t input_sequence_ = 0;

  Commands commands_;

  using NoticeKey = std::tuple<std::uint64_t, int, std::uint32_t>;
  std::set<NoticeKey> notices_;
  std::deque<NoticeKey> notices_in_order_;

  bool is_leaving_ = false;
  std::optional<Instant> leave_by_;
  bool is_finished_ = false;
  std::deque<Event> events_;
  Statistics statistics_;  // without paths
};

}  // namespace orrery::client
