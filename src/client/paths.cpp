// A client's connections: what is dialed, what redirects are followed, what a close means.
#include <algorithm>

#include "client/client_impl.h"
#include "wire/crypto.h"
#include "wire/endpoint.h"

namespace orrery::client {

namespace {

// As long as a lapse: the server that expects us waits no longer either.
constexpr Duration attach_give_up = std::chrono::seconds{10};
// Bounds on what a server can make a client hold.
constexpr int targets_per_redirect_max = 8;
constexpr std::size_t attachments_max = 4;

constexpr const char* owner_role = "owner";

// One machine, not a group of them, nor none.
bool is_one_host(const Address& address) {
  if (address.ip == std::array<std::uint8_t, 16>{}) return false;
  if (!address.is_v4()) return address.ip[0] != 0xff;
  return address.ip[12] != 0 && address.ip[12] < 224;
}

bool is_same(const wire::AttachTarget& a, const wire::AttachTarget& b) {
  return a.server == b.server && a.server_id == b.server_id && a.epoch == b.epoch;
}

}  // namespace

Path& Client::Impl::add(Path path) {
  paths_.push_back(std::make_unique<Path>(std::move(path)));
  return *paths_.back();
}

void Client::Impl::dial(Use use, const std::string& role, const std::string& kind, const std::string& key,
                        const wire::AttachTarget& target, Instant now) {
  // An owner is knocked at until the session is not looked for any more.
  const Duration give_up = use == Use::owner ? attach_give_up + options_.resume_for : attach_give_up;
  Path& path = add(Path{.use = use,
                        .role = role,
                        .kind = kind,
                        .key = key,
                        .target = target,
                        .dialer = wire::Dialer(target, wire::client_timing, give_up, random_, now),
                        .began_at = now});
  if (use == Use::owner) pending_ = &path;
}

// Takes note that a connection is over; says so to the server when it was not the server that ended it.
void Client::Impl::retire(Path& path, wire::CloseReason reason) {
  if (path.is_retired) return;
  path.is_retired = true;
  path.retired_at = last_now_;
  if (!path.dialer.is_closed()) path.dialer.close(reason);
  if (login_ == &path) login_ = nullptr;
  if (resolve_ == &path) resolve_ = nullptr;
  if (owner_ == &path) owner_ = nullptr;
  if (pending_ == &path) pending_ = nullptr;
}

// Without a goodbye: to the server it is one and the same connection with what takes its place.
void Client::Impl::abandon(Path& path) {
  retire(path, wire::CloseReason::none);
  path.is_abandoned = true;
}

Path* Client::Impl::attachment(const std::string& role) {
  Path* found = nullptr;
  for (const auto& path : paths_) {
    if (path->use != Use::attachment || path->role != role || path->is_retired) continue;
    if (path->is_open) return path.get();
    found = path.get();
  }
  return found;
}

void Client::Impl::on_redirect(Path& path, const proto::Redirect& redirect, Instant now) {
  if (!session_.value) return;
  int taken = 0;
  for (const auto& target : redirect.targets()) {
    if (is_finished_) return;
    const bool is_followed = ++taken <= targets_per_redirect_max && follow(path, target, now);
    ++(is_followed ? statistics_.redirects_followed : statistics_.redirects_ignored);
  }
  if (&path == resolve_ && !resume_) retire(path, wire::CloseReason::moved);
}

// A redirect is repeated until it is obeyed, and comes on several ways: only what is newer is followed. An epoch counts
// as reached when its server has proved to have the key for it; until then a login server's word is above others'.
bool Client::Impl::follow(Path& from, const proto::Target& target, Instant now) {
  const bool is_owner = target.role() == owner_role;
  const bool is_first_hand = from.use == Use::resolve;
  const auto port = static_cast<std::uint16_t>(target.port());
  const auto server = Address::parse(target.host(), port);
  if (!server || port == 0 || port != target.port() || target.server_id() == 0 || target.epoch() == 0 ||
      !is_one_host(*server)) {
    // What an attachment says of owners is a hint and no more.
    if (is_owner && from.use != Use::attachment) {
      finish("protocol", "redirected to '" + target.host() + "' port " + std::to_string(target.port()) +
                             ", which is no numeric address of one server");
    }
    return false;
  }
  wire::AttachTarget to{*server, session_, ServerId{target.server_id()}, Epoch{target.epoch()}, {}};
  // Asked for another role's sake.
  if (is_owner && is_first_hand && owner_ && !resume_ && is_same(attached_->target, to)) return false;

  Path* dialing = is_owner ? pending_ : attachment(target.role());
  Epoch reached = is_owner && attached_ ? attached_->target.epoch : Epoch{};
  if (!is_owner) {
    const auto known = std::ranges::find(attachment_epochs_, target.role(), [](const auto& one) { return one.first; });
    if (known != attachment_epochs_.end()) {
      reached = known->second;
    } else if (attachment_epochs_.size() >= attachments_max) {
      return false;
    } else {
      attachment_epochs_.emplace_back(target.role(), Epoch{});
    }
  }
  if (dialing && is_same(dialing->target, to)) {
    // One that has fallen silent may be of a server that has begun anew.
    const bool is_silent = is_first_hand && !is_owner && dialing->is_open && dialing->dialer.silence(now) >= drop_after;
    const bool is_dialed = std::ranges::any_of(
        paths_, [&](const auto& path) { return !path->is_open && !path->is_retired && is_same(path->target, to); });
    if (!is_silent || is_dialed) return false;
  }
  // A login server may send back to where the session was last: what others said since came to nothing.
  const bool is_back = is_first_hand && to.epoch == reached;
  if (to.epoch <= reached && !is_back) return false;
  if (is_back && is_owner && owner_ && is_same(attached_->target, to) && resume_ && !resume_->by_silence) {
    if (pending_) abandon(*pending_);
    end_resume(now);
    return true;
  }
  if (dialing && !dialing->is_open && to.epoch <= dialing->target.epoch && !is_first_hand) return false;
  if (!budget_.take(now)) return false;

  to.k = wire::session_key(root_, session_, to.server_id, to.epoch);
  if (dialing && !dialing->is_open) abandon(*dialing);
  dial(is_owner ? Use::owner : Use::attachment, target.role(), target.kind(), target.key(), to, now);
  wire::wipe(to.k);
  return true;
}

void Client::Impl::on_attached(Path& path, Instant now) {
  path.sight = {};
  if (std::exchange(path.is_open, true)) return;
  if (path.use == Use::attachment) {
    for (const auto& other : paths_) {
      if (other.get() == &path || other->use != Use::attachment || other->role != path.role) continue;
      is_same(other->target, path.target) ? abandon(*other) : retire(*other, wire::CloseReason::moved);
    }
    for (auto& [role, epoch] : attachment_epochs_)
      if (role == path.role) epoch = std::max(epoch, path.target.epoch);
    if (path.role == chat_role) on_chat_attached(path);
    return tell(Entered{path.role, path.kind, path.key, path.target.server_id});
  }
  const bool is_known = attached_ && is_same(attached_->target, path.target);
  if (owner_) is_known ? abandon(*owner_) : retire(*owner_, wire::CloseReason::moved);
  if (login_) retire(*login_, wire::CloseReason::moved);
  answer_by_.reset();
  pending_ = nullptr;
  owner_ = &path;
  statistics_.commands_sent_again += commands_.send_again();
  attached_ = OwnerTarget{path.kind, path.key, path.target};
  if (!is_known) tell(Entered{path.role, path.kind, path.key, path.target.server_id});
  // The owner of before may have handed the session over before it answered.
  if (is_renewing_ && renew_at_) renew_at_ = now;
  end_resume(now);
  if (is_leaving_) say_logout(path);
}

void Client::Impl::on_closed(Path& path, wire::CloseReason reason, Instant now) {
  const bool was_pending = pending_ == &path;
  const bool was_owner = owner_ == &path;
  retire(path, reason);
  switch (path.use) {
    case Use::login:
      if (!session_.value) return on_login_failed(reason, now);
      if (owner_ || pending_ || resume_) return;
      if (is_leaving_) return finish("logout", "");
      // The answer to a selection may be what got lost.
      if (reason == wire::CloseReason::lapse && has_selected_) return start_resume(now, false, now);
      return finish(wire::to_string(reason), "the login server closed the connection");
    case Use::resolve:
      return on_resolve_failed(now);
    case Use::attachment:
      // Its server may have been out of reach for a while; the same key opens it again as long as it is expected there.
      if (reason == wire::CloseReason::lapse && !attachment(path.role) && budget_.take(now))
        dial(Use::attachment, path.role, path.kind, path.key, path.target, now);
      return;
    case Use::owner:
      if (was_owner || was_pending) on_owner_closed(path, reason, was_pending, now);
  }
}

void Client::Impl::on_owner_closed(Path& path, wire::CloseReason reason, bool was_pending, Instant now) {
  using enum wire::CloseReason;
  if (is_leaving_) return finish("logout", "");
  if (was_pending) {
    if (reason == protocol && !owner_) return finish("protocol", "the server speaks another version");
    if (!resume_) start_resume(now, false, now);
    return;
  }
  // Whoever was sent away does not come back by itself: two clients of one account would take turns.
  const bool was_sent_away = reason == superseded || reason == kicked || reason == logout;
  if (pending_ && !is_same(pending_->target, path.target) && !was_sent_away) return;
  if (reason != lapse && reason != moved) return finish(wire::to_string(reason), "the server closed the connection");
  if (resume_) {
    resume_->by_silence = false;
  } else {
    start_resume(now - path.dialer.silence(now), false, now);
  }
}

}  // namespace orrery::client
