// A SQLite VFS for tests that stands before the system's and breaks one operation: the n-th write or sync fails, is
// cut in half, or is dropped in silence; or the power goes, which also takes back writes not yet synced. It
// lives here, not under tests, because the integration tests of other folders inject the same faults.
// Decided against a mock store: what must survive is SQLite's real file format under our real pragmas.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>

namespace tidewatch {

struct Fault {
  enum class Kind : std::uint8_t {
    none,
    fail,        // the operation answers an I/O error and does nothing; later ones work
    no_space,    // the same with "disk full", for this and every later write
    cut,         // half of the write reaches the disk, then every operation fails: a crash in the middle
    broken,      // an I/O error, for this and every later operation, until armed anew
    drop,        // the operation does nothing and says it worked: a disk that lies
    power_loss,  // writes since each file's last sync are taken back, then every operation fails
  } kind = Kind::none;
  std::int64_t at = 0;  // counted from 1 over writes, truncations and syncs of all files, since arm()
  // Power loss: 0 takes every unsynced write back; else it seeds which of them reach the disk all the same, whole or
  // some of their 512-byte sectors, a later one maybe without an earlier one. That is what real disks do.
  std::uint64_t survivors = 0;
};

// Registered while it lives; databases opened through it must be closed before. One thread.
class FaultVfs {
 public:
  explicit FaultVfs(std::string name);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  void arm(Fault fault);  // counting starts again at 0
  std::int64_t operations() const { return operations_; }
  bool has_struck() const { return has_struck_; }
  const std::string& name() const { return name_; }

  struct File;  // one open file; the implementation's
  // What the operation about to happen should do: none when it should simply go on.
  Fault::Kind next();
  bool is_dead() const { return is_dead_; }

 private:
  friend struct FaultMethods;

  std::string name_;
  sqlite3_vfs vfs_{};
  sqlite3_vfs* real_ = nullptr;
  File* files_ = nullptr;  // intrusive list of open files, for power loss
  Fault fault_;
  std::int64_t operations_ = 0;
  bool has_struck_ = false;
  bool is_dead_ = false;
};

}  // namespace tidewatch
