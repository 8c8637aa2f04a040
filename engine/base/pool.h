// Small objects that come and go by the million (pane states, readings): kept in free lists by size, because the
// general allocator merges and splits them again on every sweep of a ring. Memory is reused, never given back; a thread
// has its own lists. Sanitizer builds use the general allocator, so that a use after free is still seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace tidewatch {

namespace pool {

inline constexpr std::size_t grain = 16, largest = 512, chunk_bytes = 64 * 1024;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline void* take(std::size_t bytes) {
  void* const p = std::malloc(bytes);
  if (!p) throw std::bad_alloc();
  return p;
}
inline void give(void* p, std::size_t) { std::free(p); }
#else
struct Free {
  Free* next;
};

struct Lists {
  std::array<Free*, largest / grain + 1> free{};
  std::byte* at = nullptr;
  std::size_t left = 0;
};

inline Lists& lists() {
  static thread_local Lists own;
  return own;
}

inline void* refill(Lists& own, std::size_t bytes) {
  if (own.left < bytes) {
    own.at = static_cast<std::byte*>(::operator new(chunk_bytes));
    own.left = chunk_bytes;
  }
  void* const out = own.at;
  own.at += bytes;
  own.left -= bytes;
  return out;
}

// Memory for one object of that size, aligned to 16; given back with the same size.
inline void* take(std::size_t bytes) {
  if (bytes > largest) return ::operator new(bytes);
  Lists& own = lists();
  const std::size_t slot = (bytes + grain - 1) / grain;
  Free*& head = own.free[slot];
  if (!head) return refill(own, slot * grain);
  Free* const out = head;
  head = out->next;
  return out;
}

inline void give(void* p, std::size_t bytes) {
  if (!p) return;
  if (bytes > largest) {
    ::operator delete(p);
    return;
  }
  Free*& head = lists().free[(bytes + grain - 1) / grain];
  head = new (p) Free{head};
}
#endif

}  // namespace pool

// A base of classes whose objects live in the pool; derived classes need a virtual destructor or to be final.
struct Pooled {
  static void* operator new(std::size_t bytes) { return pool::take(bytes); }
  static void* operator new(std::size_t, void* where) noexcept { return where; }
  static void operator delete(void*, void*) noexcept {}
  static void operator delete(void* p, std::size_t bytes) { pool::give(p, bytes); }
};

}  // namespace tidewatch
