// The hosts of a connection string, to be tried one by one, and their addresses.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

struct event_base;

namespace orrery::pg {

/// What libpq is told of one host; what is empty it is not told.
struct Host {
  std::string name;     // name, numeric address, or directory of a unix socket
  std::string address;  // numeric; libpq asks no resolver when it is given
  std::string port;
  /// Whether `name` has to be resolved before libpq is called, which would block.
  bool is_name() const;
};

/// The hosts that a conninfo names, in its order. One without anything when it names none, cannot be read, or its lists
/// are of different lengths: libpq says so itself.
std::vector<Host> hosts_of(const std::string& conninfo);

/// Resolves a name in a thread of its own, for the resolver blocks.
class HostLookup {
 public:
  using Done = std::function<void(Result<std::vector<std::string>>)>;
  /// `done` is called once, from the loop: with numeric addresses, one at least, or an Error. Not after its end.
  HostLookup(event_base* base, const std::string& name, Done done);
  ~HostLookup();
  HostLookup(const HostLookup&) = delete;
  HostLookup& operator=(const HostLookup&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery::pg
