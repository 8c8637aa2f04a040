// A folder for one test, removed with everything in it; `in_memory` where the machine has one there, for tests that
// would otherwise wait for a disk.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

class TemporaryFolder {
 public:
  enum class Where { usual, in_memory };
  explicit TemporaryFolder(Where where = Where::usual) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    const fs::path memory = "/dev/shm";
    const bool is_there = where == Where::in_memory && fs::is_directory(memory, ignored);
    std::string pattern = ((is_there ? memory : fs::temp_directory_path()) / "tidewatch-XXXXXX").string();
    if (mkdtemp(pattern.data())) path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};
