// Bytes: bounded reading and writing of little-endian fields, hex, and views.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace orrery {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using Key32 = std::array<std::uint8_t, 32>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Lower-case hex of `bytes`.
std::string to_hex(ByteView bytes);
/// Bytes of `hex` (either case); nothing when it is malformed.
std::optional<Bytes> from_hex(std::string_view hex);
/// 32 bytes of 64 hex digits; nothing otherwise.
std::optional<Key32> key_from_hex(std::string_view hex);
/// `value` as 8 bytes, big-endian (key derivations).
std::array<std::uint8_t, 8> big_endian(std::uint64_t value);

/// Reads fields off the front of a view. After the first read past the end, ok() is false and every field reads as 0.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  ByteView rest() const { return rest_; }
  std::size_t remaining() const { return rest_.size(); }

  /// Next little-endian integer.
  template <class T>
  T take() {
    static_assert(std::is_integral_v<T>);
    std::uint64_t value = 0;
    const ByteView field = take_bytes(sizeof(T));
    for (std::size_t i = field.size(); i-- > 0;) value = (value << 8) | field[i];
    return static_cast<T>(value);
  }
  /// Next `size` bytes, borrowed; empty when there are fewer.
  ByteView take_bytes(std::size_t size) {
    if (!ok_ || rest_.size() < size) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const ByteView field = rest_.first(size);
    rest_ = rest_.subspan(size);
    return field;
  }

 private:
  ByteView rest_;
  bool ok_ = true;
};

/// Writes fields into a caller-owned buffer. After the first write past its end ok() is false and nothing more is
/// written.
class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> buffer) : buffer_(buffer) {}
  bool ok() const { return ok_; }
  std::size_t size() const { return size_; }
  std::size_t room() const { return buffer_.size() - size_; }
  ByteView written() const { return buffer_.first(size_); }

  template <class T>
  void put(T value) {
    static_assert(std::is_integral_v<T>);
    std::array<std::uint8_t, sizeof(T)> field;
    std::uint64_t rest = static_cast<std::make_unsigned_t<T>>(value);
    for (auto& byte : field) {
      byte = static_cast<std::uint8_t>(rest);
      rest >>= 8;
    }
    put_bytes(field);
  }
  void put_bytes(ByteView bytes) {
    if (!ok_ || room() < bytes.size()) {
      ok_ = false;
      return;
    }
    if (!bytes.empty()) std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

 private:
  std::span<std::uint8_t> buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace orrery
