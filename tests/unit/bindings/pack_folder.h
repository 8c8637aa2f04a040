// A pack in a folder of its own under the system's temporary folder, removed at the end of the test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

struct PackFolder {
  explicit PackFolder(const std::string& pack, const std::string& test = {}, const std::string& simulator = {}) {
    static int number = 0;
    // The process's number: ctest runs many of these binaries at once.
    path = std::filesystem::temp_directory_path() /
           ("tidewatch_pack_" + std::to_string(::getpid()) + "_" + std::to_string(++number)) / "demo";
    std::filesystem::create_directories(path);
    std::ofstream(path / "pack.lua") << pack;
    if (!test.empty()) std::ofstream(path / "pack_test.lua") << test;
    if (!simulator.empty()) std::ofstream(path / "simulator.lua") << simulator;
  }
  ~PackFolder() {
    std::error_code error;
    std::filesystem::remove_all(path.parent_path(), error);
  }
  PackFolder(const PackFolder&) = delete;
  PackFolder& operator=(const PackFolder&) = delete;

  std::filesystem::path path;
};
