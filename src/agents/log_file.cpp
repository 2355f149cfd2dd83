#include "agents/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration again_after = 1s;
constexpr std::uint64_t bytes_max_least = 1024;
constexpr unsigned files_most = 1000;

}  // namespace

LogFile::LogFile(std::string path, std::uint64_t bytes_max, unsigned files)
    : path_(std::move(path)),
      bytes_max_(std::max(bytes_max, bytes_max_least)),
      files_(std::clamp(files, 1U, files_most)) {
  open_file();
}

// Another shim may write to the same log (the server's former start, while it ends) and rename it: what counts is the
// file that is there.
bool LogFile::open_file() {
  struct stat info {};
  if (fd_) {
    if (fstat(fd_.get(), &info) == 0 && info.st_nlink > 0) {
      size_ = static_cast<std::uint64_t>(info.st_size);
      return true;
    }
    fd_ = Fd();
  }
  fd_ = Fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd_ || fstat(fd_.get(), &info) != 0) return false;
  size_ = static_cast<std::uint64_t>(info.st_size);
  return true;
}

void LogFile::rotate() {
  struct stat ours {
  }, there{};
  const bool same = fstat(fd_.get(), &ours) == 0 && stat(path_.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
                    ours.st_dev == there.st_dev;
  const auto name = [this](unsigned number) { return number == 0 ? path_ : path_ + "." + std::to_string(number); };
  if (same) {
    bool moved = files_ > 1;
    for (unsigned number = files_ - 1; number > 0; --number) {
      if (rename(name(number - 1).c_str(), name(number).c_str()) != 0 && number == 1) moved = false;
    }
    if (!moved && ftruncate(fd_.get(), 0) == 0) {
      size_ = 0;
      return;
    }
  }
  fd_ = Fd();
}

bool LogFile::put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(fd_.get(), text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      dropped_bytes_ += text.size();
      dropped_why_ = std::strerror(size < 0 ? errno : ENOSPC);
      return false;
    }
    size_ += static_cast<std::uint64_t>(size);
    line_open_ = text[static_cast<std::size_t>(size) - 1] != '\n';
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

bool LogFile::say_dropped() {
  const std::uint64_t bytes = dropped_bytes_;
  const std::string line = std::string(line_open_ ? "\n" : "") + "[orrery-shim: " + std::to_string(bytes) +
                           " bytes were dropped here: " + dropped_why_ + "]\n";
  if (!make_room(line.size())) return false;
  dropped_bytes_ = 0;
  if (put(line)) return true;
  dropped_bytes_ = bytes;
  return false;
}

// True when there is a file with room for `bytes`, be it for want of a better one.
bool LogFile::make_room(std::uint64_t bytes) {
  if (open_file() && size_ > 0 && size_ + bytes > bytes_max_) rotate();
  if (open_file() && size_ < bytes_max_) return true;
  dropped_why_ = std::strerror(fd_ ? EFBIG : errno);
  return false;
}

void LogFile::write(std::string_view text, Instant now) {
  if (dropped_bytes_ > 0 && now < again_at_) {
    dropped_bytes_ += text.size();
    return;
  }
  while (!text.empty()) {
    if (dropped_bytes_ > 0 && !say_dropped()) break;
    // A line that would be cut begins in the next file, unless it is longer than one.
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    if (!make_room(line_open_ || line.empty() || line.size() > bytes_max_ ? 1 : line.size())) break;
    std::string_view part = text.substr(0, bytes_max_ - size_);
    if (const auto end = part.rfind('\n'); part.size() < text.size() && end != std::string_view::npos) {
      part = part.substr(0, end + 1);
    }
    text.remove_prefix(part.size());
    if (!put(part)) break;
  }
  if (dropped_bytes_ == 0 && text.empty()) return;
  dropped_bytes_ += text.size();
  again_at_ = now + again_after;
}

void LogFile::drop(std::uint64_t bytes, const std::string& why) {
  dropped_bytes_ += bytes;
  dropped_why_ = why;
}

void LogFile::finish() {
  if (dropped_bytes_ > 0) say_dropped();
}

}  // namespace orrery::agents
