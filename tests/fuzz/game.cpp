// Game messages: snapshots as clients read them, connect strings and addresses as people write them.
#include "client/client.h"
#include "client/game_message.h"
#include "input.h"

using namespace orrery;
using fuzz::check;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  if (const auto snapshot = client::decode_snapshot(bytes)) {
    check(size == 33 + 12 * snapshot->entities.size() + 4 * snapshot->gone.size(),
          "a snapshot is as long as its lists");
    client::Sight sight;
    const auto seen = sight.take(bytes);
    check(seen && seen->entities.size() <= 1 + snapshot->entities.size(), "who is in sight was told of");
    check(data[0] == 2, "and says that it is one");
  }
  if (size >= 2 && data[0] == 1) {
    fuzz::Input input(data + 1, size - 1);
    std::array<client::Input, client::inputs_per_message_max> inputs{};
    for (auto& one : inputs) {
      one.sequence = input.number<std::uint32_t>();
      one.move_x = static_cast<std::int8_t>(input.byte());
    }
    const std::size_t count = 1 + data[1] % inputs.size();
    const Bytes packed = client::encode_inputs(std::span(inputs).first(count));
    check(packed.size() == 2 + 7 * count && packed[1] == count, "inputs are packed as the standard says");
  }
  const std::string text(as_text(bytes));
  if (const auto connect = client::ConnectString::parse(text)) {
    const bool is_numeric = connect->unresolved.empty();
    check(!connect->cluster.empty() && !connect->keys.empty(), "all of it is there");
    check(connect->login_servers.empty() != is_numeric, "and servers, as addresses or as names");
    check(connect->login_servers.size() + connect->unresolved.size() <= 16 && connect->keys.size() <= 4,
          "and no more than it may be");
  }
  if (const auto address = Address::parse(text)) {
    const auto again = Address::parse(address->to_string());
    check(again && *again == *address, "an address reads as it is written");
  }
  return 0;
}
