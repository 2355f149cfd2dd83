// Data packets sealed under keys that the test knows, with the receiver id, the counters and the payloads of its
// choice: what lies behind the AEAD is reached only so.
#pragma once

#include "wire/packet.h"

namespace orrery::wire::test {

class Sealer {
 public:
  /// `receiver`: the id that the packets' receiver wants. `keys`: as the side that seals has them.
  Sealer(std::uint32_t receiver, const TrafficKeys& keys) : receiver_(receiver), keys_(keys) {}
  std::uint32_t receiver() const { return receiver_; }
  /// The same keys, for packets that say to be for another receiver.
  Sealer for_receiver(std::uint32_t receiver) const { return {receiver, keys_}; }

  Bytes seal(std::uint64_t counter, ByteView payload) const {
    Bytes packet(data_header_bytes + payload.size() + tag_bytes);
    encode(DataHeader{receiver_, counter}, packet);
    wire::seal(keys_.send, counter, ByteView(packet).first(data_header_bytes), payload,
               std::span(packet).subspan(data_header_bytes));
    return packet;
  }
  /// The payload of a packet that this side sealed; empty when it did not.
  Bytes payload_of(ByteView packet) const {
    const auto header = decode_data_header(packet);
    if (!header || header->receiver != receiver_) return {};
    Bytes plain(packet.size() - data_header_bytes - tag_bytes);
    const bool opened =
        open(keys_.send, header->counter, packet.first(data_header_bytes), packet.subspan(data_header_bytes), plain);
    return opened ? plain : Bytes{};
  }

 private:
  std::uint32_t receiver_;
  TrafficKeys keys_;
};

}  // namespace orrery::wire::test
