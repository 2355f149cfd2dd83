#include "pg/pg_socket.h"

#include <event2/event.h>
#include <libpq-fe.h>

#include <algorithm>
#include <deque>

#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"
#include "pg/host_list.h"

namespace orrery::pg {
namespace {

struct EventFree {
  void operator()(event* e) const { event_free(e); }
};
using EventPtr = std::unique_ptr<event, EventFree>;

struct ConnFree {
  void operator()(PGconn* c) const { PQfinish(c); }
};
using ConnPtr = std::unique_ptr<PGconn, ConnFree>;

struct ResultFree {
  void operator()(PGresult* r) const { PQclear(r); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultFree>;

// A TCP peer that acknowledges nothing for this long is gone, though nothing is awaited from it (it may only NOTIFY).
constexpr const char* tcp_user_timeout_ms = "10000";
constexpr const char* keepalive_idle_s = "5";

std::string trimmed(const char* text) {
  std::string line = text ? text : "";
  line.erase(std::remove(line.begin(), line.end(), '\t'), line.end());
  std::replace(line.begin(), line.end(), '\n', ' ');
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string ms_text(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

Error error_of(const PGresult* result) {
  const auto field = [result](int code) {
    const char* value = PQresultErrorField(result, code);
    return std::string(value ? value : "");
  };
  Error error{field(PG_DIAG_MESSAGE_PRIMARY), field(PG_DIAG_SQLSTATE), field(PG_DIAG_MESSAGE_HINT)};
  if (error.message.empty()) error.message = trimmed(PQresultErrorMessage(result));
  if (const std::string detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty()) error.message += ": " + detail;
  return error;
}

// The backend says these on its way out: the connection is over, whatever the statement was.
bool ends_connection(const std::string& sqlstate) { return sqlstate.starts_with("57P0") || sqlstate.starts_with("08"); }

Rows rows_of(const PGresult* result) {
  Rows rows(static_cast<std::size_t>(PQntuples(result)));
  for (int r = 0; r < PQntuples(result); ++r) {
    Row& row = rows[static_cast<std::size_t>(r)];
    for (int c = 0; c < PQnfields(result); ++c) {
      if (PQgetisnull(result, r, c)) {
        row.emplace_back();
      } else {
        row.emplace_back(std::string(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c))));
      }
    }
  }
  return rows;
}

}  // namespace

class PgSocket::Impl {
 public:
  Impl(event_base* base, PgSocketConfig config, Handlers handlers)
      : base_(base), config_(std::move(config)), handlers_(std::move(handlers)), hosts_(hosts_of(config_.conninfo)) {
    timer_.reset(event_new(
        base_, -1, 0, [](int, short, void* self) { static_cast<Impl*>(self)->on_timer(); }, this));
    kick_.reset(event_new(
        base_, -1, 0, [](int, short, void* self) { static_cast<Impl*>(self)->pump(); }, this));
    backoff_ = config_.reconnect_min;
  }

  void open() {
    if (state_ != State::closed) return;
    state_ = State::waiting;
    retry_at_ = BootClock::now();
    arm_timer();
  }

  bool is_connected() const { return state_ == State::ready; }

  void query(std::string sql, Params params, Reply reply) {
    Query query{std::move(sql), std::move(params), std::move(reply), BootClock::now() + config_.query_timeout};
    const bool has_nul = std::any_of(query.params.begin(), query.params.end(),
                                     [](const auto& param) { return param && param->find('\0') != std::string::npos; });
    if (has_nul) {
      refused_.push_back({std::move(query.reply), Error{"a text parameter contains a zero byte", "22021"}});
    } else if (queue_.size() >= config_.queue_max) {
      refused_.push_back(
          {std::move(query.reply), Error{"too many queries are waiting for the database", "connection"}});
    } else if (in_connected_) {
      queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(first_++), std::move(query));
    } else {
      queue_.push_back(std::move(query));
    }
    event_active(kick_.get(), 0, 0);
  }

 private:
  enum class State { closed, waiting, connecting, ready };
  struct Query {
    std::string sql;
    Params params;
    Reply reply;
    Instant deadline;
  };
  struct Refused {
    Reply reply;
    Error error;
  };

  // Connecting

  // Each host in turn, beginning with the one that answered last; when none does, a pause.
  void start_connect() {
    tried_ = 0;
    next_host();
  }

  void next_host() {
    if (tried_ == hosts_.size()) return lose(connect_error_);
    trying_ = (good_ + tried_++) % hosts_.size();
    const Host& host = hosts_[trying_];
    if (!host.is_name()) {
      addresses_.assign({host.address});
      return next_address();
    }
    begin_attempt();
    lookup_ = std::make_unique<HostLookup>(base_, host.name, [this](Result<std::vector<std::string>> found) {
      lookup_.reset();
      if (!found) return connect_failed(found.error());
      addresses_.assign(found->begin(), found->end());
      next_address();
    });
  }

  void begin_attempt() {
    state_ = State::connecting;
    connect_deadline_ = BootClock::now() + config_.query_timeout;
    arm_timer();
  }

  void next_address() {
    begin_attempt();
    Host host = hosts_[trying_];
    host.address = std::move(addresses_.front());
    addresses_.pop_front();
    // What comes last counts; what is empty is not said.
    const char* keywords[] = {"application_name",
                              "client_encoding",
                              "tcp_user_timeout",
                              "keepalives_idle",
                              "dbname",
                              "host",
                              "hostaddr",
                              "port",
                              nullptr};
    const char* values[] = {config_.application_name.c_str(),
                            "UTF8",
                            tcp_user_timeout_ms,
                            keepalive_idle_s,
                            config_.conninfo.c_str(),
                            host.name.c_str(),
                            host.address.c_str(),
                            host.port.c_str(),
                            nullptr};
    conn_.reset(PQconnectStartParams(keywords, values, 1));
    if (!conn_ || PQstatus(conn_.get()) == CONNECTION_BAD) {
      return connect_failed({conn_ ? trimmed(PQerrorMessage(conn_.get())) : "out of memory", "connection"});
    }
    PQsetNoticeProcessor(
        conn_.get(), [](void*, const char* text) { spdlog::debug("database: {}", trimmed(text)); }, nullptr);
    wait_for(EV_WRITE);
  }

  // " (db1)", or nothing when no host was named.
  std::string where() const {
    const Host& host = hosts_[trying_];
    const std::string& name = host.name.empty() ? host.address : host.name;
    return name.empty() ? "" : " (" + name + ")";
  }

  void connect_failed(Error error) {
    io_.reset();
    conn_.reset();
    connect_error_ = std::move(error);
    addresses_.empty() ? next_host() : next_address();
  }

  // One-shot, so that the event is out of the loop before libpq may close the descriptor and open another.
  void wait_for(short what) {
    io_.reset(event_new(
        base_, PQsocket(conn_.get()), what, [](int, short, void* self) { static_cast<Impl*>(self)->poll_connect(); },
        this));
    event_add(io_.get(), nullptr);
    arm_timer();
  }

  void poll_connect() {
    io_.reset();
    switch (PQconnectPoll(conn_.get())) {
      case PGRES_POLLING_READING:
        return wait_for(EV_READ);
      case PGRES_POLLING_WRITING:
        return wait_for(EV_WRITE);
      case PGRES_POLLING_OK:
        return connected();
      default:
        return connect_failed({trimmed(PQerrorMessage(conn_.get())), "connection"});
    }
  }

  void connected() {
    PQsetnonblocking(conn_.get(), 1);
    const int fd = PQsocket(conn_.get());
    io_.reset(event_new(
        base_, fd, EV_READ | EV_PERSIST, [](int, short, void* self) { static_cast<Impl*>(self)->on_readable(); },
        this));
    write_.reset(event_new(
        base_, fd, EV_WRITE, [](int, short, void* self) { static_cast<Impl*>(self)->flush(); }, this));
    event_add(io_.get(), nullptr);
    state_ = State::ready;
    good_ = trying_;
    backoff_ = config_.reconnect_min;
    in_connected_ = true;
    first_ = 0;
    if (handlers_.connected) handlers_.connected();
    in_connected_ = false;
    pump();
    arm_timer();
  }

  // Gives the connection up; the query under way and those of `connected` fail, others wait for the next connection.
  void lose(Error error) {
    io_.reset();
    write_.reset();
    conn_.reset();
    state_ = State::waiting;
    const double jitter = 0.5 + SystemRandom().next<std::uint32_t>() / 8589934592.0;  // 0.5 .. 1
    retry_at_ = BootClock::now() + std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::nano>(
                                       static_cast<double>(backoff_.count()) * jitter));
    backoff_ = std::min(backoff_ * 2, config_.reconnect_max);
    last_error_ = error.message;
    // What `connected` asked was for this connection; the next one asks anew.
    std::vector<Query> unsent;
    for (; first_ > 0; --first_) {
      unsent.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    arm_timer();
    if (handlers_.disconnected) handlers_.disconnected(error);
    if (current_) {
      const Reply reply = std::move(current_->reply);
      current_.reset();
      answer_.reset();
      reply(Error{error.message, "connection"});
    }
    for (const Query& query : unsent) query.reply(Error{error.message, "connection"});
  }

  // Queries

  void pump() {
    while (!refused_.empty()) {
      const Refused one = std::move(refused_.front());
      refused_.pop_front();
      one.reply(one.error);
    }
    if (state_ != State::ready || current_) {
      arm_timer();
      return;
    }
    if (queue_.empty()) return;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    if (first_ > 0) --first_;
    answer_.reset();
    current_->deadline = BootClock::now() + config_.query_timeout;
    std::vector<const char*> values;
    values.reserve(current_->params.size());
    for (const auto& param : current_->params) values.push_back(param ? param->c_str() : nullptr);
    if (!PQsendQueryParams(conn_.get(), current_->sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                           nullptr, nullptr, 0)) {
      lose({trimmed(PQerrorMessage(conn_.get())), "connection"});
      return;
    }
    arm_timer();
    flush();
  }

  void flush() {
    if (state_ != State::ready) return;
    const int left = PQflush(conn_.get());
    if (left < 0) {
      lose({trimmed(PQerrorMessage(conn_.get())), "connection"});
    } else if (left > 0) {
      event_add(write_.get(), nullptr);
    }
  }

  void on_readable() {
    if (!PQconsumeInput(conn_.get())) {
      lose({trimmed(PQerrorMessage(conn_.get())), "connection"});
      return;
    }
    if (current_) flush();
    if (state_ != State::ready) return;
    read_results();
    if (state_ == State::ready) read_notifies();
  }

  void read_results() {
    while (current_ && state_ == State::ready && !PQisBusy(conn_.get())) {
      const ResultPtr result(PQgetResult(conn_.get()));
      if (!result) {
        finish();
        continue;
      }
      switch (PQresultStatus(result.get())) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
          if (!answer_) answer_ = rows_of(result.get());
          break;
        case PGRES_FATAL_ERROR:
        case PGRES_BAD_RESPONSE: {
          const Error error = error_of(result.get());
          if (PQstatus(conn_.get()) == CONNECTION_BAD || ends_connection(error.code)) {
            lose({error.message, "connection"});
            return;
          }
          answer_ = error;
          break;
        }
        default:
          lose({std::string("unexpected result ") + PQresStatus(PQresultStatus(result.get())), "connection"});
          return;
      }
    }
  }

  void finish() {
    const Reply reply = std::move(current_->reply);
    current_.reset();
    Result<Rows> answer = answer_ ? std::move(*answer_) : Result<Rows>(Rows{});
    answer_.reset();
    reply(std::move(answer));
    pump();
  }

  void read_notifies() {
    while (state_ == State::ready) {
      PGnotify* notify = PQnotifies(conn_.get());
      if (!notify) return;
      const std::string payload = notify->extra;
      PQfreemem(notify);
      if (handlers_.notified) handlers_.notified(payload);
    }
  }

  // Time

  void arm_timer() {
    std::optional<Instant> at;
    const auto by = [&at](Instant t) { at = at ? std::min(*at, t) : t; };
    if (state_ == State::waiting) by(retry_at_);
    if (state_ == State::connecting) by(connect_deadline_);
    if (current_) by(current_->deadline);
    if (state_ != State::ready && !queue_.empty()) by(queue_.front().deadline);
    if (!at) {
      event_del(timer_.get());
      return;
    }
    const timeval wait = to_timeval(*at - BootClock::now());
    event_add(timer_.get(), &wait);
  }

  void on_timer() {
    const Instant now = BootClock::now();
    if (current_ && now >= current_->deadline) {
      lose({"the database gave no answer within " + ms_text(config_.query_timeout), "connection"});
    } else if (state_ == State::connecting && now >= connect_deadline_) {
      lookup_.reset();
      connect_failed({"no connection within " + ms_text(config_.query_timeout) + where(), "connection"});
    } else if (state_ == State::waiting && now >= retry_at_) {
      start_connect();
    }
    if (state_ != State::ready) expire(now);
    arm_timer();
  }

  void expire(Instant now) {
    while (!queue_.empty() && now >= queue_.front().deadline) {
      const Reply reply = std::move(queue_.front().reply);
      queue_.pop_front();
      reply(Error{"no connection to the database: " + last_error_, "connection"});
    }
  }

  event_base* base_;
  PgSocketConfig config_;
  Handlers handlers_;
  State state_ = State::closed;
  const std::vector<Host> hosts_;
  std::size_t good_ = 0, trying_ = 0, tried_ = 0;  // the host that answered last; the one that is tried; how many were
  std::deque<std::string> addresses_;              // of it, not yet tried
  std::unique_ptr<HostLookup> lookup_;
  Error connect_error_{"no host", "connection"};
  ConnPtr conn_;
  EventPtr timer_, kick_, io_, write_;  // after conn_: gone before its descriptor is closed
  std::deque<Query> queue_;
  std::deque<Refused> refused_;
  std::optional<Query> current_;
  std::optional<Result<Rows>> answer_;
  Instant retry_at_{}, connect_deadline_{};
  Duration backoff_{};
  std::string last_error_;
  bool in_connected_ = false;
  std::size_t first_ = 0;  // how many at the head of queue_ were made inside handlers_.connected
};

PgSocket::PgSocket(event_base* base, PgSocketConfig config, Handlers handlers)
    : impl_(std::make_unique<Impl>(base, std::move(config), std::move(handlers))) {}
PgSocket::~PgSocket() = default;
void PgSocket::open() { impl_->open(); }
bool PgSocket::is_connected() const { return impl_->is_connected(); }
void PgSocket::query(std::string sql, Params params, Reply reply) {
  impl_->query(std::move(sql), std::move(params), std::move(reply));
}

}  // namespace orrery::pg
