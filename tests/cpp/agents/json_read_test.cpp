#include "agents/json_read.h"

#include <gtest/gtest.h>

#include "agents/shim_plan.h"

namespace orrery::agents {
namespace {

TEST(JsonReadTest, WhatIsNoIntegerIsNone) {
  const auto read = [](const char* text) { return read_optional_int(nlohmann::json::parse(text), "n"); };
  EXPECT_EQ(read(R"({"n":-7})"), -7);
  EXPECT_EQ(read(R"({"n":9223372036854775807})"), INT64_MAX);
  EXPECT_EQ(read(R"({"n":15000.0})"), 15000) << "SQL's numeric";
  for (const char* text :
       {R"({"n":1e300})", R"({"n":-1e300})", R"({"n":1.5})", R"({"n":"7"})", R"({"n":null})", "{}"}) {
    EXPECT_FALSE(read(text)) << text;
  }
  EXPECT_FALSE(wish_of(R"({"lease_until_ms":1e300,"stop_by_ms":null})")) << "its lease would be taken away";
}

}  // namespace
}  // namespace orrery::agents
