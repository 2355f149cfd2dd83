#include "agents/shim_disk.h"

#include <signal.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "agents/files.h"
#include "agents/log_file.h"

namespace orrery::agents {

// Written at once, about: a server may print a byte at a time.
static constexpr std::size_t part_bytes = 65536;

struct ShimDisk::Shared {
  struct Part {
    std::uint64_t dropped_before = 0;
    std::string text;
  };

  Shared(std::string path, std::uint64_t bytes_max, unsigned files, int fd)
      : log_path(std::move(path)), log_bytes_max(bytes_max), log_files(files), state_fd(fd) {}

  void work() {
    LogFile file(log_path, log_bytes_max, log_files);
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return over || finishing || state || !parts.empty(); });
      if (over) return;
      if (state) {
        const ShimState newest = *std::exchange(state, std::nullopt);
        lock.unlock();
        {
          const std::lock_guard writing(state_mutex);
          if (!state_is_last) write_state(state_fd, newest);
        }
        lock.lock();
      } else if (!parts.empty()) {
        const Part part = std::move(parts.front());
        parts.pop_front();
        lock.unlock();
        if (part.dropped_before > 0) file.drop(part.dropped_before, slow_disk);
        file.write(part.text, BootClock::now());
        lock.lock();
        waiting_bytes -= part.text.size();
      } else {
        const std::uint64_t dropped = std::exchange(dropped_bytes, 0);
        lock.unlock();
        if (dropped > 0) file.drop(dropped, slow_disk);
        file.finish();
        lock.lock();
        over = true;
        finished.notify_all();
      }
    }
  }

  static constexpr const char* slow_disk = "the disk is too slow";

  const std::string log_path;
  const std::uint64_t log_bytes_max;
  const unsigned log_files;
  const int state_fd;

  std::mutex mutex;  // of what follows; nobody writes to a disk under it
  std::condition_variable changed, finished;
  std::deque<Part> parts;
  std::size_t waiting_bytes = 0;    // of `parts`, and of the one that is being written
  std::uint64_t dropped_bytes = 0;  // after all of `parts`
  std::optional<ShimState> state;
  bool finishing = false, over = true;  // until start()

  std::mutex state_mutex;  // held while the state is written, so that no old one comes after the last
  bool state_is_last = false;
};

ShimDisk::ShimDisk(std::string log, std::uint64_t bytes_max, unsigned files, int state_fd)
    : shared_(std::make_shared<Shared>(std::move(log), bytes_max, files, state_fd)) {}

Status ShimDisk::start() {
  // Signals are the loop's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Status begun = ok();
  shared_->over = false;
  try {
    std::thread([shared = shared_] { shared->work(); }).detach();
  } catch (const std::system_error& refused) {
    shared_->over = true;
    begun = system_error("a thread for its log", refused.code().value());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return begun;
}

ShimDisk::~ShimDisk() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  shared_->changed.notify_all();
}

void ShimDisk::log(std::string_view text) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->waiting_bytes + text.size() > log_queue_bytes_max) {
    shared_->dropped_bytes += text.size();
    return;
  }
  shared_->waiting_bytes += text.size();
  auto& parts = shared_->parts;
  if (shared_->dropped_bytes == 0 && !parts.empty() && parts.back().text.size() < part_bytes) {
    parts.back().text += text;
  } else {
    parts.push_back({std::exchange(shared_->dropped_bytes, 0), std::string(text)});
  }
  shared_->changed.notify_all();
}

void ShimDisk::keep(const ShimState& state) {
  const std::lock_guard lock(shared_->mutex);
  shared_->state = state;
  shared_->changed.notify_all();
}

bool ShimDisk::keep_last(const ShimState& state) {
  const std::lock_guard writing(shared_->state_mutex);
  shared_->state_is_last = true;
  return write_state(shared_->state_fd, state);
}

void ShimDisk::finish(Duration limit) {
  std::unique_lock lock(shared_->mutex);
  shared_->finishing = true;
  shared_->changed.notify_all();
  shared_->finished.wait_for(lock, limit, [this] { return shared_->over; });
}

}  // namespace orrery::agents
