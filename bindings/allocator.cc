// Counting and refusing. The size of an old block is trusted only when there is an old block: 5.4 passes the type of
// the new object in its place.
#include "bindings/allocator.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/pool.h"
#include "bindings/lua_compat.h"

namespace tidewatch {

namespace {

// Tables, closures and short strings come and go with every call of a pack: small blocks live in free lists by size.
bool is_small(std::size_t bytes) { return bytes <= pool::largest; }

void release(void* block, std::size_t size) {
  if (is_small(size))
    pool::give(block, size);
  else
    std::free(block);
}

// nullptr when the system has no memory; the old block then stands.
void* resize(void* block, std::size_t old_size, std::size_t new_size) {
  if (!is_small(new_size) && (block == nullptr || !is_small(old_size))) return std::realloc(block, new_size);
  void* moved = nullptr;
  try {
    moved = is_small(new_size) ? pool::take(new_size) : std::malloc(new_size);
  } catch (const std::bad_alloc&) {  // must not pass through Lua, which is C
  }
  if (moved == nullptr || block == nullptr) return moved;
  std::memcpy(moved, block, std::min(old_size, new_size));
  release(block, old_size);
  return moved;
}

}  // namespace

void* Allocator::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  auto& me = *static_cast<Allocator*>(self);
  if (block == nullptr) old_size = 0;
  if (new_size == 0) {
    if (block != nullptr) release(block, old_size);
    me.used_ -= old_size;
    return nullptr;
  }
  const bool grows = new_size > old_size;
  if (grows && me.lifted_ == 0 && (new_size > me.block_cap_ || me.used_ + (new_size - old_size) > me.cap_)) {
#ifdef TIDEWATCH_LUAJIT
    me.oom_ = true;
#else
    if (me.pending_ == new_size) me.oom_ = true;
    me.pending_ = new_size;
#endif
    return nullptr;
  }
  void* const grown = resize(block, old_size, new_size);
  if (grown == nullptr) {
    if (!grows) return block;
    me.oom_ = true;
    return nullptr;
  }
  if (grows && me.pending_ == new_size) me.pending_ = 0;
  me.used_ = me.used_ - old_size + new_size;
  me.peak_ = std::max(me.peak_, me.used_);
  if (grows && new_size >= large_block && me.lifted_ == 0) charge_block(me.owner, new_size);
  return grown;
}

}  // namespace tidewatch
