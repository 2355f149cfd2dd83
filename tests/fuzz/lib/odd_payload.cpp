#include "odd_payload.h"

#include <array>

#include "wire/packet.h"
#include "wire/reliable.h"

namespace orrery::fuzz {
namespace {

constexpr std::size_t payload_bytes_max = wire::datagram_bytes_max - wire::data_header_bytes - wire::tag_bytes;
constexpr std::array<std::uint32_t, 8> odd_sequences{0, 1, 11, 12, 31, 32, 0x7fffffff, 0xffffffff};

void put_frame(Writer& writer, Input& input) {
  const std::uint8_t what = input.byte();
  const auto channel = static_cast<std::uint8_t>(what >> 4 & 3);  // 3 is none
  const std::uint8_t type = what & 7;
  writer.put(type);
  if (type == 1) {  // message
    const ByteView bytes = input.string(what & 0x80 ? payload_bytes_max : 16);
    writer.put(channel);
    writer.put(static_cast<std::uint16_t>(bytes.size()));
    writer.put_bytes(bytes);
  } else if (type == 2) {  // piece
    const std::uint8_t how = input.byte();
    const std::uint32_t sequence = how & 0x80 ? odd_sequences[how & 7] : how & 0x0f;
    const Bytes full(how & 0x40 ? wire::piece_bytes_max : 0, channel);
    const ByteView bytes = full.empty() ? input.string(32) : ByteView(full);
    writer.put(channel);
    writer.put(sequence);
    writer.put(static_cast<std::uint8_t>(how >> 4 & 3));  // 2 and 3 are none
    writer.put(static_cast<std::uint16_t>(bytes.size()));
    writer.put_bytes(bytes);
  } else if (type == 4) {  // close
    writer.put(input.byte());
  } else if (type == 5 || type == 6) {  // challenge, response
    writer.put(input.number<std::uint64_t>());
  }
}

}  // namespace

Bytes odd_payload(Input& input) {
  const std::uint8_t how = input.byte();
  Bytes payload(payload_bytes_max);
  Writer writer(payload);
  if ((how & 0x80) != 0) {
    writer.put_bytes(input.string(payload_bytes_max));
  } else {
    writer.put(static_cast<std::uint8_t>(how & 0x43));  // flags; only 0 and 1 mean something
    if ((how & 1) != 0) writer.put_bytes(input.bytes(10));
    for (int frames = how >> 2 & 15; frames > 0; --frames) put_frame(writer, input);
  }
  payload.resize(writer.size());
  return payload;
}

}  // namespace orrery::fuzz
