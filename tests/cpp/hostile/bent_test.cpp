// Every truncation, every extension and every flipped bit of every packet type, at the moment at which the true packet
// would be taken: dropped and counted once, and the true one still works after.
#include "lab.h"

namespace orrery::wire::test {
namespace {

enum class Packet {
  hello,
  cookie,
  init,
  reply,
  first_login_data,
  version,
  attach,
  attached,
  first_attached_data,
  data_to_server,
  data_to_client
};

struct Case {
  const char* name;
  Packet packet;
  Lab::Family family;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

/// A range of bytes that nothing signs: whoever changes them could as well drop the packet.
struct Unsigned {
  std::size_t from = 0, to = 0;
  bool contains(std::size_t at) const { return at >= from && at < to; }
};

class Bent : public ::testing::TestWithParam<Case> {
 protected:
  /// A client and the endpoint, brought to where `packet` is next.
  void SetUp() override {
    lab.emplace(GetParam().family);
    const Packet packet = GetParam().packet;
    const bool login = packet <= Packet::version;
    dialer.emplace(login ? lab->login() : lab->attach());
    to_server = packet == Packet::hello || packet == Packet::init || packet == Packet::first_login_data ||
                packet == Packet::attach || packet == Packet::first_attached_data || packet == Packet::data_to_server;
    if (packet == Packet::version) {
      (void)lab->next(*dialer);
      bytes = {7, 2, 3};
      free_bytes = {1, 3};
      return;
    }
    if (login) {
      static constexpr Packet flights[] = {Packet::hello, Packet::cookie, Packet::init, Packet::reply,
                                           Packet::first_login_data};
      for (const Packet flight : flights) {
        if (fly(flight, packet)) break;
      }
    } else {
      static constexpr Packet flights[] = {Packet::attach, Packet::attached, Packet::first_attached_data};
      bool found = false;
      for (const Packet flight : flights) found = found || fly(flight, packet);
      if (!found) {
        const Outcome opened = lab->give(bytes);
        ASSERT_EQ(all<Attached>(opened.effects).size(), 1u);
        std::vector<Seen> told, seen;
        lab->run(*dialer, milliseconds{200}, told, seen);
        if (to_server) {
          ASSERT_TRUE(dialer->send(Channel::control, Delivery::reliable, pattern(40, 1)));
          ASSERT_TRUE(dialer->send(Channel::game, Delivery::unreliable, pattern(40, 2)));
          bytes = lab->next(*dialer);
        } else {
          ASSERT_TRUE(lab->endpoint.send(all<Attached>(opened.effects)[0].connection, Channel::control,
                                         Delivery::reliable, pattern(40, 1)));
          bytes.resize(datagram_bytes_max);
          Slot slot{{}, bytes, 0};
          ASSERT_TRUE(lab->endpoint.poll_transmit(slot, lab->now));
          bytes.resize(slot.size);
        }
      }
    }
    if (packet == Packet::hello) free_bytes = {1, 2};    // of another version: answered by a Version
    if (packet == Packet::cookie) free_bytes = {2, 26};  // believed; the endpoint then refuses the Init
    if (packet == Packet::init) free_bytes = {2, 6};     // the client's id is its own to choose
    if (packet == Packet::reply) free_bytes = {5, 9};    // the receiver id that the endpoint wants
    ASSERT_FALSE(bytes.empty());
  }

  /// The next flight of a handshake into `bytes`; true when it is the one wanted.
  bool fly(Packet flight, Packet wanted) {
    const bool from_server = flight == Packet::cookie || flight == Packet::reply || flight == Packet::attached;
    if (from_server) {
      bytes = lab->answer(bytes);
    } else {
      if (!bytes.empty()) dialer->on_datagram(bytes, lab->now);
      bytes = lab->next(*dialer);
    }
    return flight == wanted;
  }

  /// A packet that is not the true one.
  void give_bent(ByteView bent, const std::string& what) {
    if (to_server) {
      const Outcome outcome = lab->give(bent);
      EXPECT_TRUE(outcome.is_dropped()) << what << ": " << outcome.to_string();
    } else {
      const bool was_open = dialer->is_open();
      const Outcome outcome = lab->give(*dialer, bent);
      EXPECT_TRUE(outcome.is_dropped()) << what << ": " << outcome.to_string();
      EXPECT_EQ(dialer->is_open(), was_open) << what;
      EXPECT_FALSE(dialer->is_closed()) << what;
    }
  }

  void TearDown() override {
    if (HasFatalFailure()) return;
    EXPECT_EQ(lab->endpoint.connection_count(), GetParam().packet >= Packet::data_to_server ? 2u : 1u);
    if (GetParam().packet == Packet::version) {
      dialer->on_datagram(bytes, lab->now);
      EXPECT_FALSE(dialer->is_closed()) << "anyone can forge it: a Cookie may come yet";
      lab->now += milliseconds{1100};
      std::array<std::uint8_t, datagram_bytes_max> buffer;
      Slot slot{{}, buffer, 0};
      EXPECT_FALSE(dialer->poll_transmit(slot, lab->now));
      EXPECT_TRUE(dialer->is_closed());
    } else if (to_server) {
      const Outcome outcome = lab->give(bytes);
      EXPECT_EQ(outcome.drops(), 0u) << "the true one is taken: " << outcome.to_string();
      lab->expect_served(*dialer);
    } else {
      const Outcome outcome = lab->give(*dialer, bytes);
      EXPECT_EQ(outcome.drops(), 0u) << "the true one is taken: " << outcome.to_string();
      lab->expect_served(*dialer);
    }
    lab->expect_healthy();
  }

  std::optional<Lab> lab;
  std::optional<Dialer> dialer;
  Bytes bytes;
  bool to_server = false;
  Unsigned free_bytes;
};

TEST_P(Bent, EveryTruncationIsDropped) {
  for (std::size_t size = 0; size < bytes.size(); ++size) give_bent(ByteView(bytes).first(size), std::to_string(size));
}

TEST_P(Bent, EveryExtensionIsDropped) {
  for (const std::uint8_t fill : std::to_array<std::uint8_t>({0, 1, 0xff})) {
    Bytes longer = bytes;
    for (std::size_t more = 1; more <= 1201; ++more) {
      longer.push_back(fill);
      give_bent(longer, "by " + std::to_string(more));
    }
  }
  Bytes largest = bytes;
  largest.resize(65507);
  give_bent(largest, "to the largest datagram");
}

TEST_P(Bent, EveryFlippedBitIsDropped) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    if (free_bytes.contains(bit / 8)) continue;
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    give_bent(flipped, "byte " + std::to_string(bit / 8) + " bit " + std::to_string(bit % 8));
  }
}

std::vector<Case> cases() {
  static constexpr std::pair<const char*, Packet> packets[] = {{"Hello", Packet::hello},
                                                               {"Cookie", Packet::cookie},
                                                               {"Init", Packet::init},
                                                               {"Reply", Packet::reply},
                                                               {"FirstLoginData", Packet::first_login_data},
                                                               {"Version", Packet::version},
                                                               {"Attach", Packet::attach},
                                                               {"Attached", Packet::attached},
                                                               {"FirstAttachedData", Packet::first_attached_data},
                                                               {"DataToServer", Packet::data_to_server},
                                                               {"DataToClient", Packet::data_to_client}};
  std::vector<Case> all;
  for (const auto& [name, packet] : packets)
    for (const auto family : {Lab::Family::v4, Lab::Family::v6}) all.push_back({name, packet, family});
  return all;
}

INSTANTIATE_TEST_SUITE_P(EveryType, Bent, ::testing::ValuesIn(cases()), [](const auto& one) {
  return std::string(one.param.name) + (one.param.family == Lab::Family::v4 ? "_v4" : "_v6");
});

// Where nothing signs a byte, a changed one must not do more than the same packet lost.
TEST(Unsigned, AHelloOfEachOtherVersionIsAnsweredByThreeBytes) {
  Lab lab;
  Dialer dialer = lab.login();
  Bytes hello = lab.next(dialer);
  for (int version = 0; version < 256; ++version) {
    if (version == protocol_version) continue;
    hello[1] = static_cast<std::uint8_t>(version);
    const Outcome outcome = lab.give(hello);
    ASSERT_EQ(outcome.answers, (std::vector<Bytes>{{7, protocol_version, protocol_version}}));
  }
  lab.expect_served(dialer);
  lab.expect_healthy();
}

TEST(Unsigned, ABentCookieCostsTheClientItsInitAndNoMore) {
  for (std::size_t at = 2; at < cookie_bytes; ++at) {
    Lab lab;
    Dialer dialer = lab.login();
    Bytes cookie = lab.answer(lab.next(dialer));
    cookie[at] ^= 0x80;
    dialer.on_datagram(cookie, lab.now);
    const Outcome outcome = lab.give(lab.next(dialer));
    EXPECT_TRUE(outcome.is_unknown()) << at << ": " << outcome.to_string();
    lab.expect_served(dialer);
  }
}

TEST(Unsigned, AnInitUnderAnotherClientIdIsAnsweredAndTheTrueOneStillOpens) {
  Lab lab;
  Dialer dialer = lab.login();
  dialer.on_datagram(lab.answer(lab.next(dialer)), lab.now);
  const Bytes init = lab.next(dialer);
  for (std::size_t bit = 16; bit < 48; ++bit) {
    Bytes flipped = init;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const Outcome outcome = lab.give(flipped);
    EXPECT_EQ(outcome.answered_bytes(), reply_bytes);
    EXPECT_FALSE(lab.give(dialer, outcome.answers.at(0)).effects.size()) << "it is not for this client";
  }
  EXPECT_TRUE(lab.give(dialer, lab.answer(init)).effects.size() == 1);
  lab.expect_served(dialer);
  lab.expect_healthy();
}

TEST(Unsigned, AReplyWithAnotherReceiverIdLeadsNowhereAndEndsInALapse) {
  Lab lab;
  Dialer dialer = lab.login();
  dialer.on_datagram(lab.answer(lab.next(dialer)), lab.now);
  Bytes reply = lab.answer(lab.next(dialer));
  reply[5] ^= 1;
  dialer.on_datagram(reply, lab.now);
  EXPECT_TRUE(lab.give(lab.next(dialer)).is_dropped());
  std::vector<Seen> told, seen;
  lab.run(dialer, seconds{11}, told, seen);
  EXPECT_TRUE(dialer.is_closed());
  EXPECT_TRUE(told.empty());
}

}  // namespace
}  // namespace orrery::wire::test
