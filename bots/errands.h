// What a bot orders of the game: it travels from place to place, mines, and brings its ore to a hangar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/client.h"
#include "options.h"
#include "report.h"

namespace orrery::bots {

class Errands {
 public:
  /// All references outlive it.
  Errands(const Options& options, const Behaviours& does, const std::string& name, const Journal& journal,
          Report& report, Random& random);

  /// With a client that has ordered nothing yet.
  void begin();
  /// In play at a place, for the first time or again.
  void on_entered(const std::string& kind, const std::string& key, Instant now);
  void on_done(const client::CommandDone& done, Instant now);
  /// Orders what is due.
  void act(client::Client& client, Instant now);
  /// Nothing: it has none.
  std::optional<Instant> deadline() const;
  bool is_travelling() const { return travel_.has_value(); }

  /// The asteroid that is nearest, as the last snapshot showed it, and how far.
  void sees_asteroid(std::uint32_t entity, double distance_m);
  void sees_no_asteroid() { asteroid_.reset(); }

 private:
  struct Exit {
    std::string kind, key;
  };
  void learn(const std::string& look);
  void travel(client::Client& client, Instant now);
  void mine(client::Client& client, Instant now);

  const Options& options_;
  const Behaviours& does_;
  const std::string& name_;
  const Journal& journal_;
  Report& report_;
  Random& random_;

  std::string kind_, key_;
  std::vector<Exit> exits_;
  bool has_cargo_ = false;  // and is where it can be unloaded
  // Ids of commands without a result.
  std::optional<std::uint64_t> look_, travel_, mine_, unload_;
  bool has_looked_ = false;
  std::optional<std::uint32_t> asteroid_;
  Instant travel_at_{}, mine_at_{};
};

}  // namespace orrery::bots
