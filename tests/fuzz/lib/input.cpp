#include "input.h"

#include <google/protobuf/stubs/logging.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace orrery::fuzz {
namespace {

// Whatever is said of bad input would be most of the time spent, and of the memory.
[[maybe_unused]] const bool silent = [] {
  spdlog::set_level(spdlog::level::off);
  google::protobuf::SetLogHandler(nullptr);
  return true;
}();

}  // namespace

void fail(const char* what) {
  std::fprintf(stderr, "INVARIANT BROKEN: %s\n", what);
  std::abort();
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) {
      std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
    out[i] = static_cast<std::uint8_t>(word >> (i % 8 * 8));
  }
}

Bytes bent(Input& input, ByteView packet) {
  constexpr std::size_t changes_max = 7, longer_max = 64;
  Bytes out(packet.begin(), packet.end());
  const std::uint8_t how = input.byte();
  for (std::size_t i = 0; i < (how & changes_max) && !out.empty(); ++i) {
    const std::size_t at = input.number<std::uint16_t>() % out.size();
    out[at] = static_cast<std::uint8_t>(out[at] ^ input.byte());
  }
  if ((how & 0x08) != 0) out.resize(input.number<std::uint16_t>() % (out.size() + 1));
  if ((how & 0x10) != 0) out.resize(out.size() + input.byte() % longer_max, input.byte());
  return out;
}

}  // namespace orrery::fuzz
