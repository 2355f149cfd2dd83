// The driving side of the login bench: so many logins at once, one after the other, each from an address of its own.
//
//   bench_login_load CLUSTER HOST PORT KEY device|password login|redirect ACCOUNTS FIRST CONCURRENT SECONDS
//
// Accounts are bench<i>, FIRST ≤ i < FIRST + ACCOUNTS, with password "password" or the device key whose seed is
// key_of(i). "login": until LoginResult, then a logout; "redirect": its first character is selected, until the
// Redirect. KEY: the cluster's public key, hex. Prints {"done","failed","seconds","p50_ms","p99_ms","why"}; why: one of
// the reasons if any failed.
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "echo.h"
#include "many_addresses.h"
#include "orrery.pb.h"
#include "play.h"
#include "wire/dialer.h"

namespace orrery::bench {
namespace {

struct Plan {
  wire::LoginTarget target;
  bool device = false, redirect = false;
  std::size_t accounts = 0, first = 0;
};

/// One login after the other.
struct Login {
  std::optional<wire::Dialer> dialer;
  std::size_t rounds = 0;
  std::size_t number = 0;  // of this login among all: says its address
  std::size_t account = 0;
  Instant begun{};
  bool succeeded = false;
};

struct Tally {
  std::vector<double> ms;
  std::size_t failed = 0;
  std::string why;
};

proto::ClientControl credentials(const Plan& plan, std::size_t account, const wire::LoginOpened& opened) {
  proto::ClientControl message;
  auto& given = *message.mutable_credentials();
  given.set_name("bench" + std::to_string(account));
  if (!plan.device) {
    given.set_password("password");
    return message;
  }
  const Key32 seed = key_of(account);
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> key;
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_seed_keypair(key.data(), secret.data(), seed.data());
  Bytes text(as_bytes("orrery/1 device").begin(), as_bytes("orrery/1 device").end());
  text.insert(text.end(), opened.handshake_hash.begin(), opened.handshake_hash.end());
  std::array<std::uint8_t, crypto_sign_BYTES> signature;
  crypto_sign_detached(signature.data(), nullptr, text.data(), text.size(), secret.data());
  given.set_device_key(key.data(), key.size());
  given.set_device_signature(signature.data(), signature.size());
  return message;
}

void say(wire::Dialer& dialer, const proto::ClientControl& message) {
  (void)dialer.send(wire::Channel::control, wire::Delivery::reliable, as_bytes(message.SerializeAsString()));
}

void on_control(const Plan& plan, Login& login, const wire::Message& message, Tally& tally, Instant now) {
  proto::ServerControl told;
  if (!told.ParseFromArray(message.bytes.data(), static_cast<int>(message.bytes.size()))) return;
  proto::ClientControl answer;
  if (told.has_refused()) {
    tally.why = told.refused().text();
  } else if (told.has_ended()) {
    tally.why = told.ended().reason() + ": " + told.ended().text();
  } else if (told.has_login_result() && plan.redirect) {
    if (told.login_result().characters().empty()) {
      tally.why = "no character";
      return login.dialer->close(wire::CloseReason::logout);
    }
    answer.mutable_select_character()->set_character_id(told.login_result().characters(0).character_id());
    say(*login.dialer, answer);
  } else if (told.has_login_result() || told.has_redirect()) {
    login.succeeded = true;
    tally.ms.push_back(std::chrono::duration<double, std::milli>(now - login.begun).count());
    login.dialer->close(plan.redirect ? wire::CloseReason::moved : wire::CloseReason::logout);
  }
}

int play_logins(const Plan& plan, std::size_t concurrent, std::size_t seconds) {
  auto socket = std::make_unique<ManyAddresses>();
  if (!socket->open(plan.target.server)) return failed("cannot bind");
  SystemRandom random;
  std::vector<Login> logins(concurrent);
  std::size_t begun_count = 0;
  Tally tally;
  wire::Effect effect;
  const Instant begun = BootClock::now();
  const Instant end = begun + std::chrono::seconds(seconds);
  const auto hear = [&](Login& login, Instant now) {
    while (login.dialer->poll_effect(effect)) {
      if (const auto* opened = std::get_if<wire::LoginOpened>(&effect))
        say(*login.dialer, credentials(plan, login.account, *opened));
      else if (const auto* message = std::get_if<wire::Message>(&effect))
        on_control(plan, login, *message, tally, now);
    }
  };
  bool busy = true;
  while (busy) {
    const Instant now = BootClock::now();
    busy = false;
    for (std::size_t i = 0; i < logins.size(); ++i) {
      Login& login = logins[i];
      if (login.dialer && login.dialer->is_closed()) {
        if (!login.succeeded) ++tally.failed;
        login.dialer.reset();
      }
      if (!login.dialer && now < end) {
        // i, i + concurrent, i + 2 * concurrent, …: the number tells whose a datagram is.
        login.number = login.rounds++ * concurrent + i;
        login.account = plan.first + begun_count++ % plan.accounts;
        login.begun = now;
        login.succeeded = false;
        login.dialer.emplace(plan.target, wire::Timing{}, std::chrono::seconds{10}, random, now);
      }
      if (!login.dialer) continue;
      busy = true;
      wire::Slot slot{{}, socket->slot(), 0};
      while (login.dialer->poll_transmit(slot, now)) {
        socket->commit(login.number, slot.size);
        slot = {{}, socket->slot(), 0};
      }
      hear(login, now);
    }
    socket->flush();
    for (int round = 0; round < 8; ++round)
      socket->receive(std::chrono::milliseconds{round == 0 ? 1 : 0}, [&](std::size_t number, ByteView bytes) {
        Login& login = logins[number % concurrent];
        if (login.number != number || !login.dialer) return;  // late, for one that is over
        const Instant at = BootClock::now();
        login.dialer->on_datagram(bytes, at);
        hear(login, at);
      });
  }
  std::sort(tally.ms.begin(), tally.ms.end());
  const auto percentile = [&](double p) {
    return tally.ms.empty() ? 0 : tally.ms[static_cast<std::size_t>(p * static_cast<double>(tally.ms.size() - 1))];
  };
  std::cout << "{\"done\":" << tally.ms.size() << ",\"failed\":" << tally.failed
            << ",\"seconds\":" << std::chrono::duration<double>(BootClock::now() - begun).count()
            << ",\"p50_ms\":" << percentile(0.5) << ",\"p99_ms\":" << percentile(0.99)
            << ",\"why\":" << nlohmann::json(tally.why) << "}" << std::endl;
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 11) {
    std::cerr << "usage: bench_login_load CLUSTER HOST PORT KEY device|password login|redirect ACCOUNTS FIRST "
                 "CONCURRENT SECONDS\n";
    return 2;
  }
  const auto server = Address::parse(argv[2], static_cast<std::uint16_t>(number(argv[3])));
  const auto key = key_from_hex(argv[4]);
  if (!server) return failed("HOST is no address");
  if (!key) return failed("the key is no 64 hex digits");
  const Plan plan{{*server, argv[1], {*key}},
                  std::string_view(argv[5]) == "device",
                  std::string_view(argv[6]) == "redirect",
                  number(argv[7]),
                  number(argv[8])};
  return play_logins(plan, number(argv[9]), number(argv[10]));
}

}  // namespace orrery::bench

int main(int argc, char** argv) { return orrery::bench::run(argc, argv); }
