#include "agents/leftovers.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

#include "agents/fd.h"
#include "agents/files.h"
#include "agents/json_read.h"
#include "agents/text.h"
#include "base/bytes.h"
#include "base/random.h"

namespace orrery::agents {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view taken_prefix = ".removed-";
constexpr std::int64_t gap_max_s = 24 * 3600;
constexpr std::size_t known_bytes = 128;

std::int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t touched_at(const fs::path& path, std::error_code& error) {
  const auto time = fs::last_write_time(path, error);
  return error ? 0
               : std::chrono::duration_cast<std::chrono::seconds>(
                     std::chrono::file_clock::to_sys(time).time_since_epoch())
                     .count();
}

}  // namespace

Result<bool> is_clock_known(const std::string& path, std::int64_t now, std::int64_t seconds) {
  const Result<std::string> text = read_file(path);
  const Json kept = text ? Json::parse(*text, nullptr, false) : Json();
  const std::int64_t last = read_int(kept, "last_s", 0);
  const bool goes_on = last <= now && now - last <= gap_max_s;
  const std::int64_t since = goes_on ? read_int(kept, "since_s", now) : now;
  // In place: on a full disk, where it matters most, there is room for nothing new.
  std::string line = to_text(Json{{"since_s", since}, {"last_s", now}});
  line.resize(known_bytes, ' ');
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd || !write_all(fd.get(), line) || ftruncate(fd.get(), known_bytes) != 0 || fsync(fd.get()) != 0) {
    return system_error(path);
  }
  return now - since >= seconds;
}

std::vector<std::string> old_in(const std::string& directory, std::int64_t before) {
  std::vector<std::string> old;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(taken_prefix)) continue;
    std::error_code unknown;
    std::int64_t newest = touched_at(it->path(), unknown);
    if (unknown) continue;
    if (it->is_directory(unknown) && !it->is_symlink(unknown)) {
      for (fs::recursive_directory_iterator inner(it->path(), fs::directory_options::skip_permission_denied, unknown),
           stop;
           !unknown && inner != stop && newest < before; inner.increment(unknown)) {
        std::error_code gone;
        newest = std::max(newest, touched_at(inner->path(), gone));
      }
    }
    if (newest < before && !unknown) old.push_back(it->path());
  }
  return old;
}

struct Leftovers::Shared {
  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return over || !jobs.empty(); });
      if (over) return;
      const auto job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }
  void post(std::function<void()> job) {
    const std::lock_guard lock(mutex);
    jobs.push_back(std::move(job));
    changed.notify_all();
  }
  void complain(std::string text) {
    const std::lock_guard lock(mutex);
    errors.push_back(std::move(text));
  }
  void remove_taken(const std::string& directory) {
    std::vector<fs::path> taken;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
      if (it->path().filename().string().starts_with(taken_prefix)) taken.push_back(it->path());
    }
    if (error) complain("cannot look into " + directory + ": " + error.message());
    for (const fs::path& path : taken) {
      fs::remove_all(path, error);
      if (error) complain("cannot remove " + path.string() + ": " + error.message());
    }
  }
  void look_for_old(const std::string& known_path, const std::vector<std::string>& directories, std::int64_t seconds) {
    const std::int64_t now = seconds_now();
    const Result<bool> known = is_clock_known(known_path, now, seconds);
    if (!known) return complain("nothing old is removed: " + known.error().message);
    if (!*known) return;
    for (const std::string& directory : directories) {
      std::vector<std::string> old = old_in(directory, now - seconds);
      const std::lock_guard lock(mutex);
      found.insert(found.end(), old.begin(), old.end());
    }
  }

  std::mutex mutex;  // of what follows; nobody touches a disk under it
  std::condition_variable changed;
  std::deque<std::function<void()>> jobs;
  std::vector<std::string> found, errors;
  bool over = false;
};

Leftovers::Leftovers() : shared_(std::make_shared<Shared>()) {}

Leftovers::~Leftovers() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  shared_->changed.notify_all();
}

Status Leftovers::start() {
  // Signals are the loop's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Status begun = ok();
  try {
    std::thread([shared = shared_] { shared->work(); }).detach();
  } catch (const std::system_error& refused) {
    begun = system_error("a thread", refused.code().value());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return begun;
}

Status Leftovers::remove(const std::string& path) {
  std::array<std::uint8_t, 8> random{};
  SystemRandom().fill(random);
  const fs::path from = path, directory = from.parent_path();
  const fs::path to = directory / (std::string(taken_prefix) + from.filename().string() + "." + to_hex(random));
  if (rename(from.c_str(), to.c_str()) != 0) return errno == ENOENT ? ok() : Status(system_error("remove " + path));
  remove_taken(directory);
  return ok();
}

void Leftovers::remove_taken(const std::string& directory) {
  shared_->post([shared = shared_.get(), directory] { shared->remove_taken(directory); });
}

void Leftovers::look_for_old(const std::string& known_path, std::vector<std::string> directories,
                             std::int64_t seconds) {
  shared_->post([shared = shared_.get(), known_path, directories = std::move(directories), seconds] {
    shared->look_for_old(known_path, directories, seconds);
  });
}

std::vector<std::string> Leftovers::found() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->found, {});
}

std::vector<std::string> Leftovers::errors() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->errors, {});
}

}  // namespace orrery::agents
