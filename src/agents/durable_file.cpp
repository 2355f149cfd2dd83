#include "agents/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "agents/fd.h"
#include "agents/files.h"

namespace orrery::agents {

static Error failed(const std::string& what) {
  Error error = system_error(what);
  error.hint = "see that its directory can be written to and has room";
  return error;
}

Status write_durably(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  const Fd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file || !write_all(file.get(), text) || fsync(file.get()) != 0) return failed("cannot write " + fresh);
  const std::string directory = std::filesystem::path(path).parent_path();
  const Fd held(open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!held || rename(fresh.c_str(), path.c_str()) != 0) return failed("cannot keep " + path);
  if (fsync(held.get()) != 0) return failed("cannot make durable " + path);
  return ok();
}

}  // namespace orrery::agents
