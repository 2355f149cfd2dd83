#include "client/commands.h"

#include <algorithm>
#include <utility>

namespace orrery::client {
namespace {

constexpr std::uint8_t game_command = 3, game_result = 4, game_event = 5;
constexpr std::size_t name_max = 32, args_bytes_max = 4096;
/// Ids begin at random, so that a program that takes up the session after another meets none of its; with room above.
constexpr std::uint64_t first_id_mask = (std::uint64_t{1} << 61) - 1;

}  // namespace

std::optional<CommandResult> decode_result(ByteView message) {
  Reader reader(message);
  if (reader.take<std::uint8_t>() != game_result) return std::nullopt;
  CommandResult result{};
  result.id = reader.take<std::uint64_t>();
  const auto ok = reader.take<std::uint8_t>();
  if (!reader.ok() || ok > 1) return std::nullopt;
  result.ok = ok == 1;
  result.json = as_text(reader.rest());
  return result;
}

std::optional<std::string> decode_game_event(ByteView message) {
  if (message.empty() || message.front() != game_event) return std::nullopt;
  return std::string(as_text(message.subspan(1)));
}

Commands::Commands(Random& random) : next_id_((random.next<std::uint64_t>() & first_id_mask) + 1) {}

Result<std::uint64_t> Commands::add(std::string_view name, std::string_view args) {
  const bool is_name = !name.empty() && name.size() <= name_max &&
                       std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  if (!is_name || args.size() > args_bytes_max)
    return Error{"a command has a name of 1 to 32 of a to z and _, and at most 4,096 bytes of arguments", "EINVAL"};
  if (waiting_.size() >= waiting_max) return Error{"16 commands wait for their results", "ENOBUFS"};
  Command command{next_id_++, Bytes(1 + 8 + 1 + name.size() + args.size())};
  Writer writer(command.bytes);
  writer.put(game_command);
  writer.put(command.id);
  writer.put(static_cast<std::uint8_t>(name.size()));
  writer.put_bytes(as_bytes(name));
  writer.put_bytes(as_bytes(args));
  waiting_.push_back(std::move(command));
  return waiting_.back().id;
}

std::size_t Commands::send_again() {
  std::size_t again = 0;
  for (Command& command : waiting_) again += std::exchange(command.is_sent, false);
  return again;
}

Command* Commands::unsent() {
  const auto found = std::ranges::find_if(waiting_, [](const Command& command) { return !command.is_sent; });
  return found == waiting_.end() ? nullptr : &*found;
}

bool Commands::take(std::uint64_t id) {
  return std::erase_if(waiting_, [id](const Command& command) { return command.id == id; }) > 0;
}

}  // namespace orrery::client
