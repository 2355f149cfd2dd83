// Inside of ProcessHost. Member functions stand by subject: process_host.cpp (starting, finding again, what is told),
// process_host_shims.cpp (what shims say and are told, how they end).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "agents/leftovers.h"
#include "agents/process_host.h"
#include "agents/shim_plan.h"
#include "agents/spawn_plan.h"
#include "agents/sweeper.h"

namespace orrery::agents {

class ProcessHost::Impl {
  static constexpr Duration tick_every = std::chrono::seconds{1};

 public:
  Impl(event_base* base, ProcessHostConfig config, Handlers handlers);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status open();
  Result<std::vector<Event>> adopt();
  void spawn(const Spawn& spawn);
  void steer(const Steer& steer);
  void forget(ServerRef ref);
  void tell(ServerRef ref, const std::string& text, std::optional<CommandId> command);

 private:
  // running: its shim lives. sweeping: that is gone, and of what it ran there may be something left. ended: its exit is
  // told; its shim is gone too, or hangs in the disk after its last word (pidfd).
  enum class Phase { running, sweeping, ended };
  // A start of which it is not known whether it was made before, and what was wanted of it meanwhile.
  struct Unclear {
    Spawn spawn;
    std::optional<Steer> wish;

    void hear(const Steer& steer) {
      wish = steer;
      if (!steer.keep_lease) spawn.lease_until = steer.lease_until;
    }
    bool is_wanted() const {
      const bool is_lease_over = !spawn.hold && spawn.lease_until && *spawn.lease_until <= BootClock::now();
      return !is_lease_over && !(wish && wish->stop_by);
    }
  };
  struct Server {
    Impl* host;
    ServerRef ref;
    std::string directory;
    ShimPlan plan;
    Phase phase = Phase::running;
    ShimState state{};  // as last heard
    Fd pidfd{};         // of the shim; -1 while that is not known, and once it has ended
    bool told_started = false, told_ready = false;
    std::string told_counters{};
    bool silenced = false;      // its shim was killed for its silence
    bool is_forgotten = false;  // as soon as its shim has ended
    unsigned silent_ticks = 0;
    std::optional<ShimWish> wish{};
    bool wish_sent = true;
    EventPtr end_event{};
  };

  struct Call {
    Impl* host;
    void (*act)(Impl&);
  };

  // Small things.
  Server* find(ServerRef ref) {
    const auto found = servers_.find(ref);
    return found == servers_.end() ? nullptr : &found->second;
  }
  bool in_use(const std::string& directory) const;
  void remove(const std::string& path);
  static std::uint32_t low_half(Epoch epoch) { return static_cast<std::uint32_t>(epoch.value); }
  void listen(EventPtr& into, int fd, void (*act)(Impl&)) { into = make_event(fd, EV_READ | EV_PERSIST, act); }
  void after(EventPtr& into, void (*act)(Impl&)) { into = make_event(-1, 0, act); }
  EventPtr make_event(int fd, short what, void (*act)(Impl&));
  static void schedule(const EventPtr& event, Duration wait) {
    const timeval time = to_timeval(wait);
    event_add(event.get(), &time);
  }
  void post(std::function<void()> tell);
  void give_posted();
  void post_started(const Server& server);
  void post_failed(ServerRef ref, std::string why);
  void post_last_word(const Server& server);

  // Starting and finding again.
  Status begin(const Spawn& spawn);
  void answer_again(Server& server);
  Result<bool> take_over_start(ServerRef ref);
  Result<bool> take_over(const std::string& directory, ServerId id, std::uint32_t low);
  Result<bool> end_without_plan(const std::string& directory, ServerId id, std::uint32_t low);
  Event found(const Server& server);

  // Wishes and news.
  void send_wish(Server& server);
  void watch(Server& server);
  void hear_shims();
  void believe(Server& server, pid_t shim_pid);
  void tell_counters(Server& server);
  void learn(Server& server, const ShimState& state);
  void hear_servers();

  // Ending.
  void on_shim_end(Server& server);
  void on_shim_gone(Server& server);
  void sweep_soon(Server& server);
  void conclude(Server& server);
  ProcessExited exit_of(const Server& server) const;
  bool sweep_once();
  void sweep();

  // Each second.
  void tick();
  bool find_shim(Server& server);
  void kill_unknown_shim(Server& server);
  static void say_silent(Server& server);
  void look_for_old();
  bool is_needed(const std::string& path) const;

  event_base* base_;
  ProcessHostConfig config_;
  Handlers handlers_;
  std::string boot_id_;
  SpawnPlanner planner_{config_};
  Sweeper sweeper_{planner_.servers_path()};
  Fd shims_socket_, servers_socket_;
  std::deque<Call> calls_;
  EventPtr shims_event_, servers_event_, post_event_, sweep_event_, tick_event_;
  std::deque<std::function<void()>> posted_;
  std::map<ServerRef, Server> servers_;
  std::map<ServerRef, Unclear> unclear_;  // to be started once it is known that they were not
  Leftovers leftovers_;
  int sweeps_ = 0;
  unsigned ticks_ = 0;
};

}  // namespace orrery::agents
