// What an agent says and does, held against what the database answered it and what its machine did: what it was told of
// clusters, relays and listening by then it must know, and what it acknowledges must have been done.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "sim/database.h"
#include "sim/world.h"

namespace orrery::sim {

/// What the tables say at the moment when an agent's heartbeat is carried out: once it has the answer, it knows.
struct Known {
  struct Cluster {
    std::string state, notice_id;
    std::optional<Duration> left;  // until it stops
    std::string shutdown_at;
  };
  Time at{};
  std::map<std::string, Cluster> clusters;
  bool listens = false;
  std::map<std::uint64_t, Address> relays;  // agent → private address

  static Known read(Database& database, const std::string& agent, Time now, Duration wall);
};

class AgentAudit {
 public:
  AgentAudit(World& world, Machine& machine) : world_(world), machine_(machine) {}

  /// Before the core has the answer to a heartbeat.
  void answered(const Json& answer, const Known& known);
  /// After that.
  void heard() const;
  /// What it knew counts no more until its next heartbeat is answered.
  void registered() {
    known_.reset();
    is_registered_ = true;
  }
  /// It hears no answers until it has registered anew.
  void refused() {
    known_.reset();
    is_registered_ = false;
  }

  void listens(bool listens) { listens_ = listens; }
  void told(const agents::Tell& tell) const;
  void reported(const Json& reports) const;
  void relayed(const Address& to) { relayed_.insert(to.to_string()); }
  /// Around a doorbell.
  void bell_begins() { relayed_.clear(); }
  void bell_ends(const std::string& payload) const;

 private:
  struct Command {
    std::string verb;
    ServerRef ref;
  };

  World& world_;
  Machine& machine_;
  std::map<std::uint64_t, Command> given_;
  std::optional<Known> known_;
  std::map<std::string, std::pair<Time, Time>> stops_;  // cluster → when it stops: at the earliest, at the latest
  bool listens_ = false, is_registered_ = false;
  std::set<std::string> relayed_;
};

}  // namespace orrery::sim
