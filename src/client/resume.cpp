// What a client does when its owner falls silent: it attaches anew, and asks the login servers where its session is.
// And what keeps a session's token alive.
#include <algorithm>

#include "client/client_impl.h"

namespace orrery::client {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// An owner that was named and does not answer: its hand-off may have come to nothing.
constexpr Duration pending_wait = seconds{4};
// One login server, while a session is looked for; twice as long in the second round, and four times from then on: over
// a bad path it takes what it takes.
constexpr Duration resolve_give_up = seconds{3};
constexpr Duration resolve_answer_wait = seconds{5};
constexpr unsigned patience_doublings_max = 2;
// After all login servers were asked in vain.
constexpr Duration ask_again_first = seconds{1};
constexpr unsigned ask_again_doublings_max = 3;
constexpr Duration refused_wait_max = seconds{15};
// A path is dead when the ping after a second of silence is not answered in time.
constexpr Duration answer_time_least = milliseconds{500};
constexpr Duration rebind_again = seconds{5};
// Between questions for chat, doubling.
constexpr Duration seek_first = seconds{1};
constexpr Duration seek_most = seconds{15};
constexpr Duration seek_rarely = seconds{60};
// Of a token's renewal that was not answered, and between renewals at least.
constexpr Duration renew_again = seconds{60};
constexpr Duration renew_least = seconds{10};
constexpr milliseconds token_life_max = std::chrono::hours{24 * 366};

}  // namespace

void Client::Impl::start_resume(Instant since, bool by_silence, Instant now) {
  // Login servers are asked a little apart, not by all players of a server that died at once.
  const Duration apart = milliseconds{random_.next<std::uint8_t>()};
  resume_ = Resume{.since = since,
                   .give_up_at = now + options_.resume_for,
                   .ask_at = now + apart,
                   .by_silence = by_silence,
                   .is_told = attached_.has_value()};
  if (attached_) {
    ++statistics_.drops;
    tell(Dropped{now - since});
  }
  if (attached_ && !pending_) dial(Use::owner, "owner", attached_->kind, attached_->key, attached_->target, now);
}

void Client::Impl::end_resume(Instant now) {
  if (resolve_) retire(*resolve_, wire::CloseReason::moved);
  answer_of_resolve_by_.reset();
  if (!resume_) return;
  if (resume_->is_told) {
    const Duration gap = now - resume_->since;
    ++statistics_.resumes;
    statistics_.gap_total += gap;
    statistics_.gap_longest = std::max(statistics_.gap_longest, gap);
    tell(Resumed{gap});
  }
  resume_.reset();
}

void Client::Impl::advance_resume(Instant now) {
  if (!resume_) {
    if (owner_ && owner_->dialer.silence(now) >= drop_after) {
      start_resume(now - owner_->dialer.silence(now), true, now);
    } else if (pending_ && now - pending_->began_at >= pending_wait) {
      start_resume(owner_ ? now - owner_->dialer.silence(now) : pending_->began_at, false, now);
    }
  }
  if (resume_ && resume_->by_silence && owner_ && owner_->dialer.silence(now) < drop_after) {
    // Heard again, before the new connection stood: the old one goes on, unless the session is elsewhere by now.
    const bool is_elsewhere = pending_ && pending_->target.epoch > attached_->target.epoch;
    if (!is_elsewhere) {
      if (pending_) abandon(*pending_);
      end_resume(now);
    }
  }
  if (resume_ && now >= resume_->give_up_at) {
    const bool is_offline = is_token_start_ && !attached_ && !resume_->was_answered;
    std::string text =
        is_offline ? "no login server answered: tried " + login_servers() : "the session was not found again";
    if (const Path* sought = pending_ ? pending_ : owner_)
      text = sought->kind + " " + sought->key + " at " + sought->target.server.to_string() + " could not be reached";
    return finish(is_offline ? "unreachable" : "lapse", text);
  }
  if (resolve_ && answer_of_resolve_by_ && now >= *answer_of_resolve_by_) {
    retire(*resolve_, wire::CloseReason::lapse);
    on_resolve_failed(now);
  }
  if (resume_ && !resolve_ && now >= resume_->ask_at) ask_where(now);
  if (renew_at_ && owner_ && !resume_ && now >= *renew_at_) {
    proto::ClientControl message;
    message.mutable_renew_token();
    renew_at_ = now + renew_again;
    is_renewing_ = true;
    owner_->say(message);
  }
}

void Client::Impl::ask_where(Instant now) {
  const auto& servers = connect_.login_servers;
  if (servers.empty()) {
    resume_->ask_at = resume_->give_up_at;
    return;
  }
  const auto count = static_cast<unsigned>(servers.size());
  resume_->patience = 1u << std::min(resume_->asked / count, patience_doublings_max);
  dial_resolve(resume_->asked++, resume_->patience, now);
}

void Client::Impl::dial_resolve(unsigned number, unsigned patience, Instant now) {
  const auto& servers = connect_.login_servers;
  wire::LoginTarget target{servers[number % servers.size()], connect_.cluster, connect_.keys};
  ++statistics_.resolves;
  answer_of_resolve_by_.reset();
  resolve_ = &add(
      Path{.use = Use::resolve,
           .role = "resolve",
           .kind = {},
           .key = {},
           .target = {},
           .dialer = wire::Dialer(std::move(target), wire::client_timing, resolve_give_up * patience, random_, now),
           .began_at = now});
}

void Client::Impl::on_resolve_opened(Path& path, Instant now) {
  if (resume_) resume_->was_answered = true;
  proto::ClientControl message;
  const Key32 proof = resolve_proof(root_, path.handshake_hash);
  message.mutable_resolve()->set_session_id(session_.value);
  message.mutable_resolve()->set_proof(proof.data(), proof.size());
  answer_of_resolve_by_ = now + resolve_answer_wait * (resume_ ? resume_->patience : 1);
  path.say(message);
}

void Client::Impl::on_resolve_refused(const proto::Refused& refused, Instant now) {
  if (!resolve_) return;
  if (refused.reason() == proto::Refused::BANNED) return finish("banned", refused.text());
  retire(*resolve_, wire::CloseReason::moved);
  const Duration wait = std::clamp<Duration>(milliseconds{refused.retry_after_ms()}, ask_again_first, refused_wait_max);
  if (resume_) resume_->ask_at = now + spread(wait);
}

void Client::Impl::on_resolve_failed(Instant now) {
  answer_of_resolve_by_.reset();
  if (!resume_) return;
  const auto count = static_cast<unsigned>(connect_.login_servers.size());
  resume_->ask_at = now;
  if (resume_->asked % count != 0) return;
  // No login server at all: at the start of a process that is said at once, as by a login.
  if (is_token_start_ && !attached_ && !resume_->was_answered && options_.retries == 0) {
    resume_->give_up_at = now;
    return;
  }
  resume_->ask_at += spread(ask_again_first * (1 << std::min(resume_->asked / count - 1, ask_again_doublings_max)));
}

// The session is asked for as after a drop, but nothing is left for it: what answers is the owner that is known, and
// where chat is.
void Client::Impl::advance_attachments(Instant now) {
  const Path* chat = attachment(chat_role);
  const bool is_here = chat && chat->is_open && chat->dialer.silence(now) < drop_after;
  if (!owner_ || resume_ || is_leaving_ || is_here || connect_.login_servers.empty()) {
    if (seek_ && resolve_ && !resume_) retire(*resolve_, wire::CloseReason::moved);
    seek_.reset();
    return;
  }
  if (!seek_) {
    // Of a cluster that may have no chat it is asked rarely.
    const bool has_chat = !attachment_epochs_.empty();
    seek_ = Seek{.ask_at = now, .wait = has_chat ? seek_first : seek_rarely};
    seek_->ask_at += spread(seek_->wait / 2);
  }
  if (resolve_ || now < seek_->ask_at) return;
  dial_resolve(seek_->asked++, 1, now);
  seek_->ask_at = now + spread(seek_->wait);
  seek_->wait = std::min(seek_->wait * 2, std::max(seek_->wait, seek_most));
}

Duration Client::Impl::path_dead_after() const {
  const auto rtt = owner_ ? owner_->dialer.rtt() : std::nullopt;
  return wire::client_timing.keepalive + std::max(answer_time_least, 2 * rtt.value_or(Duration::zero()));
}

void Client::Impl::advance_rebind(Instant now) {
  const bool is_dead = owner_ ? owner_->dialer.silence(now) >= path_dead_after() : resume_ && attached_;
  if (!is_dead) {
    rebind_again_at_.reset();
  } else if (!rebind_again_at_ || now >= *rebind_again_at_) {
    rebind_again_at_ = now + rebind_again;
    rebind_is_due_ = true;
  }
}

void Client::Impl::on_token_life(std::uint64_t expires_in_ms, Instant now) {
  token_expires_at_.reset();
  renew_at_.reset();
  is_renewing_ = false;
  if (expires_in_ms == 0) return;  // it does not expire, or its server does not say
  const auto most = static_cast<std::uint64_t>(token_life_max.count());
  const Duration life = milliseconds{std::min(expires_in_ms, most)};
  token_expires_at_ = now + life;
  renew_at_ = now + std::max(life / 2, renew_least);
}

void Client::Impl::consider_resume(std::optional<Instant>& next) const {
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (owner_) {
    const Instant heard_at = last_now_ - owner_->dialer.silence(last_now_);
    consider(rebind_again_at_.value_or(heard_at + path_dead_after()));
    if (!resume_) consider(heard_at + drop_after);
    if (!resume_) consider(renew_at_);
  }
  if (pending_ && !resume_) consider(pending_->began_at + pending_wait);
  if (resolve_) consider(answer_of_resolve_by_);
  if (owner_ && !resume_ && !is_leaving_ && !connect_.login_servers.empty()) {
    for (const auto& path : paths_) {
      if (path->use == Use::attachment && path->is_open && !path->is_retired && path->role == chat_role && !seek_)
        consider(last_now_ - path->dialer.silence(last_now_) + drop_after);
    }
    if (seek_ && !resolve_) consider(seek_->ask_at);
  }
  if (!resume_) return;
  consider(resume_->give_up_at);
  if (!resolve_) consider(resume_->ask_at);
  if (!owner_) consider(rebind_again_at_);
}

}  // namespace orrery::client
