#include "client/describe.h"

#include <gtest/gtest.h>

namespace orrery::client {

// Catches a chat line that commands the terminal of whoever reads it.
TEST(Printable, HasNoControlCharacters) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\n\x7f\t"), "a?[2Jb????");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "?2J")
      << "CSI as one character of UTF-8";
  EXPECT_EQ(printable("Zo\xc3\xab \xc2\xa9\xc2"), "Zo\xc3\xab \xc2\xa9\xc2");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "?");
}

// Catches an event that a player is not told of, or told of with what would command the terminal.
TEST(Describe, SaysWhatHappenedInOnePrintableLine) {
  const std::string evil = "\x1b[2J\n";
  const Event events[] = {LoggedIn{SessionId{1}, {{1, evil, evil, evil, "{}"}}},
                          LoginRefused{evil, evil, {}, explain("busy")},
                          LoginRetried{evil, evil, std::chrono::seconds{2}},
                          WaitingForServer{evil},
                          DeviceEnrolled{evil, DeviceKey(Key32{7})},
                          DeviceRevoked{},
                          DeviceRefused{evil, evil},
                          Entered{"owner", evil, evil, ServerId{1}},
                          Dropped{std::chrono::seconds{2}},
                          Resumed{std::chrono::seconds{3}},
                          NoticeShown{"warning", 5, evil},
                          ChatShown{1, evil, evil},
                          LoggedOut{evil, evil, explain("kicked")}};
  for (const Event& event : events) {
    const std::string line = describe(event);
    EXPECT_FALSE(line.empty()) << event.index();
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(line.find(DeviceKey(Key32{7}).to_text()), std::string::npos) << "a secret is shown";
  }
  EXPECT_TRUE(describe(Event{Snapshot{}}).empty());
}

// Catches a reason that says nothing of what to do, and one without a sentence of its own.
TEST(Explain, KnowsTheReasons) {
  for (const char* reason :
       {"shutdown", "superseded", "kicked", "banned", "lapse", "token expired", "unknown", "unreachable", "protocol",
        "login not finished", "credentials", "busy", "limited", "no_character", "no_server"}) {
    EXPECT_STRNE(explain(reason), explain("what nobody says")) << reason;
  }
  EXPECT_STREQ(explain("kicked: spam"), explain("kicked"));
  EXPECT_STREQ(explain("banned for good: cheats"), explain("banned"));
  EXPECT_STRNE(explain("kickedly"), explain("kicked"));
  EXPECT_STRNE(explain("\x1b"), "");
}

}  // namespace orrery::client
