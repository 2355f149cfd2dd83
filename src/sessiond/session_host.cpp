#include "sessiond/session_host.h"

#include <algorithm>

#include "base/log.h"
#include "wire/link.h"
#include "wire/parse.h"

namespace orrery::sessiond {
namespace {

constexpr Duration second = std::chrono::seconds{1};
/// Its agent speaks each second.
constexpr Duration agent_silent_after = std::chrono::milliseconds{2500};
/// How long the end may take: for what clients must hear, and for what the database must.
constexpr Duration stop_network_for = std::chrono::milliseconds{500};
constexpr Duration stop_database_for = std::chrono::seconds{1};
/// Logins that may open in one batch of datagrams, before the role has judged them.
constexpr std::size_t logins_of_a_batch = 64;
/// Half of what may be queued on game and chat.
constexpr std::size_t unasked_queued_max = 8 * 1024;
/// What an Instant holds.
constexpr std::int64_t lease_until_ms_max =
    std::chrono::duration_cast<std::chrono::milliseconds>(Duration::max()).count();

/// A JSON number as an integer; what no integer holds is 0.
std::int64_t whole_of(const Json& number) {
  if (!number.is_number_float()) return number.get<std::int64_t>();
  const double value = number.get<double>();
  return value >= -0x1p53 && value <= 0x1p53 ? static_cast<std::int64_t>(value) : 0;
}

proto::Notice::Kind kind_of(ShutdownNotice::Kind kind) {
  switch (kind) {
    case ShutdownNotice::Kind::warning:
      return proto::Notice::SHUTDOWN_WARNING;
    case ShutdownNotice::Kind::countdown:
      return proto::Notice::SHUTDOWN_COUNTDOWN;
    case ShutdownNotice::Kind::cancelled:
      return proto::Notice::SHUTDOWN_CANCELLED;
  }
  return proto::Notice::OTHER;
}

proto::ServerControl message_of(const ShutdownNotice& notice) {
  proto::ServerControl message;
  auto& out = *message.mutable_notice();
  out.set_kind(kind_of(notice.kind));
  out.set_notice_id(notice.notice_id);
  out.set_seconds_left(notice.seconds_left);
  out.set_text(notice.text);
  return message;
}

}  // namespace

SessionHost::SessionHost(HostConfig config, Random& random, Instant now)
    : config_(std::move(config)),
      random_(random),
      renewals_(batch([](Json entries) { return DatabaseRequest{RenewSessions{std::move(entries)}}; }, "session_id")),
      hands_(batch([](Json entries) { return DatabaseRequest{HandOffSessions{std::move(entries)}}; })),
      next_second_(now + second) {}

void SessionHost::start(Role& role, Instant now) {
  role_ = &role;
  call(GetStartInfo{}, [this](Result<Json> answer, Instant at) { on_start_info(std::move(answer), at); });
  next_second_ = now + second;
}

void SessionHost::on_start_info(Result<Json> answer, Instant now) {
  if (!answer) {
    if (judge(answer.error(), "server_start_info")) {
      start_again_at_ = now + second;
    } else {
      leave_with(exit_refused, "the database refuses it: " + answer.error().message);
    }
    return;
  }
  if (const Status configured = configure(*answer, now); !configured) {
    spdlog::error("cannot serve: {}", configured.error().message);
    leave_with(exit_refused, "cannot serve: " + configured.error().message);
  }
}

Status SessionHost::configure(const Json& info, Instant now) {
  settings_ = info.value("settings", Json::object());
  for (const char* name : {"keepalive_ms", "lapse_ms", "sync_ms"})
    if (setting(name) <= 0) return Error{std::string("the database gave no setting ") + name};
  const auto root = key_from_hex(info.value("link_root", ""));
  if (!root) return Error{"the database gave no link root"};
  link_root_ = *root;
  lapse_ = setting_ms("lapse_ms");
  sync_each_ = setting_ms("sync_ms");
  hand_off_within_ = setting_ms("ready_wait_ms");
  if (const auto number = info.find("news_number"); number != info.end() && number->is_number_unsigned())
    news_number_ = number->get<std::uint64_t>();

  wire::EndpointConfig config;
  config.timing.keepalive = setting_ms("keepalive_ms");
  config.timing.lapse = lapse_;
  if (const auto rate = setting("client_rate_bytes_s"); rate > 0)
    config.timing.client_rate_bytes_s = static_cast<std::uint32_t>(std::min<std::int64_t>(rate, UINT32_MAX));
  if (const auto logins = setting("logins_max"); logins > 0)
    config.logins_max = static_cast<std::size_t>(logins) + logins_of_a_batch;
  endpoint_.emplace(config, random_);
  if (Status started = role_->on_started(info, now); !started) return started;
  sync(now);
  return ok();
}

std::int64_t SessionHost::setting(const std::string& name) const {
  const auto found = settings_.find(name);
  if (found == settings_.end() || !found->is_number()) return 0;
  return whole_of(*found);
}

void SessionHost::role_ready() { emit(ServerReady{}); }

// Events.

void SessionHost::on_datagrams(std::span<const wire::Datagram> batch, Instant now) {
  if (!lease_holds(now) || !endpoint_) return;
  endpoint_->on_datagrams(batch, now);
  drain_endpoint(now);
}

void SessionHost::on_private_datagram(const wire::Datagram& datagram, Instant now) {
  if (!lease_holds(now) || !endpoint_) return;
  ++statistics_.private_received;
  const auto opened = wire::open_link(link_root_, datagram.bytes);
  proto::LinkMessage message;
  if (!opened || !wire::parse(opened->payload, message)) {
    ++statistics_.private_dropped;
    return;
  }
  if (!message.has_arrival()) return role_->on_link(message, now);
  // Only a hint: the truth is what the database answers. An attachment is told under the same epoch that its owner is
  // another one.
  const Session* known = find(SessionId{message.arrival().session_id()});
  const Epoch epoch{message.arrival().epoch()};
  // advance() asks once for all that came together.
  if (known == nullptr || known->epoch < epoch || (!known->owner && known->epoch == epoch)) next_sync_ = now;
}

void SessionHost::on_agent_message(std::string_view text, Instant now) {
  if (!lease_holds(now)) return;
  const Json message = Json::parse(text, nullptr, false);
  if (!message.is_object()) return;
  try {
    if (const auto lease = message.find("lease_until_ms"); lease != message.end() && lease->is_number_integer()) {
      const auto ms = lease->get<std::int64_t>();
      if (ms > 0 && ms <= lease_until_ms_max) lease_until_ = Instant{std::chrono::milliseconds{ms}};
      agent_silent_at_ = now + agent_silent_after;
    }
    if (const auto cluster = message.find("cluster"); cluster != message.end() && cluster->is_object() && endpoint_) {
      ClusterNews news;
      news.name = cluster->value("name", config_.cluster);
      news.state = cluster->value("state", "");
      if (const auto left = cluster->find("stops_in_ms"); left != cluster->end() && left->is_number())
        news.stops_in_ms = whole_of(*left);
      if (const auto id = cluster->find("notice_id"); id != cluster->end() && id->is_number())
        news.notice_id = static_cast<std::uint64_t>(whole_of(*id));
      if (const auto notice = countdown_.on_news(news, now)) {
        spdlog::warn("{}", notice->text);
        broadcast(*notice);
      }
    }
    if (const auto told = message.find("message"); told != message.end() && told->is_object() && endpoint_) {
      const std::string what = told->value("tell", "");
      if (what == "sync") sync(now);
      if (what == "ready" || what == "failed" || what == "released") role_->on_tell(*told, now);
    }
  } catch (const Json::exception& error) {
    spdlog::warn("the agent sent what cannot be read: {}", error.what());
  }
}

void SessionHost::on_database_answer(CallId id, Result<Json> answer, Instant now) {
  if (!lease_holds(now)) return;
  auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const auto [continuation, of_session] = std::move(found->second);
  calls_.erase(found);
  if (!answer && answer.error().code == "OR004") {
    if (!endpoint_ || stopping_) {
      spdlog::error("the database refuses this server: {}", answer.error().message);
      leave_with(exit_refused, "the database refuses it: " + answer.error().message);
      return;
    }
    // Perhaps it is another database than the agent obeys. If it is the one, the agent is told and ends this server; if
    // it is not, this server goes on as without one.
    if (!std::exchange(refused_, true)) {
      spdlog::error("goes on as without a database, which refuses it: {}", answer.error().message);
    }
    answer = Error{answer.error().message, "connection"};
  }
  if (answer) refused_ = false;
  if (!answer && answer.error().code == "OR007") {
    if (!of_session) {
      spdlog::error("this server was superseded: {}", answer.error().message);
      close_all();
      leave_with(exit_refused, "superseded: " + answer.error().message);
      return;
    }
    // Of the one session, or of this server: the sync's answer tells.
    if (endpoint_ && !stopping_) sync(now);
  }
  try {
    continuation(std::move(answer), now);
  } catch (const Json::exception& error) {
    spdlog::error("the database answered what cannot be read: {}", error.what());
  }
  check_finished(now);
}

void SessionHost::on_database(bool up, Instant now) {
  if (up == database_up_ || !lease_holds(now)) return;
  database_up_ = up;
  if (up && endpoint_) {
    if (!ends_.empty()) flush_ends_at_ = now;
    sync(now);
  }
}

void SessionHost::on_hash_done(const HashDone& done, Instant now) {
  if (lease_holds(now) && role_ != nullptr) role_->on_hash_done(done, now);
}

void SessionHost::on_terminate(Instant now) {
  if (exited_ || stopping_) return;
  stopping_ = true;
  emit(Stopping{});
  stop_network_at_ = now + stop_network_for;
  stop_database_at_ = now + stop_database_for;
  if (!endpoint_) return leave_with(0);
  spdlog::info("stopping: {} sessions, {} connections", sessions_.size(), connections_.size());

  // Those are over there: they are told nothing of this end.
  while (!departed_.empty()) close_departed(*departed_.begin());
  std::vector<SessionId> owned;
  for (const auto& [id, session] : sessions_)
    if (session.owner) owned.push_back(id);
  for (const auto id : owned) end_session(id, "shutdown", "server stopped", now);
  const auto left = connections_;
  for (const auto& [connection, session] : left) {
    tell_ended(connection, "shutdown", "The server shuts down.");
    endpoint_->close(connection, wire::CloseReason::shutdown);
  }
  // Nobody attaches to a server that goes.
  for (const auto& [id, session] : sessions_) endpoint_->forget(id, wire::CloseReason::shutdown);
  connections_.clear();
  sessions_.clear();
  flush_ends();
  check_finished(now);
}

// Driving.

bool SessionHost::poll_transmit(wire::Slot& slot, Instant now) {
  advance(now);
  if (!endpoint_) return false;
  const bool filled = endpoint_->poll_transmit(slot, now);
  if (!exited_) drain_endpoint(now);
  return filled;
}

bool SessionHost::poll_effect(Effect& effect) {
  if (effects_.empty()) return false;
  effect = std::move(effects_.front());
  effects_.pop_front();
  return true;
}

std::optional<Instant> SessionHost::next_deadline() const {
  if (exited_) return std::nullopt;
  std::optional<Instant> next = next_second_;
  const auto consider = [&next](std::optional<Instant> at) {
    if (at && *at < *next) next = at;
  };
  consider(start_again_at_);
  consider(lease_until_);
  if (endpoint_) {
    consider(endpoint_->next_deadline());
    if (!stopping_) {
      consider(countdown_.next_deadline());
      consider(next_sync_);
      consider(role_->next_deadline());
      for (const auto id : handing_) {
        const auto session = sessions_.find(id);
        if (session != sessions_.end() && session->second.hand_off && !session->second.hand_off->asked)
          consider(session->second.hand_off->ask_at);
      }
      consider(redirects_at_);
      if (!departures_.empty()) consider(departures_.front().until);
      if (!links_again_.empty()) consider(links_again_.front().at);
    }
    consider(flush_ends_at_);
  }
  return next;
}

void SessionHost::advance(Instant now) {
  if (!lease_holds(now)) return;
  if (start_again_at_ && *start_again_at_ <= now) {
    start_again_at_.reset();
    call(GetStartInfo{}, [this](Result<Json> answer, Instant at) { on_start_info(std::move(answer), at); });
  }
  const bool second_passed = next_second_ <= now;
  if (second_passed) {
    next_second_ += second;
    if (next_second_ <= now) next_second_ = now + second;
    const Json news{
        {"server_id", config_.server.value}, {"epoch", config_.epoch.value}, {"sessions", sessions_.size()}};
    emit(AgentSend{to_text(news)});
  }
  if (!endpoint_) return;
  if (flush_ends_at_ && *flush_ends_at_ <= now) flush_ends();
  if (!stopping_) {
    if (const auto notice = countdown_.poll(now)) broadcast(*notice);
    if (next_sync_ && *next_sync_ <= now) sync(now);
    // What an agent that is away cannot tell, a kick for one, is asked for.
    if (second_passed && agent_silent_at_ <= now) sync(now);
    if (second_passed) lapse_unattached(now);
    role_->advance(now);
    advance_hand_offs(now);
    renewals_.flush();
  }
  check_finished(now);
}

bool SessionHost::lease_holds(Instant now) {
  if (exited_) return false;
  if (!lease_until_ || now < *lease_until_) return true;
  spdlog::error("the lease has passed and the agent gave no newer one: this server acts no more");
  close_all();
  leave_with(exit_lease, "its lease has passed");
  return false;
}

void SessionHost::close_all() {
  if (!endpoint_) return;
  for (const auto& [connection, session] : connections_) endpoint_->close(connection, wire::CloseReason::shutdown);
}

void SessionHost::check_finished(Instant now) {
  if (!stopping_ || exited_ || !endpoint_) return;
  const bool network = stop_network_at_ <= now || !endpoint_->next_deadline();
  const bool database = stop_database_at_ <= now || ends_.empty();
  if (!network || !database) return;
  if (!ends_.empty()) spdlog::warn("{} ends of sessions could not be told to the database", ends_.size());
  leave_with(0);
}

void SessionHost::leave_with(int code, std::string why) {
  if (exited_) return;
  exited_ = true;
  emit(Exit{code, std::move(why)});
}

// Calls and messages.

void SessionHost::call(DatabaseRequest request, Answer answer) {
  const CallId id{++last_call_};
  calls_.emplace(id, Call{std::move(answer), std::holds_alternative<EnrolDevice>(request) ||
                                                 std::holds_alternative<ForgetDevice>(request)});
  emit(DatabaseCall{id, std::move(request)});
}

bool SessionHost::judge(const Error& error, const char* what) {
  // Refused, or data that it cannot take: it will say the same again.
  if (error.code.starts_with("OR") || error.code.starts_with("22") || error.code.starts_with("23")) {
    spdlog::error("{}: {} ({}) {}", what, error.message, error.code, error.hint);
    return false;
  }
  spdlog::debug("{}: {} ({}); trying again", what, error.message, error.code);
  return true;
}

void SessionHost::send_link(const Address& to, const Key32& key, const proto::LinkMessage& message) {
  Bytes sealed = wire::seal_link(key, config_.server, config_.epoch, as_bytes(message.SerializeAsString()), random_);
  if (!sealed.empty()) emit(LinkSend{to, std::move(sealed)});
}

Status SessionHost::send(wire::ConnectionId connection, const proto::ServerControl& message) {
  return endpoint_->send(connection, wire::Channel::control, wire::Delivery::reliable,
                         as_bytes(message.SerializeAsString()));
}

void SessionHost::send_refused(wire::ConnectionId connection, proto::Refused::Reason reason, const std::string& text,
                               Duration retry_after) {
  proto::ServerControl message;
  auto& refused = *message.mutable_refused();
  refused.set_reason(reason);
  refused.set_text(text);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(retry_after).count();
  refused.set_retry_after_ms(static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, UINT32_MAX)));
  (void)send(connection, message);
}

bool SessionHost::has_room(wire::ConnectionId connection) const {
  const auto quality = endpoint_->quality(connection);
  return quality && quality->queued < unasked_queued_max;
}

void SessionHost::tell_ended(wire::ConnectionId connection, const std::string& reason, const std::string& text) {
  proto::ServerControl message;
  message.mutable_ended()->set_reason(reason);
  message.mutable_ended()->set_text(text);
  // A connection whose queue is full or that is gone is closed all the same.
  (void)send(connection, message);
}

void SessionHost::broadcast(const ShutdownNotice& notice) {
  const proto::ServerControl message = message_of(notice);
  for (const auto& [connection, session] : connections_) (void)send(connection, message);
}

void SessionHost::welcome(wire::ConnectionId connection, Instant now) {
  if (const auto notice = countdown_.current(now)) (void)send(connection, message_of(*notice));
}

// What the endpoint says.

void SessionHost::drain_endpoint(Instant now) {
  wire::Effect effect;
  while (endpoint_->poll_effect(effect)) {
    if (stopping_) continue;
    if (const auto* opened = std::get_if<wire::LoginOpened>(&effect)) {
      connections_[opened->connection] = nullptr;
      welcome(opened->connection, now);
      role_->on_login_opened(*opened, now);
    } else if (const auto* attached = std::get_if<wire::Attached>(&effect)) {
      on_attached(*attached, now);
    } else if (const auto* message = std::get_if<wire::Message>(&effect)) {
      on_endpoint_message(*message, now);
    } else if (const auto* closed = std::get_if<wire::Closed>(&effect)) {
      on_closed(*closed, now);
    }
  }
}

void SessionHost::on_attached(const wire::Attached& attached, Instant now) {
  Session* session = find(attached.session);
  if (session == nullptr || session->epoch != attached.epoch) return;
  if (session->connection && session->connection != attached.connection) connections_.erase(session->connection);
  session->connection = attached.connection;
  connections_[attached.connection] = session;
  welcome(attached.connection, now);
  if (session->is_frozen()) {
    session->hand_off->attached = true;
    session->hand_off->held.clear();
    session->hand_off->held_bytes = 0;
  } else {
    role_->on_attached(*session, now);
  }
}

void SessionHost::on_endpoint_message(const wire::Message& message, Instant now) {
  const auto connection = connections_.find(message.connection);
  if (connection == connections_.end()) return;
  Session* session = connection->second;
  // An attached client's control messages are the host's; a login's are its role's.
  if (session == nullptr || message.channel != wire::Channel::control || config_.role == "login") {
    session != nullptr && session->is_frozen() ? hold(*session, message) : role_->on_message(message, session, now);
    return;
  }
  proto::ClientControl control;
  if (!wire::parse(message.bytes, control)) {
    ++statistics_.messages_malformed;
    return;
  }
  if (control.has_renew_token() && session->owner) return renew(session->id, now);
  if (!control.has_logout()) return count_ignored();
  if (session->owner) return end_session(session->id, "logout", "asked for by the client", now);
  endpoint_->close(message.connection, wire::CloseReason::logout);
  session->connection = {};
  connections_.erase(connection);
}

void SessionHost::on_closed(const wire::Closed& closed, Instant now) {
  const auto connection = connections_.find(closed.connection);
  if (connection == connections_.end()) return;
  if (!closed.session) {
    role_->on_login_closed(closed.connection, closed.reason, now);
    connections_.erase(closed.connection);
    return;
  }
  connections_.erase(connection);
  departed_.erase(closed.connection);
  Session* session = find(closed.session);
  if (session == nullptr || session->connection != closed.connection) return;
  session->connection = {};
  // An attachment's end is its owner's to tell; its client may attach again.
  if (!session->owner) return;
  if (closed.reason == wire::CloseReason::lapse) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(lapse_).count();
    end_session(closed.session, "lapse", "nothing heard for " + std::to_string(ms) + " ms", now);
  } else {
    const char* reason = closed.reason == wire::CloseReason::protocol ? "protocol" : "logout";
    end_session(closed.session, reason, std::string("its connection was closed: ") + to_string(closed.reason), now);
  }
}

}  // namespace orrery::sessiond
