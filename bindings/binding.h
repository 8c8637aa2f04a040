// What every bound function is made of, small enough to read before lunch:
//   guard     the only shape of a lua_CFunction: contexts checked, exceptions turned into Lua errors
//   Call      one call: its entry, its place in the script, complaints
//   Fields    a table of named options read against the registry; what is left over is a problem with a near name
//   Object<T> userdata of slot and generation, never a pointer; the T lives in the pack's slot table
//   Ref       a move-only reference into the Lua registry
// No template heroics beyond that, and no inheritance: a binding should read like the sentence it implements.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "bindings/host.h"
#include "bindings/lua_compat.h"
#include "bindings/problems.h"
#include "bindings/registry.h"
#include "bindings/source_map.h"

namespace tidewatch {

struct Declarations;

// A script's misuse at run time: guard turns it into a Lua error with the caller's file:line in front.
struct Misuse : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Ref {
 public:
  Ref() = default;
  explicit Ref(lua_State* state) : state_(state), id_(luaL_ref(state, LUA_REGISTRYINDEX)) { ++alive_; }  // pops the top
  Ref(Ref&& other) noexcept : state_(other.state_), id_(other.id_) { other.state_ = nullptr; }
  Ref& operator=(Ref&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(id_, other.id_);
    return *this;
  }
  Ref(const Ref&) = delete;
  ~Ref() {
    if (!state_) return;
    luaL_unref(state_, LUA_REGISTRYINDEX, id_);
    --alive_;
  }
  void push() const { lua_rawgeti(state_, LUA_REGISTRYINDEX, id_); }
  explicit operator bool() const { return state_ != nullptr; }
  static int alive() { return alive_; }  // of this thread; a test fails when one outlives its pack

 private:
  static inline thread_local int alive_ = 0;
  lua_State* state_ = nullptr;
  int id_ = LUA_NOREF;
};

// What a script holds: which T, and which of the slot's lives.
struct Handle {
  std::uint32_t slot, generation;
};

template <typename T>
class Pool {
 public:
  Handle add(T value) {
    items_.push_back({std::move(value), generation_});
    return {static_cast<std::uint32_t>(items_.size() - 1), generation_};
  }
  T* get(Handle h) {
    if (h.slot >= items_.size() || items_[h.slot].generation != h.generation || !items_[h.slot].value) return nullptr;
    return &*items_[h.slot].value;
  }
  void close(Handle h) {
    if (!get(h)) return;
    items_[h.slot].value.reset();
    ++items_[h.slot].generation;
  }
  // Ends every life; a handle kept by a script never meets a later value in its slot.
  void clear() {
    for (const auto& item : items_) generation_ = std::max(generation_, item.generation);
    ++generation_;
    items_.clear();
  }
  template <typename Visit>
  void each(Visit visit) {
    for (auto& item : items_)
      if (item.value) visit(*item.value);
  }

 private:
  struct Item {
    std::optional<T> value;
    std::uint32_t generation;
  };
  std::deque<Item> items_;
  std::uint32_t generation_ = 1;
};

class Call {
 public:
  Call(lua_State* lua_state, const Entry* of);

  lua_State* state;
  const Entry* entry;
  Declarations& pack;

  int count() const { return lua_gettop(state); }
  bool is_text(int index) const { return lua_type(state, index) == LUA_TSTRING; }
  bool is_table(int index) const { return lua_type(state, index) == LUA_TTABLE; }
  std::string text(int index) const { return std::string(text_at(state, index)); }
  std::string describe(int index) const;  // number 0.3, text "abc", a table, a condition
  bool is_closed(int index) const;        // an object whose life ended with an earlier call
  Place place() const;                    // of the script line that calls
  bool collects() const;                  // load: problems collect; else the first raises

  // Adds a problem at `place` (or raises its text). The spans come from the file's source map.
  void complain(const Place& place, Span span, std::string path, std::string what, std::string expected = {},
                std::string got = {}, std::string nearest = {});
  void complain_argument(int number, std::string expected);  // positional, from 1
  SourceMap source_map(const Place& place) const;
  // `expected` of an argument, or a complaint and nullopt.
  std::optional<std::string> need_text(int index, int number, std::string expected);
  std::optional<Duration> need_duration(int index, int number);
  std::optional<double> need_number(int index, int number);
};

class Fields {
 public:
  // Reads the table at `index` (nil or absent: no fields). Complains at once about unknown and missing fields; keys
  // that are numbers are left to the caller when `has_list`.
  Fields(Call& call, int index, const Entry& entry, Place place, std::string path, bool has_list = false);

  bool has(const char* name) const;                   // given and not nil
  bool push(const char* name) const;                  // leaves the value on the stack when true
  std::optional<std::string> text(const char* name);  // checked against the choices
  std::optional<double> number(const char* name);
  std::optional<std::uint64_t> whole(const char* name, std::uint64_t least, std::uint64_t most);
  std::optional<bool> boolean(const char* name);
  std::optional<Duration> duration(const char* name);
  std::optional<Instant> instant(const char* name, const std::string& zone);
  std::vector<std::string> texts(const char* name);  // "a" or { "a", "b" }
  std::vector<std::pair<std::string, std::string>> text_map(const char* name);

  // A complaint about the value of a field.
  void wrong(const char* name, std::string expected);
  void wrong(const char* name, std::string what, std::string expected, std::string got, std::string nearest = {});
  void wrong_text(const char* name, std::string what);
  bool is_good() const { return is_good_; }
  const Place& place() const { return place_; }
  const std::string& path() const { return path_; }

 private:
  void unknown(const std::string& field);

  Call& call_;
  int index_;
  const Entry& entry_;
  Place place_;
  std::string path_;
  bool is_good_ = true;
};

// The lua_CFunction of every entry (upvalue 1) and of every metamethod below.
int run_entry(lua_State* state);

template <int (*function)(Call&)>
int guard(lua_State* state) {
  char text[1024];
  try {
    Call call(state, nullptr);
    return function(call);
  } catch (const std::exception& e) {
    const std::string_view what = e.what();
    const std::size_t n = std::min(what.size(), sizeof text - 1);
    what.copy(text, n);
    text[n] = '\0';
  }
  luaL_where(state, 1);
  lua_pushstring(state, text);
  lua_concat(state, 2);
  return lua_error(state);
}

// Userdata types. `Name` is what messages and the registry's owner field say: "stream", "handle".
template <typename T>
struct Object {
  static const char key;  // its address is the metatable's key in the Lua registry

  static void push(Call& call, T value);
  static T* at(Call& call, int index);  // nullptr when another type or closed
};

bool is_userdata_of(lua_State* state, int index, const void* key);
void push_userdata(lua_State* state, Handle handle, const void* key);
// The type name of any value, our objects included.
std::string type_name(lua_State* state, int index);

// Defines all globals and types of the registry in the host's state.
void define_api(Host& host, Declarations& declarations);
Declarations& declarations_of(lua_State* state);

}  // namespace tidewatch
