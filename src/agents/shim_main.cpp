// orrery-shim DIRECTORY: the parent of one server; started by orrery-agentd only.
#include <fcntl.h>

#include <cstdio>

#include "agents/shim.h"
#include "agents/shim_plan.h"

int main(int argc, char** argv) {
  if (argc != 2 || fcntl(orrery::agents::shim_state_fd, F_GETFD) < 0) {
    std::fputs("orrery-shim: the parent of a server; orrery-agentd starts it, and nobody else\n", stderr);
    return 2;
  }
  return orrery::agents::run_shim(argv[1]);
}
