// Device keys of who has just logged in: enrolled with a proof that the client holds them, and forgotten.
#include <algorithm>

#include "base/log.h"
#include "sessiond/login_core.h"
#include "sessiond/player_text.h"

namespace orrery::sessiond {
namespace {

constexpr std::size_t key_bytes = 32;
/// Calls under way at once: they are not batched, and must not keep a sync waiting.
constexpr std::size_t device_calls_max = 32;
constexpr Duration device_retry_after = std::chrono::seconds{2};

}  // namespace

/// One at a time, and not many; what comes beyond that is ignored. A session that is about to be another server's is
/// left alone.
bool LoginCore::may_change_devices(Login& login, Instant) {
  if (login.device_asked || login.device_messages >= device_messages_max) {
    host_.count_ignored();
    return false;
  }
  ++login.device_messages;
  if (!host_.database_up() || device_calls_ >= device_calls_max || login.asked_in != nullptr) {
    host_.send_refused(login.connection, proto::Refused::BUSY, "Device keys cannot be changed now.",
                       device_retry_after);
    return false;
  }
  return true;
}

void LoginCore::enrol(Login& login, const proto::EnrolDevice& device, Instant now) {
  if (!may_change_devices(login, now)) return;
  const std::string& name = device.name();
  if (name.empty() || name.size() > device_name_bytes_max || !is_player_text(name)) {
    return host_.send_refused(login.connection, proto::Refused::UNKNOWN,
                              "A device's name has 1 to 64 bytes, and no control characters.", {});
  }
  if (!is_signed("orrery/1 enrol", login.handshake_hash, device.public_key(), device.signature()))
    return host_.send_refused(login.connection, proto::Refused::CREDENTIALS, "The device's key is not proven.", {});
  EnrolDevice request{login.session, login.epoch, to_hex(as_bytes(device.public_key())), device.name()};
  change_device(login, std::move(request), device.public_key(), true);
}

void LoginCore::revoke(Login& login, const proto::RevokeDevice& device, Instant now) {
  if (!may_change_devices(login, now)) return;
  if (device.public_key().size() != key_bytes)
    return host_.send_refused(login.connection, proto::Refused::CREDENTIALS, "A device's key has 32 bytes.", {});
  ForgetDevice request{login.session, login.epoch, to_hex(as_bytes(device.public_key()))};
  change_device(login, std::move(request), device.public_key(), false);
}

void LoginCore::change_device(Login& login, DatabaseRequest request, const std::string& key, bool enrols) {
  login.device_asked = true;
  ++device_calls_;
  host_.call(std::move(request), [this, key, enrols, connection = login.connection](Result<Json> answer, Instant at) {
    --device_calls_;
    Login* asked = find(connection);
    if (asked == nullptr) return;
    asked->device_asked = false;
    proto::ServerControl message;
    if (answer) {
      ++counters_.devices;
      if (enrols)
        message.mutable_device_enrolled()->set_public_key(key);
      else
        message.mutable_device_revoked()->set_public_key(key);
      (void)host_.send(connection, message);
    } else if (is_busy(answer.error())) {
      host_.send_refused(connection, proto::Refused::BUSY, "Device keys cannot be changed now.", device_retry_after);
    } else {
      host_.send_refused(connection, proto::Refused::UNKNOWN, answer.error().message, {});
    }
    if (asked->stage == Stage::waiting && asked->ask_again) ask(*asked, at);
  });
}

}  // namespace orrery::sessiond
