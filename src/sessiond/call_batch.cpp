#include "sessiond/call_batch.h"

#include <algorithm>

#include "base/log.h"

namespace orrery::sessiond {

bool is_bad_data(const Error& error) {
  return error.code == "OR003" || error.code.starts_with("22") || error.code.starts_with("23");
}

CallBatch::Ref CallBatch::add(Ref ref, Json entry, Done done) {
  entry[member_] = ref;
  asked_.emplace(ref, Asked{std::move(entry), std::move(done)});
  waiting_.push_back(ref);
  return ref;
}

void CallBatch::cancel(Ref ref) {
  const auto found = asked_.find(ref);
  if (found == asked_.end() || found->second.sent) return;
  asked_.erase(found);
  const auto place = std::find(waiting_.begin(), waiting_.end(), ref);
  if (static_cast<std::size_t>(place - waiting_.begin()) < singly_) --singly_;
  waiting_.erase(place);
}

void CallBatch::flush() {
  if (under_way_ || waiting_.empty()) return;
  const std::size_t count = singly_ > 0 ? 1 : std::min(waiting_.size(), entries_max);
  if (singly_ > 0) --singly_;
  const std::vector<Ref> refs(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  Json entries = Json::array();
  for (const Ref ref : refs) {
    Asked& asked = asked_.at(ref);
    asked.sent = true;
    entries.push_back(asked.entry);
  }
  under_way_ = true;
  ++calls_;
  entries_ += count;
  send_(std::move(entries),
        [this, refs](Result<Json> answer, Instant now) { on_answer(refs, std::move(answer), now); });
}

void CallBatch::on_answer(const std::vector<Ref>& refs, Result<Json> answer, Instant now) {
  under_way_ = false;
  if (!answer && refs.size() > 1 && is_bad_data(answer.error())) {
    spdlog::error("a call with {} entries is refused ({}: {}); they are asked one by one", refs.size(),
                  answer.error().code, answer.error().message);
    for (const Ref ref : refs) asked_.at(ref).sent = false;
    waiting_.insert(waiting_.begin(), refs.begin(), refs.end());
    singly_ += refs.size();
    return;
  }
  if (!answer) {
    for (const Ref ref : refs) finish(ref, answer.error(), now);
    return;
  }
  if (answer->is_array()) {
    for (Json& row : *answer) {
      const auto ref = row.is_object() ? row.find(member_) : row.end();
      if (!row.is_object() || ref == row.end() || !ref->is_number_integer()) continue;
      const auto error = row.find("error");
      if (error == row.end()) {
        const Ref asked = ref->get<Ref>();
        finish(asked, std::move(row), now);
        continue;
      }
      finish(ref->get<Ref>(), Error{text_of(*error, "message"), text_of(*error, "code"), text_of(*error, "hint")}, now);
    }
  }
  for (const Ref ref : refs) finish(ref, Error{"the database gave no answer for it", unanswered}, now);
}

void CallBatch::finish(Ref ref, Result<Json> answer, Instant now) {
  const auto found = asked_.find(ref);
  if (found == asked_.end() || !found->second.sent) return;
  const Done done = std::move(found->second.done);
  asked_.erase(found);
  try {
    done(std::move(answer), now);
  } catch (const Json::exception& error) {
    spdlog::error("the database answered what cannot be read: {}", error.what());
    done(Error{error.what(), "json"}, now);
  }
}

}  // namespace orrery::sessiond
