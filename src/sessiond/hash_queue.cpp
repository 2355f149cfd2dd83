#include "sessiond/hash_queue.h"

#include <algorithm>

namespace orrery::sessiond {
namespace {

/// The mean follows the last this many.
constexpr int mean_over = 8;

}  // namespace

const Address* HashQueue::longest() const {
  const auto found = std::max_element(lines_.begin(), lines_.end(),
                                      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  return found == lines_.end() ? nullptr : &found->first;
}

bool HashQueue::takes(const Address& from) const {
  if (waiting_ < waiting_max_) return true;
  const auto own = lines_.find(from.network());
  const Address* most = longest();
  // One more than it would have itself: else two networks would take each other's place in turn.
  return most != nullptr && lines_.at(*most).size() > (own == lines_.end() ? 0 : own->second.size()) + 1;
}

HashQueue::Added HashQueue::add(wire::ConnectionId who, const Address& from) {
  if (!takes(from)) return {};
  Added added{.taken = true};
  if (waiting_ >= waiting_max_) {
    const Address most = *longest();
    Line& line = lines_.at(most);
    added.displaced = line.back();
    line.pop_back();
    --waiting_;
    drop_line_if_empty(most);
  }
  Line& line = lines_[from.network()];
  if (line.empty()) turns_.push_back(from.network());
  line.push_back(who);
  ++waiting_;
  return added;
}

std::optional<wire::ConnectionId> HashQueue::next(Instant now) {
  if (under_way_.size() >= threads_ || turns_.empty()) return std::nullopt;
  const Address network = turns_.front();
  turns_.pop_front();
  Line& line = lines_.at(network);
  const wire::ConnectionId who = line.front();
  line.pop_front();
  --waiting_;
  if (line.empty())
    lines_.erase(network);
  else
    turns_.push_back(network);
  under_way_[who] = now;
  return who;
}

void HashQueue::done(wire::ConnectionId who, Instant now) {
  const auto found = under_way_.find(who);
  if (found == under_way_.end()) return;
  hash_time_ += (now - found->second - hash_time_) / mean_over;
  under_way_.erase(found);
}

void HashQueue::cancel(wire::ConnectionId who, const Address& from) {
  const auto line = lines_.find(from.network());
  if (line == lines_.end()) return;
  const auto place = std::find(line->second.begin(), line->second.end(), who);
  if (place == line->second.end()) return;
  line->second.erase(place);
  --waiting_;
  drop_line_if_empty(from.network());
}

void HashQueue::drop_line_if_empty(const Address& network) {
  if (!lines_.at(network).empty()) return;
  lines_.erase(network);
  turns_.erase(std::find(turns_.begin(), turns_.end(), network));
}

Duration HashQueue::wait() const {
  const auto ahead = static_cast<std::int64_t>(waiting_ + under_way_.size());
  return hash_time_ * ahead / static_cast<std::int64_t>(threads_);
}

}  // namespace orrery::sessiond
