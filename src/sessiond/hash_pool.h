// Password hashing off the loop: a few threads, a bounded queue, answers collected by the loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "sessiond/effects.h"

namespace orrery::sessiond {

/// Does one job, here and now: tens of milliseconds of a core and 64 MiB (Argon2id, interactive cost).
HashDone run_hash_job(const HashJob& job);

/// Empties `secret` and zeroes what held it. For moved-from strings too: short ones leave their characters behind.
void wipe(std::string& secret);

class HashPool {
 public:
  /// At least one thread. `queue_max`: jobs that wait beyond those under way. `wake` is called from the threads each
  /// time an answer is there; it must not call back into the pool.
  HashPool(std::size_t threads, std::size_t queue_max, std::function<void()> wake);
  /// Drops what waits, and waits for what is under way.
  ~HashPool();
  HashPool(const HashPool&) = delete;
  HashPool& operator=(const HashPool&) = delete;

  /// False when the queue is full; the job is not taken then.
  bool submit(HashJob job);
  /// Answers since the last call.
  std::vector<HashDone> collect();

 private:
  void work();

  const std::size_t queue_max_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<HashJob> queue_;
  std::vector<HashDone> done_;
  bool stop_ = false;
  std::size_t idle_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace orrery::sessiond
