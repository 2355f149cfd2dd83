// orrery-bots: simulated players in one process.
#include <google/protobuf/stubs/logging.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "base/log.h"
#include "options.h"
#include "swarm.h"

namespace {

constexpr int exit_usage = 2;
constexpr rlim_t descriptors_spare = 64;

// One socket a bot.
bool allow_descriptors(unsigned count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const rlim_t wanted = count + descriptors_spare;
  if (limit.rlim_cur >= wanted) return true;
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted) limit.rlim_max = wanted;  // only root may
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// The pid file for as long as the process runs.
class PidFile {
 public:
  explicit PidFile(const std::string& path) : path_(path) {
    if (path_.empty()) return;
    std::FILE* file = std::fopen(path_.c_str(), "w");
    if (!file) return;
    is_written_ = std::fprintf(file, "%d\n", static_cast<int>(::getpid())) > 0;
    is_written_ = std::fclose(file) == 0 && is_written_;
  }
  ~PidFile() {
    if (is_written_) ::unlink(path_.c_str());
  }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  bool ok() const { return path_.empty() || is_written_; }

 private:
  std::string path_;
  bool is_written_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  // A hostile server's messages are no reason for libprotobuf to write.
  google::protobuf::SetLogHandler(nullptr);
  const auto parsed = orrery::bots::parse_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const auto& options = std::get<orrery::bots::Options>(parsed);
  if (options.prints_names) {
    for (unsigned i = 0; i < options.count; ++i) std::cout << options.name_of(options.first + i) << "\n";
    return 0;
  }
  // A line is seen when it is written, also in a file or a pipe.
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
  orrery::log_open("orrery-bots", options.log_level);
  if (!options.multiplex && !allow_descriptors(options.count)) {
    std::cerr << "orrery-bots: " << options.count << " bots need as many open files: " << std::strerror(errno)
              << "\nhint: raise `ulimit -n`, start fewer, or --multiplex\n";
    return exit_usage;
  }
  const PidFile pid_file(options.pid_file);
  if (!pid_file.ok()) {
    std::cerr << "orrery-bots: cannot write " << options.pid_file << ": " << std::strerror(errno) << "\n";
    return exit_usage;
  }
  return orrery::bots::run_swarm(options);
}
