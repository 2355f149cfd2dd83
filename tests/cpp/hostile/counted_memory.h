// What this program has allocated and not freed, to the byte: operator new and delete count.
#pragma once

#include <cstddef>

namespace orrery::wire::test {

/// Bytes now, as the allocator holds them.
std::size_t memory_bytes();

}  // namespace orrery::wire::test
