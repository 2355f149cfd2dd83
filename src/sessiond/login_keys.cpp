#include "sessiond/login_keys.h"

#include <sodium.h>

#include "base/log.h"

namespace orrery::sessiond {
namespace {

constexpr Duration publish_again = std::chrono::seconds{1};

std::optional<std::int64_t> version_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

}  // namespace

Status LoginKeys::start(const Json& info, Instant now) {
  const auto version = version_of(info, "keys_version");
  const auto keys = info.find("static_keys");
  if (!version || keys == info.end()) return Error{"the database gave no static keys"};
  version_ = *version;
  return take(*keys, now);
}

Status LoginKeys::take(const Json& keys, Instant now) {
  if (!keys.is_array() || keys.empty() || keys.size() > wire::static_keys_max)
    return Error{"the database gave no list of one to four static keys"};
  std::vector<Key32> secret;
  Json published = Json::array();
  for (const Json& hex : keys) {
    const auto key = hex.is_string() ? key_from_hex(hex.get_ref<const std::string&>()) : std::nullopt;
    if (!key) break;
    secret.push_back(*key);
    published.push_back(to_hex(wire::public_key(*key)));
  }
  const bool whole = secret.size() == keys.size();
  if (whole) {
    host_.endpoint().accept_logins(secret, host_.config().cluster);
    public_keys_ = std::move(published);
    publish_at_ = now;
  }
  for (auto& key : secret) sodium_memzero(key.data(), key.size());
  return whole ? ok() : Status{Error{"a static key that the database gave is none"}};
}

void LoginKeys::on_sync(const Json& answer) {
  const auto version = version_of(answer, "keys_version");
  if (!version || *version == version_ || asking_) return;
  asking_ = true;
  host_.call(GetKeys{}, [this](Result<Json> got, Instant now) {
    asking_ = false;
    // The next sync tries again.
    if (!got) return spdlog::warn("cluster_keys: {}", got.error().message);
    const auto fresh = got->is_object() ? version_of(*got, "version") : std::nullopt;
    if (!fresh) return spdlog::error("cluster_keys: the answer has no version");
    if (const Status taken = take(got->value("static_keys", Json()), now); !taken)
      return spdlog::error("cluster_keys: {}", taken.error().message);
    version_ = *fresh;
    spdlog::info("accepts logins under {} keys, version {}", public_keys_.size(), version_);
  });
}

void LoginKeys::advance(Instant now) {
  if (!publish_at_ || *publish_at_ > now || publishing_) return;
  publish_at_.reset();
  publish();
}

void LoginKeys::publish() {
  publishing_ = true;
  host_.call(PublishKeys{public_keys_}, [this, sent = public_keys_](Result<Json> answer, Instant now) {
    publishing_ = false;
    if (!answer) {
      spdlog::warn("cluster_key_publish: {}; trying again", answer.error().message);
      publish_at_ = now + publish_again;
    } else if (sent == public_keys_) {
      published_();
    }
  });
}

}  // namespace orrery::sessiond
