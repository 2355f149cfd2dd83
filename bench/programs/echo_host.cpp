// The session host alone: the packets of the echo bench in memory, without a kernel, a socket or an event loop.
//
//   bench_echo_host SESSIONS BATCH ROUNDS in_order|at_random
//
// In a round each session's client sends once and is answered, BATCH datagrams at a time. Prints {"ns","aead_ns"}: CPU
// a packet in the round that took least, and of an open and a seal alone.
#include "echo_host.h"

#include <ctime>
#include <iostream>
#include <numeric>
#include <random>
#include <vector>

#include "wire/crypto.h"
#include "wire/dialer.h"

namespace orrery::bench {
namespace {

double cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

/// A datagram between the server and a client, whose address is its session's number.
struct InFlight {
  Address client;
  std::size_t size = 0;
  std::array<std::uint8_t, 128> bytes;
};

class Lab {
 public:
  Lab(std::size_t sessions, std::size_t batch)
      : batch_(batch), host_(echo_host(), random_, now_), role_(host_), database_(echo_info(), sessions) {
    host_.on_database(true, now_);
    host_.start(role_, now_);
    pump();
    while (!database_.all_arrived()) {
      host_.on_agent_message(R"({"message":{"tell":"sync"}})", now_);
      pump();
    }
    const Address server = *Address::parse("127.0.0.1", 1);
    const wire::Timing timing{std::chrono::seconds{3600}, std::chrono::seconds{3600}, 100'000'000};
    for (std::size_t i = 0; i < sessions; ++i)
      clients_.emplace_back(wire::AttachTarget{server, SessionId{i + 1}, server_id, session_epoch, key_of(i + 1)},
                            timing, std::chrono::seconds{60}, random_, now_);
    std::vector<std::size_t> order(sessions);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int i = 0; i < 3; ++i) {
      for (const std::size_t client : order) collect(client);
      serve();
      take();
    }
  }

  /// What the server needed a packet, ns; each client in `order` sends once.
  double round(std::span<const std::size_t> order) {
    const std::array<std::uint8_t, message_bytes> message{};
    for (const std::size_t client : order) {
      (void)clients_[client].send(wire::Channel::game, wire::Delivery::unreliable, message);
      collect(client);
    }
    const std::size_t packets = in_.size();
    const double ns = serve();
    take();
    return ns / static_cast<double>(packets);
  }
  std::size_t echoed() const { return echoed_; }

 private:
  void collect(std::size_t client) {
    std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
    for (wire::Slot slot{{}, buffer, 0}; clients_[client].poll_transmit(slot, now_);) {
      InFlight& one = in_.emplace_back();
      one.client.port = static_cast<std::uint16_t>(client & 0xffff);
      one.client.ip[0] = static_cast<std::uint8_t>(client >> 16);
      put(one, slot);
    }
  }
  static void put(InFlight& one, const wire::Slot& slot) {
    one.size = std::min(slot.size, one.bytes.size());
    std::copy_n(slot.buffer.begin(), one.size, one.bytes.begin());
  }

  /// Gives the server what the clients sent.
  double serve() {
    constexpr Duration apart = std::chrono::microseconds{20};
    std::vector<wire::Datagram> batch;
    const double begun = cpu_ns();
    for (std::size_t at = 0; at < in_.size(); at += batch_) {
      batch.clear();
      for (std::size_t i = at; i < std::min(at + batch_, in_.size()); ++i)
        batch.push_back({in_[i].client, ByteView(in_[i].bytes).first(in_[i].size)});
      now_ += apart * batch.size();
      host_.on_datagrams(batch, now_);
      pump();
    }
    return cpu_ns() - begun;
  }

  void pump() {
    std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
    for (bool more = true; more;) {
      more = false;
      for (wire::Slot slot{{}, buffer, 0}; host_.poll_transmit(slot, now_); slot.size = 0) {
        InFlight& one = out_.emplace_back();
        one.client = slot.to;
        put(one, slot);
      }
      for (sessiond::Effect effect; host_.poll_effect(effect); more = true)
        if (const auto* call = std::get_if<sessiond::DatabaseCall>(&effect))
          host_.on_database_answer(call->id, database_.answer(call->request), now_);
    }
    (void)host_.next_deadline();
  }

  /// Gives the clients what the server sent.
  void take() {
    for (const InFlight& one : out_) {
      wire::Dialer& client = clients_[std::size_t{one.client.ip[0]} << 16 | one.client.port];
      client.on_datagram(ByteView(one.bytes).first(one.size), now_);
      for (wire::Effect effect; client.poll_effect(effect);) echoed_ += std::holds_alternative<wire::Message>(effect);
    }
    in_.clear();
    out_.clear();
  }

  std::size_t batch_, echoed_ = 0;
  SystemRandom random_;
  Instant now_ = BootClock::now();
  sessiond::SessionHost host_;
  EchoRole role_;
  EchoDatabase database_;
  std::vector<wire::Dialer> clients_;
  std::vector<InFlight> in_, out_;
};

double aead_ns(std::size_t rounds) {
  constexpr std::size_t payload_bytes = datagram_bytes - 13 - wire::tag_bytes;
  const Key32 key = key_of(0);
  std::array<std::uint8_t, 13> header{};
  std::array<std::uint8_t, payload_bytes> plain{};
  std::array<std::uint8_t, payload_bytes + wire::tag_bytes> sealed{};
  double least = 1e9;
  for (std::size_t round = 0; round < rounds; ++round) {
    constexpr std::uint64_t packets = 10'000;
    const double begun = cpu_ns();
    for (std::uint64_t counter = 0; counter < packets; ++counter) {
      wire::seal(key, counter, header, plain, sealed);
      if (!wire::open(key, counter, header, sealed, plain)) return 0;
    }
    least = std::min(least, (cpu_ns() - begun) / packets);
  }
  return least;
}

}  // namespace

int run(int argc, char** argv) {
  const std::string_view order_name = argc == 5 ? argv[4] : "";
  if (order_name != "in_order" && order_name != "at_random") {
    std::cerr << "usage: bench_echo_host SESSIONS BATCH ROUNDS in_order|at_random\n";
    return 2;
  }
  wire::crypto_ready();
  const std::size_t sessions = number(argv[1]), rounds = number(argv[3]);
  Lab lab(sessions, std::max<std::size_t>(number(argv[2]), 1));
  std::vector<std::size_t> order(sessions);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order_name == "at_random") std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  double least = 1e9;
  for (std::size_t i = 0; i < rounds; ++i) least = std::min(least, lab.round(order));
  if (lab.echoed() != rounds * sessions) {
    std::cerr << "only " << lab.echoed() << " of " << rounds * sessions << " were echoed\n";
    return 1;
  }
  std::cout << "{\"ns\":" << least << ",\"aead_ns\":" << aead_ns(rounds) << "}" << std::endl;
  return 0;
}

}  // namespace orrery::bench

int main(int argc, char** argv) { return orrery::bench::run(argc, argv); }
