// See fault_vfs.h. Every method that does not change a file goes straight through; memory mapping is not offered
// (io methods version 2), so every byte of the database and its log passes xWrite and can be undone.
#include "store/fault_vfs.h"

#include <algorithm>
#include <new>
#include <random>
#include <utility>
#include <vector>

namespace tidewatch {

// SQLite hands us raw memory of szOsFile bytes: this, then the real file.
struct FaultVfs::File {
  sqlite3_file base;
  sqlite3_file* real;
  FaultVfs* vfs;
  File* next;
  struct Undo {
    sqlite3_int64 size_before;
    sqlite3_int64 offset;
    std::string bytes_before;
    std::string bytes_after;  // what was written
    bool is_truncation;
  };
  std::vector<Undo>* unsynced;
};

struct FaultMethods {
  using File = FaultVfs::File;

  static File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
  static sqlite3_file* real(sqlite3_file* file) { return of(file)->real; }

  // `data` is null for a truncation.
  static void remember(File* file, sqlite3_int64 offset, sqlite3_int64 length, const void* data) {
    File::Undo undo{0, offset, {}, {}, data == nullptr};
    if (data) undo.bytes_after.assign(static_cast<const char*>(data), static_cast<std::size_t>(length));
    file->real->pMethods->xFileSize(file->real, &undo.size_before);
    const sqlite3_int64 there = undo.size_before > offset ? undo.size_before - offset : 0;
    undo.bytes_before.resize(static_cast<std::size_t>(there < length ? there : length));
    if (!undo.bytes_before.empty()) {
      file->real->pMethods->xRead(file->real, undo.bytes_before.data(), static_cast<int>(undo.bytes_before.size()),
                                  offset);
    }
    file->unsynced->push_back(std::move(undo));
  }

  static void survive(File* file, const File::Undo& write, std::mt19937_64& random) {
    const auto chance = random() % 3;
    if (chance == 0) return;
    if (write.is_truncation) {
      file->real->pMethods->xTruncate(file->real, write.offset);
      return;
    }
    constexpr std::size_t sector = 512;
    for (std::size_t at = 0; at < write.bytes_after.size(); at += sector) {
      if (chance == 2 && random() % 2 == 0) continue;
      const std::size_t size = std::min(sector, write.bytes_after.size() - at);
      file->real->pMethods->xWrite(file->real, write.bytes_after.data() + at, static_cast<int>(size),
                                   write.offset + static_cast<sqlite3_int64>(at));
    }
  }

  static void lose_power(FaultVfs* vfs) {
    std::mt19937_64 random(vfs->fault_.survivors);
    for (File* file = vfs->files_; file; file = file->next) {
      for (auto undo = file->unsynced->rbegin(); undo != file->unsynced->rend(); ++undo) {
        if (!undo->bytes_before.empty()) {
          file->real->pMethods->xWrite(file->real, undo->bytes_before.data(),
                                       static_cast<int>(undo->bytes_before.size()), undo->offset);
        }
        file->real->pMethods->xTruncate(file->real, undo->size_before);
      }
      if (vfs->fault_.survivors != 0)
        for (const File::Undo& write : *file->unsynced) survive(file, write, random);
      file->unsynced->clear();
    }
  }

  static int write(sqlite3_file* raw, const void* data, int size, sqlite3_int64 offset) {
    File* file = of(raw);
    if (file->vfs->is_dead()) return SQLITE_IOERR_WRITE;
    switch (file->vfs->next()) {
      case Fault::Kind::fail:
      case Fault::Kind::broken:
        return SQLITE_IOERR_WRITE;
      case Fault::Kind::no_space:
        return SQLITE_FULL;
      case Fault::Kind::drop:
        return SQLITE_OK;
      case Fault::Kind::cut:
        file->real->pMethods->xWrite(file->real, data, size / 2, offset);
        return SQLITE_IOERR_WRITE;
      case Fault::Kind::power_loss:
        lose_power(file->vfs);
        return SQLITE_IOERR_WRITE;
      case Fault::Kind::none:
        break;
    }
    remember(file, offset, size, data);
    return file->real->pMethods->xWrite(file->real, data, size, offset);
  }

  static int truncate(sqlite3_file* raw, sqlite3_int64 size) {
    File* file = of(raw);
    if (file->vfs->is_dead()) return SQLITE_IOERR_TRUNCATE;
    switch (file->vfs->next()) {
      case Fault::Kind::none:
        break;
      case Fault::Kind::drop:
        return SQLITE_OK;
      case Fault::Kind::power_loss:
        lose_power(file->vfs);
        return SQLITE_IOERR_TRUNCATE;
      case Fault::Kind::no_space:
        break;  // cutting a file short needs no space
      default:
        return SQLITE_IOERR_TRUNCATE;
    }
    sqlite3_int64 before = 0;
    file->real->pMethods->xFileSize(file->real, &before);
    if (before > size) remember(file, size, before - size, nullptr);
    return file->real->pMethods->xTruncate(file->real, size);
  }

  static int sync(sqlite3_file* raw, int flags) {
    File* file = of(raw);
    if (file->vfs->is_dead()) return SQLITE_IOERR_FSYNC;
    switch (file->vfs->next()) {
      case Fault::Kind::none:
        break;
      case Fault::Kind::drop:
        return SQLITE_OK;
      case Fault::Kind::no_space:
        return SQLITE_FULL;
      case Fault::Kind::power_loss:
        lose_power(file->vfs);
        return SQLITE_IOERR_FSYNC;
      default:
        return SQLITE_IOERR_FSYNC;
    }
    const int code = file->real->pMethods->xSync(file->real, flags);
    if (code == SQLITE_OK) file->unsynced->clear();
    return code;
  }

  static int close(sqlite3_file* raw) {
    File* file = of(raw);
    for (File** link = &file->vfs->files_; *link; link = &(*link)->next) {
      if (*link == file) {
        *link = file->next;
        break;
      }
    }
    delete file->unsynced;
    return file->real->pMethods->xClose(file->real);
  }

  static int read(sqlite3_file* f, void* data, int size, sqlite3_int64 offset) {
    return real(f)->pMethods->xRead(real(f), data, size, offset);
  }
  static int file_size(sqlite3_file* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); }
  static int lock(sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); }
  static int unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
  static int check_lock(sqlite3_file* f, int* out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); }
  static int control(sqlite3_file* f, int what, void* data) {
    return real(f)->pMethods->xFileControl(real(f), what, data);
  }
  static int sector(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
  static int traits(sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
  static int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
  }
  static int shm_lock(sqlite3_file* f, int at, int n, int flags) {
    return real(f)->pMethods->xShmLock(real(f), at, n, flags);
  }
  static void shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
  static int shm_unmap(sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods table = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = close;
      m.xRead = read;
      m.xWrite = write;
      m.xTruncate = truncate;
      m.xSync = sync;
      m.xFileSize = file_size;
      m.xLock = lock;
      m.xUnlock = unlock;
      m.xCheckReservedLock = check_lock;
      m.xFileControl = control;
      m.xSectorSize = sector;
      m.xDeviceCharacteristics = traits;
      m.xShmMap = shm_map;
      m.xShmLock = shm_lock;
      m.xShmBarrier = shm_barrier;
      m.xShmUnmap = shm_unmap;
      return m;
    }();
    return &table;
  }

  static int open(sqlite3_vfs* raw, const char* path, sqlite3_file* out, int flags, int* out_flags) {
    auto* vfs = static_cast<FaultVfs*>(raw->pAppData);
    auto* file = new (out) File{};
    file->real = reinterpret_cast<sqlite3_file*>(file + 1);
    file->vfs = vfs;
    const int code = vfs->real_->xOpen(vfs->real_, path, file->real, flags, out_flags);
    if (code != SQLITE_OK) {
      if (file->real->pMethods) file->real->pMethods->xClose(file->real);
      return code;  // base.pMethods stays null: SQLite will not close it
    }
    file->unsynced = new std::vector<File::Undo>();
    file->base.pMethods = methods();
    file->next = std::exchange(vfs->files_, file);
    return SQLITE_OK;
  }

  // A dead machine deletes nothing either: closing must not tidy the log away.
  static int remove(sqlite3_vfs* raw, const char* path, int sync_folder) {
    auto* vfs = static_cast<FaultVfs*>(raw->pAppData);
    return vfs->is_dead() ? SQLITE_IOERR_DELETE : vfs->real_->xDelete(vfs->real_, path, sync_folder);
  }
};

FaultVfs::FaultVfs(std::string name) : name_(std::move(name)), real_(sqlite3_vfs_find(nullptr)) {
  vfs_ = *real_;  // the rest of the methods (names, clock, sleep) only read the system and need no file of ours
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.xOpen = FaultMethods::open;
  vfs_.xDelete = FaultMethods::remove;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&vfs_); }

void FaultVfs::arm(Fault fault) {
  fault_ = fault;
  operations_ = 0;
  has_struck_ = false;
  is_dead_ = false;
}

Fault::Kind FaultVfs::next() {
  ++operations_;
  if (fault_.kind == Fault::Kind::none) return Fault::Kind::none;
  const bool lasts = fault_.kind == Fault::Kind::no_space || fault_.kind == Fault::Kind::broken;
  if (operations_ != fault_.at && !(lasts && operations_ > fault_.at)) return Fault::Kind::none;
  has_struck_ = true;
  is_dead_ = fault_.kind == Fault::Kind::cut || fault_.kind == Fault::Kind::power_loss;
  return fault_.kind;
}

}  // namespace tidewatch
