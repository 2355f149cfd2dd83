#include "wire/parse.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <initializer_list>

namespace orrery::wire {
namespace {

using google::protobuf::internal::WireFormatLite;

/// Whether no member says that it is longer than what holds it. `entered`: the members that hold messages which hold
/// messages themselves. A group, which proto3 has not, is refused.
bool lengths_fit(ByteView bytes, std::initializer_list<int> entered = {}) {
  const int size = static_cast<int>(bytes.size());
  google::protobuf::io::CodedInputStream in(bytes.data(), size);
  while (const std::uint32_t tag = in.ReadTag()) {
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT: {
        std::uint64_t value = 0;
        if (!in.ReadVarint64(&value)) return false;
        break;
      }
      case WireFormatLite::WIRETYPE_FIXED64:
        if (!in.Skip(8)) return false;
        break;
      case WireFormatLite::WIRETYPE_FIXED32:
        if (!in.Skip(4)) return false;
        break;
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
        std::uint32_t length = 0;
        if (!in.ReadVarint32(&length)) return false;
        const auto at = static_cast<std::size_t>(in.CurrentPosition());
        if (length > bytes.size() - at) return false;
        const int field = WireFormatLite::GetTagFieldNumber(tag);
        const bool is_entered = std::find(entered.begin(), entered.end(), field) != entered.end();
        if (is_entered && !lengths_fit(bytes.subspan(at, length))) return false;
        in.Skip(static_cast<int>(length));
        break;
      }
      default:
        return false;
    }
  }
  return in.CurrentPosition() == size;
}

template <class Message>
bool parse_fitting(ByteView bytes, Message& message, std::initializer_list<int> entered = {}) {
  return lengths_fit(bytes, entered) && message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

bool parse(ByteView bytes, proto::ClientControl& message) { return parse_fitting(bytes, message); }
bool parse(ByteView bytes, proto::ServerControl& message) {
  return parse_fitting(bytes, message,
                       {proto::ServerControl::kLoginResultFieldNumber, proto::ServerControl::kRedirectFieldNumber});
}
bool parse(ByteView bytes, proto::LinkMessage& message) { return parse_fitting(bytes, message); }
bool parse(ByteView bytes, proto::ClientChat& message) { return parse_fitting(bytes, message); }
bool parse(ByteView bytes, proto::ServerChat& message) { return parse_fitting(bytes, message); }

}  // namespace orrery::wire
