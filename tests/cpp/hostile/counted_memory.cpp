#include "counted_memory.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> held_bytes{0};

void* take(std::size_t size, std::size_t alignment) {
  void* got = alignment <= alignof(std::max_align_t)
                  ? std::malloc(size)
                  : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (got == nullptr) std::abort();
  held_bytes += malloc_usable_size(got);
  return got;
}

void give_back(void* given) noexcept {
  if (given == nullptr) return;
  held_bytes -= malloc_usable_size(given);
  std::free(given);
}

}  // namespace

void* operator new(std::size_t size) { return take(size, 1); }
void* operator new[](std::size_t size) { return take(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return take(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return take(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* given) noexcept { give_back(given); }
void operator delete[](void* given) noexcept { give_back(given); }
void operator delete(void* given, std::size_t) noexcept { give_back(given); }
void operator delete[](void* given, std::size_t) noexcept { give_back(given); }
void operator delete(void* given, std::align_val_t) noexcept { give_back(given); }
void operator delete[](void* given, std::align_val_t) noexcept { give_back(given); }
void operator delete(void* given, std::size_t, std::align_val_t) noexcept { give_back(given); }
void operator delete[](void* given, std::size_t, std::align_val_t) noexcept { give_back(given); }

namespace orrery::wire::test {

std::size_t memory_bytes() { return held_bytes; }

}  // namespace orrery::wire::test
