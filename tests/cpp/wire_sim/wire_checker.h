// What must hold of the datagrams themselves, whatever happens. It sees every datagram that leaves a process and every
// one that reaches one, knows the sessions' roots (the model's) and the processes' random draws, computes every key
// anew (protocol.h) and reads what was sealed. It shares nothing with src/wire.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "wire_sim/database.h"
#include "wire_sim/network.h"
#include "wire_sim/protocol.h"

namespace orrery::wire_sim {

class ServerProcess;

class WireChecker {
 public:
  WireChecker(World& world, const Database& database) : world_(world), database_(database) {}

  /// A process gives a datagram to the network. It notes its mark there.
  void sent_by_server(const ServerProcess& server, Packet& packet);
  void sent_by_client(Packet& packet);
  /// A process is about to be given a datagram.
  void reaches_server(const ServerProcess& server, const Arrived& arrived);
  void reaches_client(std::uint64_t client, const Arrived& arrived);
  /// A server's role is told of a login connection.
  void login_opened(const ServerProcess& server, const Address& from);
  /// The process is gone, or stood still: what it owed within a time it does not owe any more.
  void disturbed(std::uint64_t process) { disturbed_[process] = world_.now(); }

  std::uint64_t opened_packets() const { return opened_packets_; }

 private:
  struct Piece {
    std::uint64_t hash = 0;
    std::size_t cost = 0;
    bool more = false, acked = false;  // acked: in an acknowledgement that reached its sender
  };
  struct Stream {
    std::vector<Piece> pieces;  // by sequence
    std::size_t base = 0;       // the first piece of the oldest message that is not wholly acknowledged
  };
  /// What one side sends under one key.
  struct Way {
    Key32 key{};
    std::uint64_t sender = 0;
    std::uint64_t next = 0;     // counter
    std::vector<bool> arrived;  // by counter: reached the peer unaltered
    std::array<Stream, 3> streams;
    std::multimap<std::uint64_t, std::pair<std::uint8_t, std::uint32_t>> carried;  // counter → channel and sequence
    int closes = 0;
  };
  /// Two sides that share keys.
  struct Pairing {
    std::uint64_t session = 0;  // 0: a login
    std::uint64_t server = 0, client = 0;
    std::uint32_t client_id = 0, server_id = 0;
    Key32 server_random{};
    Way up, down;
    std::vector<Address> told;       // where the answer that made it was sent
    std::vector<Address> validated;  // whose holder has proved to receive there
    bool has_opened = false;
    std::uint64_t highest = 0;
    Address highest_from;
    std::map<Address, std::set<std::array<std::uint8_t, 8>>> challenges;
  };
  struct Sealed {  // of a Data packet
    Pairing* pairing = nullptr;
    bool is_up = false;
    std::uint64_t counter = 0;
    std::optional<protocol::Ack> ack;
    std::vector<std::array<std::uint8_t, 8>> responses;
  };
  struct InitTaken {
    protocol::InitFields init;
    std::uint64_t client = 0;
    Time at{};
    Bytes reply;  // the newest
    Time reply_at{};
    const Pairing* pairing = nullptr;
  };
  struct AttachTaken {
    protocol::AttachFields attach;
    std::uint64_t client = 0;
    Key32 k{};
  };
  struct EarlyAttach {  // whose session the server does not hold yet
    protocol::AttachFields attach;
    Time at{};
  };
  struct CookieGiven {
    Bytes bytes;
    Time at{};
  };
  /// Answers that it may send at this moment: they leave at once or not at all.
  struct Due {
    int count = 0;
    Time at{};
    void add(Time now) {
      if (at != now) count = 0;
      at = now;
      ++count;
    }
    bool take(Time now) { return at == now && --count >= 0; }
  };
  /// An address as one server knows it.
  struct Acquaintance {
    std::uint64_t in = 0, unproved_out = 0;  // bytes
    std::vector<CookieGiven> cookies;
    std::deque<InitTaken> inits;
    std::deque<AttachTaken> attaches;
    std::deque<EarlyAttach> early_attaches;
    Due init_answers, attach_answers;
    Time login_reply_at = Time::min();
  };
  using Place = std::pair<std::uint64_t, Address>;         // server process, address
  using Handle = std::pair<std::uint64_t, std::uint32_t>;  // process, the receiver id that it is sent to or sends to

  [[noreturn]] void broken(const std::string& what) const { throw Broken{what}; }
  void answered(const ServerProcess& server, const Packet& packet, Acquaintance& to);
  void replied(const ServerProcess& server, const Packet& packet, Acquaintance& to);
  void attached(const ServerProcess& server, const Packet& packet, Acquaintance& to);
  bool take_early(const ServerProcess& server, Acquaintance& to);
  Pairing& pair(std::uint64_t server, std::uint64_t client, std::uint32_t client_id, std::uint32_t server_id,
                const protocol::Traffic& traffic);
  void sealed(Packet& packet, bool is_up);
  void read_frames(Pairing& pairing, Way& way, const Way& back, const protocol::Payload& payload, const Packet& packet);
  void read_piece(const Pairing& pairing, Way& way, const protocol::PieceFrame& frame, const Packet& packet);
  static void take_ack(Way& way, const protocol::Ack& ack);
  void sent_to(Pairing& pairing, const protocol::Payload& payload, const Packet& packet);
  void watch_close(Way& way);
  void take_init(const ServerProcess& server, const Arrived& arrived, Acquaintance& from);
  void take_attach(const ServerProcess& server, const Arrived& arrived, Acquaintance& from);
  void take_data(const Sealed& sealed, const Arrived& arrived);

  World& world_;
  const Database& database_;
  std::map<Place, Acquaintance> acquaintances_;
  std::vector<std::unique_ptr<Pairing>> pairings_;
  std::map<Handle, std::vector<Pairing*>> by_client_, by_server_;
  std::set<Handle> misled_;     // clients, by receiver ids of Replies that were altered on their way
  std::vector<Sealed> sealed_;  // by mark - 1
  std::set<Key32> keys_, server_randoms_;
  std::map<Key32, Key32> public_of_;  // of every draw that was looked at
  std::map<std::uint64_t, Time> disturbed_;
  std::uint64_t opened_packets_ = 0;
};

}  // namespace orrery::wire_sim
