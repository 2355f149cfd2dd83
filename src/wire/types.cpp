#include "wire/types.h"

namespace orrery::wire {

const char* to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::none:
      return "none";
    case CloseReason::logout:
      return "logout";
    case CloseReason::lapse:
      return "lapse";
    case CloseReason::shutdown:
      return "shutdown";
    case CloseReason::moved:
      return "moved";
    case CloseReason::refused:
      return "refused";
    case CloseReason::protocol:
      return "protocol";
    case CloseReason::superseded:
      return "superseded";
    case CloseReason::kicked:
      return "kicked";
  }
  return "unknown";
}

}  // namespace orrery::wire
