// What a chat server holds of one channel: its newest messages, in order and without a gap, and how far each session
// that is in it has been shown them.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"

namespace orrery::sessiond {

using ChatChannelId = Id<struct ChatChannelTag>;

/// Messages of a channel that are held for those who come, or come back.
inline constexpr std::size_t chat_lines_max = 100;

class ChatChannel {
 public:
  /// A session that is in it.
  struct Member {
    bool is_shown = false;     // its client has said from where on
    std::uint64_t cursor = 0;  // the last number that it was shown, or is not to be
    bool is_reading = false;   // what lies before `lines`, from the database
  };

  ChatChannel(ChatChannelId id, std::string kind, std::string name, std::uint64_t last)
      : id_(id), kind_(std::move(kind)), name_(std::move(name)), last_(last) {}

  ChatChannelId id() const { return id_; }
  const std::string& kind() const { return kind_; }
  const std::string& name() const { return name_; }
  /// The highest number that is known to be committed.
  std::uint64_t last() const { return last_; }
  void raise(std::uint64_t last) { last_ = std::max(last_, last); }
  /// Numbers in (begin, end] are held; before the first read nothing is known, and nobody is shown anything.
  std::uint64_t begin() const { return end_ - lines_.size(); }
  std::uint64_t end() const { return end_; }
  bool is_loaded() const { return is_loaded_; }
  bool lacks() const { return !is_loaded_ || end_ < last_; }
  /// The message with this number, as it is sent; begin() < number <= end().
  const std::string& line(std::uint64_t number) const { return lines_[number - begin() - 1]; }

  /// A committed message that follows end(); another is refused: what is between must be read first.
  bool append(std::uint64_t number, std::string line) {
    raise(number);
    if (!is_loaded_ || number != end_ + 1) return false;
    push(std::move(line));
    return true;
  }
  /// Of a read that was asked for what follows end(), or for the newest: one message. Numbers come in order; what is
  /// missing between two is not kept any more.
  void take(std::uint64_t number, std::string line) {
    raise(number);
    if (number <= end_ && is_loaded_) return;
    if (number != end_ + 1) lines_.clear();
    end_ = number - 1;
    push(std::move(line));
    is_loaded_ = true;
  }
  /// A read has given all that there is up to `last`.
  void taken_all(std::uint64_t last) {
    raise(last);
    is_loaded_ = true;
    if (end_ >= last) return;
    lines_.clear();
    end_ = last;
  }
  /// Forgets lines that everybody was shown.
  void trim() {
    while (!lines_.empty()) {
      for (const auto& [session, member] : members)
        if (member.cursor <= begin()) return;
      lines_.pop_front();
    }
  }

  std::unordered_map<SessionId, Member> members;
  bool is_reading = false;   // what follows end()
  bool reads_again = false;  // there was news while it did

 private:
  void push(std::string line) {
    lines_.push_back(std::move(line));
    ++end_;
    if (lines_.size() > chat_lines_max) lines_.pop_front();
  }

  ChatChannelId id_;
  std::string kind_, name_;
  std::uint64_t last_;
  std::uint64_t end_ = 0;
  bool is_loaded_ = false;
  std::deque<std::string> lines_;
};

}  // namespace orrery::sessiond
