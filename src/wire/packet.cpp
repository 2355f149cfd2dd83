#include "wire/packet.h"

#include <algorithm>

namespace orrery::wire {

static Writer begin(PacketType type, std::span<std::uint8_t> buffer) {
  Writer writer(buffer);
  writer.put(static_cast<std::uint8_t>(type));
  return writer;
}

static std::size_t pad(const Writer& writer, std::span<std::uint8_t> buffer, std::size_t length) {
  std::fill(buffer.begin() + static_cast<std::ptrdiff_t>(writer.size()),
            buffer.begin() + static_cast<std::ptrdiff_t>(length), std::uint8_t{0});
  return length;
}

static bool has(ByteView datagram, PacketType type, std::size_t length) {
  return datagram.size() == length && datagram[0] == static_cast<std::uint8_t>(type);
}

static bool has_versioned(ByteView datagram, PacketType type, std::size_t length) {
  return has(datagram, type, length) && datagram[1] == protocol_version;
}

template <std::size_t N>
static std::array<std::uint8_t, N> take_array(Reader& reader) {
  std::array<std::uint8_t, N> out{};
  const ByteView field = reader.take_bytes(N);
  std::copy(field.begin(), field.end(), out.begin());
  return out;
}

std::size_t encode_hello(std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::hello, buffer);
  writer.put(protocol_version);
  return pad(writer, buffer, hello_bytes);
}

std::size_t encode(const Cookie& cookie, std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::cookie, buffer);
  writer.put(protocol_version);
  writer.put(cookie.time_ms);
  writer.put_bytes(cookie.mac);
  return writer.size();
}

std::size_t encode(const Init& init, std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::init, buffer);
  writer.put(protocol_version);
  writer.put(init.client_id);
  writer.put(init.cookie.time_ms);
  writer.put_bytes(init.cookie.mac);
  writer.put_bytes(init.key_id);
  writer.put_bytes(init.noise);
  return pad(writer, buffer, init_bytes);
}

std::size_t encode(const Reply& reply, std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::reply, buffer);
  writer.put(reply.client_id);
  writer.put(reply.server_id);
  writer.put_bytes(reply.noise);
  return writer.size();
}

std::size_t encode(const Attach& attach, std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::attach, buffer);
  writer.put(protocol_version);
  writer.put(attach.client_id);
  writer.put(attach.session.value);
  writer.put(attach.server.value);
  writer.put(attach.epoch.value);
  writer.put_bytes(attach.client_random);
  writer.put_bytes(attach.mac);
  return writer.size();
}

std::size_t encode(const AttachedPacket& attached, std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::attached, buffer);
  writer.put(attached.client_id);
  writer.put(attached.server_id);
  writer.put_bytes(attached.server_random);
  writer.put_bytes(attached.mac);
  return writer.size();
}

std::size_t encode(const VersionRange& range, std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::version, buffer);
  writer.put(range.lowest);
  writer.put(range.highest);
  return writer.size();
}

std::size_t encode(const DataHeader& header, std::span<std::uint8_t> buffer) {
  Writer writer = begin(PacketType::data, buffer);
  writer.put(header.receiver);
  writer.put(header.counter);
  return writer.size();
}

static bool is_zero(ByteView padding) {
  return std::all_of(padding.begin(), padding.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool is_hello(ByteView datagram) {
  return has_versioned(datagram, PacketType::hello, hello_bytes) && is_zero(datagram.subspan(2));
}

std::optional<Cookie> decode_cookie(ByteView datagram) {
  if (!has_versioned(datagram, PacketType::cookie, cookie_bytes)) return std::nullopt;
  Reader reader(datagram.subspan(2));
  Cookie cookie;
  cookie.time_ms = reader.take<std::uint64_t>();
  cookie.mac = take_array<16>(reader);
  return cookie;
}

std::optional<Init> decode_init(ByteView datagram) {
  if (!has_versioned(datagram, PacketType::init, init_bytes)) return std::nullopt;
  Reader reader(datagram.subspan(2));
  Init init;
  init.client_id = reader.take<std::uint32_t>();
  init.cookie.time_ms = reader.take<std::uint64_t>();
  init.cookie.mac = take_array<16>(reader);
  init.key_id = take_array<4>(reader);
  init.noise = take_array<noise_overhead>(reader);
  if (init.client_id == 0 || !is_zero(reader.rest())) return std::nullopt;
  return init;
}

std::optional<Reply> decode_reply(ByteView datagram) {
  if (!has(datagram, PacketType::reply, reply_bytes)) return std::nullopt;
  Reader reader(datagram.subspan(1));
  Reply reply;
  reply.client_id = reader.take<std::uint32_t>();
  reply.server_id = reader.take<std::uint32_t>();
  reply.noise = take_array<noise_overhead>(reader);
  return reply;
}

std::optional<Attach> decode_attach(ByteView datagram) {
  if (!has_versioned(datagram, PacketType::attach, attach_bytes)) return std::nullopt;
  Reader reader(datagram.subspan(2));
  Attach attach;
  attach.client_id = reader.take<std::uint32_t>();
  attach.session.value = reader.take<std::uint64_t>();
  attach.server.value = reader.take<std::uint64_t>();
  attach.epoch.value = reader.take<std::uint64_t>();
  attach.client_random = take_array<32>(reader);
  attach.mac = take_array<16>(reader);
  if (attach.client_id == 0) return std::nullopt;
  return attach;
}

std::optional<AttachedPacket> decode_attached(ByteView datagram) {
  if (!has(datagram, PacketType::attached, attached_bytes)) return std::nullopt;
  Reader reader(datagram.subspan(1));
  AttachedPacket attached;
  attached.client_id = reader.take<std::uint32_t>();
  attached.server_id = reader.take<std::uint32_t>();
  attached.server_random = take_array<32>(reader);
  attached.mac = take_array<16>(reader);
  return attached;
}

std::optional<VersionRange> decode_version(ByteView datagram) {
  if (!has(datagram, PacketType::version, version_bytes)) return std::nullopt;
  return VersionRange{datagram[1], datagram[2]};
}

std::optional<DataHeader> decode_data_header(ByteView datagram) {
  if (datagram.size() < data_bytes_min || datagram.size() > datagram_bytes_max ||
      datagram[0] != static_cast<std::uint8_t>(PacketType::data))
    return std::nullopt;
  Reader reader(datagram.subspan(1));
  DataHeader header;
  header.receiver = reader.take<std::uint32_t>();
  header.counter = reader.take<std::uint64_t>();
  return header;
}

bool is_hello_of_other_version(ByteView datagram) {
  return has(datagram, PacketType::hello, hello_bytes) && datagram[1] != protocol_version &&
         is_zero(datagram.subspan(2));
}

}  // namespace orrery::wire
