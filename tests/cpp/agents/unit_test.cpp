// The service manager's unit and the agent's exit statuses.
#include <gtest/gtest.h>

#include "agents/agent_core.h"
#include "agents/files.h"

namespace orrery::agents {
namespace {

// Catches two agents of one identity that take the place from each other for ever, started again each time; and one
// that is refused for now and is not tried again.
TEST(UnitTest, OneThatWasSupersededAloneIsNotStartedAgain) {
  const auto unit = read_file(std::string(ORRERY_SOURCE_DIR) + "/deploy/orrery-agentd.service");
  ASSERT_TRUE(unit);
  EXPECT_NE(unit->find("\nRestart=always\n"), std::string::npos);
  EXPECT_NE(unit->find("\nRestartPreventExitStatus=" + std::to_string(status_superseded) + "\n"), std::string::npos);
  EXPECT_NE(status_superseded, status_refused);
}

}  // namespace
}  // namespace orrery::agents
