#include "sessiond/udp_loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "base/log.h"
#include "pg/control_api.h"
#include "sessiond/chat_core.h"
#include "sessiond/database_calls.h"
#include "sessiond/hash_pool.h"
#include "sessiond/login_core.h"
#include "sessiond/loop_timer.h"
#include "sessiond/session_host.h"
#include "sessiond/udp_socket.h"
#include "sessiond/unix_socket.h"
#include "sessiond/zone_core.h"

namespace orrery::sessiond {
namespace {

/// Batches received in one callback, so that a flood does not keep timers waiting.
constexpr int batches_max = 8;
constexpr int agent_messages_max = 64;
constexpr timeval statistics_each{60, 0};

struct BaseFree {
  void operator()(event_base* base) const { event_base_free(base); }
};
struct EventFree {
  void operator()(event* e) const { event_free(e); }
};
using EventPtr = std::unique_ptr<event, EventFree>;

std::unique_ptr<Role> make_role(const std::string& name, SessionHost& host) {
  if (name == "login") return std::make_unique<LoginCore>(host);
  if (name == "chat") return std::make_unique<ChatCore>(host);
  return std::make_unique<ZoneCore>(host);
}

class Loop {
 public:
  Loop(const std::string& role, const Environment& environment, const Credential& credential, UdpSocket public_socket,
       UdpSocket private_socket, UnixSocket agent, LoopTimer timer)
      : environment_(environment),
        base_(event_base_new()),
        timer_(std::move(timer)),
        public_(std::move(public_socket)),
        private_(std::move(private_socket)),
        agent_(std::move(agent)),
        ready_(agent_, environment.notify_socket),
        wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        host_({environment.cluster, environment.kind, environment.key, role, environment.server, environment.epoch},
              random_, BootClock::now()),
        role_(make_role(role, host_)),
        pg_(base_.get(),
            {.conninfo = credential.conninfo,
             .application_name = "orrery-sessiond " + environment.kind + " " + environment.key},
            {.connected = [this] { on_database(true, {}); },
             .disconnected = [this](const Error& error) { on_database(false, error.message); },
             .notified = [](const std::string&) {}}),
        api_(pg_, {environment.server, environment.epoch, credential.token}) {}

  int run() {
    watch(timer_.fd(), [](evutil_socket_t, short, void* self) { as(self).on_timer(); });
    watch(public_.fd(), [](evutil_socket_t, short, void* self) { as(self).on_public(); });
    watch(private_.fd(), [](evutil_socket_t, short, void* self) { as(self).on_private(); });
    watch(agent_.fd(), [](evutil_socket_t, short, void* self) { as(self).on_agent(); });
    watch(wake_.get(), [](evutil_socket_t, short, void* self) { as(self).on_hashes(); });
    for (const int signal : {SIGTERM, SIGINT}) {
      events_.emplace_back(event_new(
          base_.get(), signal, EV_SIGNAL | EV_PERSIST,
          [](evutil_socket_t, short, void* self) { as(self).on_terminate(); }, this));
      event_add(events_.back().get(), nullptr);
    }
    events_.emplace_back(event_new(
        base_.get(), -1, EV_PERSIST, [](evutil_socket_t, short, void* self) { as(self).log_statistics(); }, this));
    event_add(events_.back().get(), &statistics_each);

    pg_.open();
    host_.start(*role_, BootClock::now());
    pump();
    if (!exit_code_) event_base_dispatch(base_.get());
    log_statistics();
    return exit_code_.value_or(1);
  }

 private:
  static Loop& as(void* self) { return *static_cast<Loop*>(self); }

  void watch(int fd, event_callback_fn callback) {
    events_.emplace_back(event_new(base_.get(), fd, EV_READ | EV_PERSIST, callback, this));
    event_add(events_.back().get(), nullptr);
  }

  void on_timer() {
    timer_.rung();
    pump();
  }

  void on_public() {
    for (int i = 0; i < batches_max; ++i) {
      const auto batch = public_.receive();
      if (batch.empty()) break;
      host_.on_datagrams(batch, BootClock::now());
      if (batch.size() < UdpSocket::batch_max) break;
    }
    pump();
  }

  void on_private() {
    for (int i = 0; i < batches_max; ++i) {
      const auto batch = private_.receive();
      const Instant now = BootClock::now();
      for (const auto& datagram : batch) host_.on_private_datagram(datagram, now);
      if (batch.size() < UdpSocket::batch_max) break;
    }
    pump();
  }

  void on_agent() {
    for (int i = 0; i < agent_messages_max; ++i) {
      const auto text = agent_.receive();
      if (!text) break;
      host_.on_agent_message(*text, BootClock::now());
    }
    pump();
  }

  void on_hashes() {
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof(count));
    for (const auto& done : hashes_->collect()) host_.on_hash_done(done, BootClock::now());
    pump();
  }

  void on_terminate() {
    host_.on_terminate(BootClock::now());
    pump();
  }

  void on_database(bool up, std::string why) {
    // libpq's words have several lines.
    std::replace_if(
        why.begin(), why.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    // Said once for each time that it goes or comes, however often connecting fails.
    if (up && database_ != true) spdlog::info("database: connected");
    if (!up && database_ != false) spdlog::warn("database: away ({}); players stay connected, calls wait", why);
    database_ = up;
    host_.on_database(up, BootClock::now());
    pump();
  }

  /// Sends what is to be sent, carries out what the cores ask, and arms the timer. Called after every event.
  void pump() {
    if (exit_code_) return;
    const Instant now = BootClock::now();
    bool more = true;
    while (more) {
      for (wire::Slot slot = public_.slot(); host_.poll_transmit(slot, now); slot = public_.slot())
        public_.commit(slot);
      public_.flush();
      more = false;
      Effect effect;
      while (host_.poll_effect(effect)) {
        std::visit([this](auto& asked) { carry_out(asked); }, effect);
        more = true;
      }
    }
    if (exit_code_) {
      event_base_loopbreak(base_.get());
      return;
    }
    if (const auto next = host_.next_deadline()) timer_.ring_at(*next);
  }

  void carry_out(DatabaseCall& call) {
    auto answer = [this, id = call.id](Result<Json> got) {
      host_.on_database_answer(id, std::move(got), BootClock::now());
      pump();
    };
    ask(api_, call.request, std::move(answer));
  }
  void carry_out(HashJob& job) {
    if (!hashes_) {
      const auto count = [this](const char* name) {
        return static_cast<std::size_t>(std::max<std::int64_t>(host_.setting(name), 1));
      };
      hashes_ = std::make_unique<HashPool>(count("hash_threads"), count("hash_queue_max"), [fd = wake_.get()] {
        const std::uint64_t one = 1;
        (void)!::write(fd, &one, sizeof(one));
      });
    }
    // The core asks for no more than the pool takes; were it to, the job fails as a wrong password does.
    const HashId id = job.id;
    const bool taken = hashes_->submit(job);
    wipe(job.password);
    if (!taken) host_.on_hash_done(HashDone{.id = id}, BootClock::now());
  }
  void carry_out(LinkSend& link) { private_.send(link.to, link.bytes); }
  void carry_out(AgentSend& news) {
    (void)agent_.send(environment_.agent_socket, news.text);
    ready_.repeat();
  }
  void carry_out(ServerReady&) {
    spdlog::info("ready: {} {} of {} on {}", environment_.kind, environment_.key, environment_.cluster,
                 environment_.public_bind.to_string());
    if (!ready_.say()) spdlog::warn("READY=1 could not be told to {}; trying again", environment_.notify_socket);
  }
  void carry_out(Stopping&) { (void)agent_.send(environment_.notify_socket, "STOPPING=1"); }
  void carry_out(Exit& exit) {
    if (!exit.why.empty()) (void)agent_.send(environment_.notify_socket, "STATUS=" + exit.why);
    exit_code_ = exit.code;
  }

  void log_statistics() {
    const wire::Statistics none;
    const auto& w = host_.has_endpoint() ? host_.endpoint().statistics() : none;
    const auto& h = host_.statistics();
    spdlog::info(
        "in the whole: {} sessions, {} connections; {} datagrams in, {} out, {} pieces resent; "
        "dropped: {} malformed, {} unknown, {} sealed, {} replayed, {} limited, {} by the kernel, {} unsent; "
        "private: {} in, {} dropped; messages: {} malformed, {} ignored; {} tokens renewed; {}",
        host_.sessions().size(), host_.connections().size(), w.datagrams_received, w.datagrams_sent, w.pieces_resent,
        w.dropped_malformed, w.dropped_unknown, w.dropped_sealed, w.dropped_replayed, w.dropped_limited,
        public_.kernel_drops(), public_.send_drops(), h.private_received, h.private_dropped, h.messages_malformed,
        h.messages_ignored, h.tokens_renewed, role_->statistics());
  }

  const Environment& environment_;
  std::unique_ptr<event_base, BaseFree> base_;
  LoopTimer timer_;
  UdpSocket public_, private_;
  UnixSocket agent_;
  ReadyNotice ready_;
  Descriptor wake_;
  SystemRandom random_;
  SessionHost host_;
  std::unique_ptr<Role> role_;
  std::unique_ptr<HashPool> hashes_;
  std::vector<EventPtr> events_;
  std::optional<bool> database_;
  std::optional<int> exit_code_;
  // Last, so that its callbacks find everything else still there.
  pg::PgSocket pg_;
  pg::SessionApi api_;
};

}  // namespace

int run_server(const std::string& role, const Environment& environment, const Credential& credential) {
  auto public_socket = UdpSocket::bind(environment.public_bind);
  auto private_socket = UdpSocket::bind(environment.private_bind);
  auto agent = UnixSocket::bind(environment.server_socket);
  const auto failed = [&environment](const Error& error) {
    spdlog::error("{}", error.message);
    (void)UnixSocket::unbound().send(environment.notify_socket, "STATUS=" + error.message);
    return 1;
  };
  if (!public_socket) return failed(public_socket.error());
  if (!private_socket) return failed(private_socket.error());
  if (!agent) return failed(agent.error());
  auto timer = LoopTimer::make();
  if (!timer) return failed(timer.error());
  return std::make_unique<Loop>(role, environment, credential, std::move(*public_socket), std::move(*private_socket),
                                std::move(*agent), std::move(*timer))
      ->run();
}

}  // namespace orrery::sessiond
