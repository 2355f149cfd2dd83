// What a server of the echo bench has done and used so far, told for each line of its standard input.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

namespace orrery::bench {

inline std::uint64_t packets = 0;

inline std::uint64_t cpu_us() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& t) {
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_usec);
  };
  return us(used.ru_utime) + us(used.ru_stime);
}

inline std::uint64_t rss_kib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

/// False on "quit". `more`: further members of the object.
inline bool answer(const std::string& line, const std::string& more = {}) {
  if (line == "quit") return false;
  std::cout << "{\"packets\":" << packets << ",\"cpu_us\":" << cpu_us() << ",\"rss_kib\":" << rss_kib() << more << "}"
            << std::endl;
  return true;
}
/// The same for the next line of the input; false at its end, too.
inline bool answer_line() {
  std::string line;
  return std::getline(std::cin, line) && answer(line);
}

inline void say_ready() { std::cout << "ready" << std::endl; }

inline int fail(const std::string& what) {
  std::cerr << what << ": " << std::strerror(errno) << "\n";
  return 1;
}

}  // namespace orrery::bench
