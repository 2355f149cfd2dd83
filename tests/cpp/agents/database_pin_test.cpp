#include "agents/database_pin.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace orrery::agents {
namespace {

using Json = nlohmann::json;

Json database(std::int64_t incarnation, const std::string& lineage) {
  return {{"system_identifier", "71"}, {"incarnation", incarnation}, {"lineage", lineage}};
}

// Catches a rule that follows a blank database, an old backup or its twin, or that does not follow a failover.
TEST(DatabasePinTest, AHigherIncarnationOrTheSameOfTheSameLineageIsObeyed) {
  const Json ours = database(5, "aa");
  EXPECT_TRUE(check_database(nullptr, database(1, "cc"))) << "the first";
  EXPECT_TRUE(check_database(ours, ours));
  EXPECT_TRUE(check_database(ours, database(6, "bb")));
  for (const Json& other : {database(5, "bb"), database(4, "aa"), database(1, "cc"), database(-9, "aa")}) {
    const Status status = check_database(ours, other);
    ASSERT_FALSE(status) << other;
    EXPECT_EQ(status.error().code, "OR011");
    EXPECT_NE(status.error().hint.find("incarnation_raise(5)"), std::string::npos) << status.error().hint;
  }
  for (const Json& odd : {Json(), Json(3), Json::object(), database(6, ""), database(6, "no hex"),
                          Json{{"incarnation", 6.5}, {"lineage", "aa"}}}) {
    EXPECT_EQ(check_database(nullptr, odd).error().code, "json") << odd;
    EXPECT_EQ(check_database(ours, odd).error().code, "json") << odd;
  }
}

class PinFileTest : public testing::Test {
 protected:
  PinFileTest() {
    char path[] = "/tmp/orrery-pin-XXXXXX";
    dir_ = mkdtemp(path);
    file_ = dir_ + "/database";
  }
  ~PinFileTest() override { std::filesystem::remove_all(dir_); }

  std::string dir_, file_;
};

TEST_F(PinFileTest, WhatIsSavedIsLoadedAndNoneIsNone) {
  ASSERT_TRUE(load_pin(file_));
  EXPECT_TRUE(load_pin(file_)->is_null());
  ASSERT_TRUE(save_pin(file_, database(5, "aa")));
  ASSERT_TRUE(save_pin(file_, database(6, "bb")));
  EXPECT_EQ(*load_pin(file_), database(6, "bb"));
  struct stat info {};
  ASSERT_EQ(stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0u);
}

// Catches a torn or edited file taken for "none": the agent would obey any database that comes first.
TEST_F(PinFileTest, AFileThatSaysNothingIsAnErrorWithAHint) {
  for (const char* text :
       {"", "\n", "{", "null", "{}", "[1]", "{\"incarnation\":5}", "{\"incarnation\":5,\"lineage\":3}"}) {
    std::ofstream(file_) << text;
    const auto pinned = load_pin(file_);
    ASSERT_FALSE(pinned) << text;
    EXPECT_NE(pinned.error().message.find(file_), std::string::npos);
    EXPECT_FALSE(pinned.error().hint.empty());
  }
  std::filesystem::remove(file_);
  std::filesystem::create_directory(file_);
  EXPECT_FALSE(load_pin(file_)) << "a directory cannot be read";
}

// Catches a save that leaves neither the old nor the new.
TEST_F(PinFileTest, AFailedSaveLeavesTheOldOne) {
  ASSERT_TRUE(save_pin(file_, database(5, "aa")));
  std::filesystem::create_directory(file_ + ".new");
  const Status saved = save_pin(file_, database(6, "bb"));
  ASSERT_FALSE(saved);
  EXPECT_FALSE(saved.error().hint.empty());
  EXPECT_EQ(*load_pin(file_), database(5, "aa"));
}

}  // namespace
}  // namespace orrery::agents
