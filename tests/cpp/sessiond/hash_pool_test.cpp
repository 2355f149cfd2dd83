#include "sessiond/hash_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>

namespace orrery::sessiond {
namespace {

std::map<std::uint64_t, HashDone> collect(HashPool& pool, std::size_t wanted) {
  std::map<std::uint64_t, HashDone> all;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (all.size() < wanted && std::chrono::steady_clock::now() < end) {
    for (auto& done : pool.collect()) all[done.id.value] = done;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return all;
}

TEST(HashPool, MakesAndVerifies) {
  std::atomic<int> woken{0};
  HashPool pool(2, 10, [&] { ++woken; });
  ASSERT_TRUE(pool.submit({HashId{1}, "secret", {}}));
  const std::string hash = collect(pool, 1)[1].hash;
  ASSERT_TRUE(hash.starts_with("$argon2id$")) << hash;
  ASSERT_TRUE(pool.submit({HashId{2}, "secret", hash}));
  ASSERT_TRUE(pool.submit({HashId{3}, "Secret", hash}));
  ASSERT_TRUE(pool.submit({HashId{4}, "secret", "rubbish"}));
  auto done = collect(pool, 3);
  EXPECT_TRUE(done[2].verified);
  EXPECT_FALSE(done[3].verified);
  EXPECT_FALSE(done[4].verified);
  EXPECT_GE(woken, 2);
}

TEST(HashPool, WhatIsWipedIsGone) {
  for (const std::size_t size : {std::size_t{6}, std::size_t{200}}) {
    std::string secret(size, 's');
    if (size < 10) secret.clear();  // leaves its characters behind, as a move does
    const char* const bytes = secret.data();
    wipe(secret);
    EXPECT_TRUE(secret.empty());
    ASSERT_EQ(bytes, secret.data());
    EXPECT_EQ(std::count(bytes, bytes + size, 's'), 0);
  }
}

TEST(HashPool, IsBounded) {
  HashPool pool(1, 3, [] {});
  std::size_t taken = 0;
  for (std::uint64_t i = 1; i <= 50; ++i) taken += pool.submit({HashId{i}, "x", {}});
  EXPECT_GE(taken, 3u);
  EXPECT_LT(taken, 10u) << "fifty jobs take seconds, submitting them microseconds";
  EXPECT_EQ(collect(pool, taken).size(), taken);
  EXPECT_TRUE(pool.submit({HashId{99}, "x", {}}));
}

TEST(HashPool, EndsWithoutWhatWaits) {
  const auto start = std::chrono::steady_clock::now();
  {
    HashPool pool(1, 200, [] {});
    for (std::uint64_t i = 1; i <= 200; ++i) pool.submit({HashId{i}, "x", {}});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{5});
}

}  // namespace
}  // namespace orrery::sessiond
