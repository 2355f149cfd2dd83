#include "sessiond/hash_pool.h"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace orrery::sessiond {

HashDone run_hash_job(const HashJob& job) {
  HashDone done{.id = job.id};
  if (job.hash.empty()) {
    std::array<char, crypto_pwhash_STRBYTES> made{};
    if (crypto_pwhash_str(made.data(), job.password.data(), job.password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0)
      done.hash = made.data();
  } else {
    done.verified = crypto_pwhash_str_verify(job.hash.c_str(), job.password.data(), job.password.size()) == 0;
  }
  return done;
}

void wipe(std::string& secret) {
  secret.resize(secret.capacity());
  sodium_memzero(secret.data(), secret.size());
  secret.clear();
}

HashPool::HashPool(std::size_t threads, std::size_t queue_max, std::function<void()> wake)
    : queue_max_(queue_max), wake_(std::move(wake)) {
  const std::size_t count = std::max<std::size_t>(threads, 1);
  idle_ = count;
  for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
}

HashPool::~HashPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    for (auto& job : queue_) wipe(job.password);
    queue_.clear();
  }
  filled_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool HashPool::submit(HashJob job) {
  {
    const std::lock_guard lock(mutex_);
    // A job that an idle thread is about to take does not wait.
    const bool full = queue_.size() >= queue_max_ + idle_;
    if (!full) queue_.push_back(job);
    wipe(job.password);
    if (full) return false;
  }
  filled_.notify_one();
  return true;
}

std::vector<HashDone> HashPool::collect() {
  const std::lock_guard lock(mutex_);
  return std::exchange(done_, {});
}

void HashPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    filled_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    HashJob job = std::move(queue_.front());
    wipe(queue_.front().password);
    queue_.pop_front();
    --idle_;
    lock.unlock();
    HashDone done = run_hash_job(job);
    wipe(job.password);
    lock.lock();
    ++idle_;
    done_.push_back(std::move(done));
    lock.unlock();
    wake_();
    lock.lock();
  }
}

}  // namespace orrery::sessiond
