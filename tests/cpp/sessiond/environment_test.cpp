#include "sessiond/environment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

namespace orrery::sessiond {
namespace {

const std::map<std::string, std::string> good{
    {"ORRERY_CLUSTER", "dev"},
    {"ORRERY_KIND", "grid"},
    {"ORRERY_KEY", "42"},
    {"ORRERY_SERVER_ID", "3"},
    {"ORRERY_EPOCH", "4294967297"},
    {"ORRERY_PUBLIC_BIND", "127.0.0.1:20001"},
    {"ORRERY_PUBLIC_ADVERTISE", "play.example.org:20001"},
    {"ORRERY_PRIVATE_BIND", "[::1]:20002"},
    {"ORRERY_PRIVATE_ADVERTISE", "[2001:db8::1]:20002"},
    {"ORRERY_CREDENTIAL_FD", "5"},
    {"ORRERY_AGENT_SOCKET", "/run/a"},
    {"ORRERY_SERVER_SOCKET", "/run/b"},
    {"NOTIFY_SOCKET", "/run/c"},
};

Result<Environment> read(const std::map<std::string, std::string>& variables) {
  return read_environment([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Environment, IsRead) {
  const auto environment = read(good);
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->server, ServerId{3});
  EXPECT_EQ(environment->epoch, Epoch{4294967297});
  EXPECT_EQ(environment->private_bind.to_string(), "[::1]:20002");
  EXPECT_EQ(environment->credential_fd, 5);
}

TEST(Environment, EveryVariableIsNeededAndNamed) {
  for (const auto& [name, value] : good) {
    for (const char* instead : {"-", ""}) {
      auto variables = good;
      if (*instead == '-')
        variables.erase(name);
      else
        variables[name] = instead;
      const auto environment = read(variables);
      ASSERT_FALSE(environment) << name;
      EXPECT_EQ(environment.error().message, name + " is not set");
    }
  }
}

TEST(Environment, MalformedValuesAreRefused) {
  for (const auto& [name, value] :
       std::multimap<std::string, std::string>{{"ORRERY_SERVER_ID", "3x"},
                                               {"ORRERY_SERVER_ID", "0"},
                                               {"ORRERY_EPOCH", "-1"},
                                               {"ORRERY_PUBLIC_BIND", "play.example.org:1"},
                                               {"ORRERY_PRIVATE_BIND", "127.0.0.1:0"},
                                               {"ORRERY_PUBLIC_ADVERTISE", "host"},
                                               {"ORRERY_CREDENTIAL_FD", "99999999999"},
                                               {"ORRERY_SERVER_SOCKET", std::string(108, 'a')}}) {
    auto variables = good;
    variables[name] = value;
    const auto environment = read(variables);
    ASSERT_FALSE(environment) << name << "=" << value;
    EXPECT_TRUE(environment.error().message.starts_with(name)) << environment.error().message;
  }
}

TEST(Credential, IsReadOnceAndItsDescriptorClosed) {
  for (const auto& [text, fine] : std::map<std::string, bool>{{R"({"conninfo":"host=/x","token":"ab"})", true},
                                                              {R"({"conninfo":"host=/x"})", false},
                                                              {R"({"conninfo":5,"token":"ab"})", false},
                                                              {"[]", false},
                                                              {"", false}}) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    const auto credential = read_credential(ends[0]);
    EXPECT_EQ(static_cast<bool>(credential), fine) << text;
    if (credential) {
      EXPECT_EQ(credential->token, "ab");
    }
    EXPECT_EQ(::fcntl(ends[0], F_GETFD), -1) << "left open";
  }
  EXPECT_FALSE(read_credential(-1));
}

}  // namespace
}  // namespace orrery::sessiond
