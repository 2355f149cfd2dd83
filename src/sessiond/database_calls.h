// What cores ask of the database, as calls of its functions.
#pragma once

#include "pg/control_api.h"
#include "sessiond/effects.h"

namespace orrery::sessiond {

/// `answer` is called once, as SessionApi says.
void ask(pg::SessionApi& api, const DatabaseRequest& request, pg::Answer answer);

}  // namespace orrery::sessiond
