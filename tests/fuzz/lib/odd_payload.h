// Payloads of Data packets that no honest peer writes.
#pragma once

#include "input.h"

namespace orrery::fuzz {

/// A payload as the input wants it: of well-formed frames with odd values, or of any bytes.
Bytes odd_payload(Input& input);

}  // namespace orrery::fuzz
