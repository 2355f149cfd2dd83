// Calls of the database that carry many entries: what is asked while one is under way goes out with the next.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sessiond/effects.h"

namespace orrery::sessiond {

/// The database cannot take what stood in the call, however often it is asked.
bool is_bad_data(const Error& error);

/// Entries of one database function. One call is under way at a time; its answer is an array of objects, matched to
/// the entries by their reference. A call that is refused as a whole for its data is asked anew entry by entry, so that
/// one cannot spoil the others.
class CallBatch {
 public:
  static constexpr std::size_t entries_max = 200;  // of a call: docs/control.md

  using Ref = std::uint64_t;
  /// The entry's answer; or its error, or that of the whole call: `unanswered` when the database left it out, "json"
  /// when `Done` itself found it unreadable (then it is called once more).
  using Done = std::function<void(Result<Json>, Instant)>;
  using Send = std::function<void(Json entries, Done answer)>;
  static constexpr const char* unanswered = "unanswered";

  /// `member`: what entries and answers call their reference.
  explicit CallBatch(Send send, std::string member = "ref") : send_(std::move(send)), member_(std::move(member)) {}
  CallBatch(const CallBatch&) = delete;
  CallBatch& operator=(const CallBatch&) = delete;

  /// Asks at the next flush() at which no call is under way. `entry` wins its reference.
  Ref add(Json entry, Done done) { return add(++last_ref_, std::move(entry), std::move(done)); }
  /// The same under a reference of the caller's, which must not be in use: pending(ref).
  Ref add(Ref ref, Json entry, Done done);
  bool pending(Ref ref) const { return asked_.contains(ref); }
  /// Takes back what has not gone out yet; `done` is not called. What has gone out is answered.
  void cancel(Ref ref);
  /// To be called after each event.
  void flush();

  std::size_t waiting() const { return waiting_.size(); }
  std::uint64_t calls() const { return calls_; }
  std::uint64_t entries() const { return entries_; }

 private:
  struct Asked {
    Json entry;
    Done done;
    bool sent = false;
  };
  void on_answer(const std::vector<Ref>& refs, Result<Json> answer, Instant now);
  void finish(Ref ref, Result<Json> answer, Instant now);

  Send send_;
  std::string member_;
  std::unordered_map<Ref, Asked> asked_;
  std::deque<Ref> waiting_;
  bool under_way_ = false;
  std::size_t singly_ = 0;  // so many at the head of waiting_ go one by one
  Ref last_ref_ = 0;
  std::uint64_t calls_ = 0, entries_ = 0;
};

}  // namespace orrery::sessiond
