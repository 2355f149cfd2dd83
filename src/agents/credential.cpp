#include "agents/credential.h"

#include <sys/stat.h>

#include <fstream>

#include "agents/files.h"

namespace orrery::agents {

Result<std::string> read_credential(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return system_error("credential file " + path);
  if ((info.st_mode & 077) != 0) {
    return Error{"credential file " + path + " is open to others than its owner", "EACCES", "chmod 600 " + path};
  }
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line.empty()) return Error{"credential file " + path + " has no line of conninfo"};
  return line;
}

}  // namespace orrery::agents
