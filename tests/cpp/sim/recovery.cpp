#include <fmt/format.h>

#include "sim/run.h"

namespace orrery::sim {
namespace {

using namespace std::chrono_literals;

constexpr Time converged_by = 120s;
constexpr Duration calm_for = 3s, shutdown_limit = 20s;

}  // namespace

// The end

void Simulation::heal() {
  world_.trace.add("everything heals");
  world_.calm = true;
  weather_ = Weather{};
  lead_back();
  main_ticker_.runs = true;
  for (std::size_t n = 0; n < machine_count; ++n) {
    if (!machines_[n].is_on()) machines_[n].power_on();
    if (agents_[n]) agents_[n]->heal();
    restart(n, 1s);
  }
  world_.timeline.in(500ms, [this] { wish(); });
  world_.timeline.in(1s, [this] { converge(); });
}

// The DBA's and the players' wishes, said again until they are heard.
void Simulation::wish() {
  if (done_) return;
  take_over();
  if (main_.is_up) {
    const auto start = [this](const std::string& cluster) {
      const std::string state = state_of(cluster);
      if (state == "stopped") dba("start " + cluster, "orrery.cluster_start($2)", {cluster});
      if (state == "shutting_down") dba("cancel " + cluster, "orrery.cluster_shutdown_cancel($2)", {cluster});
      return state == "running" || state == "starting";
    };
    for (const auto& row :
         Rows(main_.database->rows("select name from orrery.agent where drain_at is not null order by 1"))) {
      dba("resume " + row[0], "orrery.agent_resume($2)", {row[0]});
    }
    std::vector<Key> wanted;
    if (start("red")) wanted = red_;
    if (!blue_stays_) {
      const std::string state = state_of("blue");
      if (state != "stopped" && state != "stopping") dba("shutdown blue 0", "orrery.cluster_shutdown(0, $2)", {"blue"});
    } else if (start("blue")) {
      wanted.insert(wanted.end(), blue_.begin(), blue_.end());
    }
    for (const auto& [cluster, kind, key] : wanted) {
      if (kind == "idle") continue;
      const Rows owner = main_.database->rows(
          "select s.state from orrery.placement p join orrery.server s on s.server_id = p.server_id where p.cluster = "
          "$1 and p.kind = $2 and p.key = $3",
          {cluster, kind, key});
      // One that failed loudly stays so, unless its fault has gone.
      const bool hopeless = kind == "crash" || kind == "missing";
      if (owner.empty() || (owner[0][0] == "failed" && !hopeless)) {
        dba(fmt::format("request {} {} {}", cluster, kind, key), "orrery.server_request($2, $3, $4)",
            {kind, key, cluster});
      }
    }
  }
  world_.timeline.in(1s, [this] { wish(); });
}

void Simulation::converge() {
  const Time now = world_.timeline.now();
  std::set<Key> wanted(red_.begin(), red_.end());
  if (blue_stays_) wanted.insert(blue_.begin(), blue_.end());
  std::erase_if(wanted, [](const Key& key) { return std::get<1>(key) == "idle"; });
  for (const char* kind : {"login", "chat", "guard"}) {
    wanted.emplace("red", kind, "main");
    if (blue_stays_) wanted.emplace("blue", kind, "main");
  }
  not_yet_ = !main_.is_up ? "the database is away"
                          : checker_.not_converged(
                                wanted, blue_stays_ ? std::set<std::string>{} : std::set<std::string>{"blue"});
  if (!not_yet_.empty()) {
    good_since_ = Time::max();
    if (now >= converged_by) throw Broken{"not as it should be: " + not_yet_};
  } else if (good_since_ == Time::max()) {
    good_since_ = now;
  } else if (now - good_since_ >= calm_for) {
    world_.trace.add("all is as it should be");
    world_.counts["seconds until all was well"] = static_cast<std::uint64_t>((good_since_ - trouble_until) / 1s);
    return shut_down();
  }
  world_.timeline.in(500ms, [this] { converge(); });
}

void Simulation::shut_down() {
  const Time now = world_.timeline.now();
  if (!asked_last_) {
    asked_last_ = done_ = true;
    good_since_ = now;
    for (const char* cluster : {"red", "blue"}) {
      if (state_of(cluster) != "stopped") {
        dba(fmt::format("shutdown {} 1", cluster), "orrery.cluster_shutdown(1, $2)", {cluster});
      }
    }
  }
  not_yet_ = checker_.not_converged({}, {"red", "blue"});
  if (not_yet_.empty()) {
    world_.trace.add("nothing is left");
    done_ = asked_last_ = true;
    good_since_ = Time::min();
    return;
  }
  if (now - good_since_ > shutdown_limit) throw Broken{"shut down, but not all is gone: " + not_yet_};
  world_.timeline.in(500ms, [this] { shut_down(); });
}

}  // namespace orrery::sim
