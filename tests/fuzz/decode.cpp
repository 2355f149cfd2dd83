// Every packet decoder over any bytes: what one accepts, its encoder writes again, to the byte.
#include <algorithm>
#include <array>

#include "input.h"
#include "wire/acks.h"
#include "wire/link.h"
#include "wire/packet.h"

using namespace orrery;
using namespace orrery::wire;

namespace {

using Buffer = std::array<std::uint8_t, datagram_bytes_max>;

void check_same(ByteView packet, const Buffer& buffer, std::size_t size) {
  fuzz::check(std::ranges::equal(packet, ByteView(buffer).first(size)), "what decodes encodes to the same bytes");
}

template <class Decoded>
int round_trip(ByteView packet, const Decoded& decoded) {
  if (!decoded) return 0;
  Buffer buffer;
  buffer.fill(0xa5);  // padding must be written
  check_same(packet, buffer, encode(*decoded, buffer));
  return 1;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView packet(data, size);
  // A first byte of 0xff stands for padding: what follows, as long as a whole Hello or Init.
  Buffer padded{};
  if (size > 1 && size <= padded.size() && data[0] == 0xff) {
    std::copy_n(data + 1, size - 1, padded.begin());
    packet = padded;
  }
  int accepted = round_trip(packet, decode_cookie(packet)) + round_trip(packet, decode_init(packet)) +
                 round_trip(packet, decode_reply(packet)) + round_trip(packet, decode_attach(packet)) +
                 round_trip(packet, decode_attached(packet)) + round_trip(packet, decode_version(packet));
  if (is_hello(packet)) {
    Buffer buffer;
    buffer.fill(0xa5);
    check_same(packet, buffer, encode_hello(buffer));
    ++accepted;
  }
  accepted += is_hello_of_other_version(packet) ? 1 : 0;
  if (const auto header = decode_data_header(packet)) {
    Buffer buffer;
    check_same(packet.first(data_header_bytes), buffer, encode(*header, buffer));
    ++accepted;
  }
  fuzz::check(accepted <= 1, "a packet is of one type");
  fuzz::check(!open_link(fuzz::key_of(1), packet), "no one can seal a link message without its key");
  if (size >= 12) {
    Reader reader(packet);
    const auto low = reader.take<std::uint32_t>();
    const auto next = reader.take<std::uint64_t>();
    if (const auto full = full_counter(low, next))
      fuzz::check(*full < next && static_cast<std::uint32_t>(*full) == low, "an ack names a packet that was sent");
  }
  return 0;
}
