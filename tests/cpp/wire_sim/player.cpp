#include "wire_sim/player.h"

#include "wire_sim/process.h"
#include "wire_sim/protocol.h"
#include "wire_sim/stream_checker.h"
#include "wire_sim/wire_checker.h"

namespace orrery::wire_sim {
namespace {

constexpr Duration move_every = 100ms;
/// Texts of a chat message that is told on; longer ones only reach the server.
constexpr std::size_t short_text = 120, long_text = 3800;

client::ConnectString connect_string(const Surroundings& around) {
  client::ConnectString out{};
  out.cluster = "dev";
  out.login_servers = around.login_servers;
  for (const Key32& secret : around.database.static_keys()) out.keys.push_back(protocol::public_of(secret));
  return out;
}

}  // namespace

class Player::ClientProcess final : public Process {
 public:
  ClientProcess(Player& player, const client::Credentials& credentials, const client::Options& options)
      : Process(player.around_.world),
        player_(player),
        client_(connect_string(player.around_), credentials, random_, now(), options) {
    register_it();
  }
  ClientProcess(Player& player, const client::Token& token)
      : Process(player.around_.world), player_(player), client_(connect_string(player.around_), token, random_, now()) {
    register_it();
  }
  ~ClientProcess() override { player_.around_.wire.disturbed(number()); }

  client::Client& client() { return client_; }
  void act() { run(); }
  void receive(Arrived arrived) {
    arrived_.push_back(std::move(arrived));
    run();
  }

 private:
  void register_it() {
    Player& player = player_;
    player.around_.streams.begin_client(number());
    player.around_.streams.name_client(number(), player.name_);
  }
  void work() override {
    for (; !arrived_.empty(); arrived_.pop_front()) {
      const Arrived& arrived = arrived_.front();
      player_.around_.wire.reaches_client(number(), arrived);
      client_.on_datagram({arrived.from, arrived.bytes}, now());
    }
    std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
    wire::Slot slot{{}, buffer, 0};
    for (bool more = true; more;) {
      more = false;
      while (client_.poll_transmit(slot, now())) {
        auto packet = std::make_shared<Packet>();
        packet->sender = number();
        packet->from = player_.address_;
        packet->to = slot.to;
        packet->bytes.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(slot.size));
        player_.around_.wire.sent_by_client(*packet);
        player_.around_.network.send(std::move(packet));
      }
      client::Event event;
      while (client_.poll_event(event)) {
        more = true;
        player_.on_event(event);
      }
    }
    if (const auto token = client_.token()) player_.token_ = token;
    if (client_.poll_rebind()) player_.other_port();
  }
  std::optional<Instant> next_deadline() const override { return client_.next_deadline(); }

  Player& player_;
  client::Client client_;
  std::deque<Arrived> arrived_;
};

Player::Player(Surroundings& around, std::string name, std::string password, Address address)
    : around_(around), name_(std::move(name)), password_(std::move(password)), address_(address) {
  rebind(address);
}
Player::~Player() = default;

std::uint64_t Player::process() const { return process_ ? process_->number() : 0; }

void Player::want(bool in_play) {
  if (std::exchange(wants_, in_play) == in_play) return;
  if (in_play) return begin_in(around_.world.chance.between(0ms, 500ms));
  if (!process_) return;
  around_.world.say("{} logs out", name_);
  process_->client().logout();
  process_->act();
}

void Player::kill() {
  if (!process_) return;
  around_.world.say("{}'s process {} dies", name_, process_->number());
  process_.reset();
  in_play_ = false;
  // Some begin anew by hand.
  if (around_.world.chance.happens(0.4)) token_.reset();
  begin_in(around_.world.chance.scale(50ms, 3s));
}

/// His client finds that nothing gets through by this one.
void Player::other_port() {
  if (!around_.world.chance.happens(0.5)) return;
  around_.world.count("ports changed on a hint");
  in(1ms, [this] { rebind(around_.new_address()); });
}

void Player::rebind(const Address& address) {
  around_.network.detach(address_);
  address_ = address;
  around_.network.attach(address_, [this](Arrived arrived) {
    if (process_) process_->receive(std::move(arrived));
  });
}

void Player::freeze(Duration how_long) {
  if (!process_) return;
  around_.wire.disturbed(process_->number());
  process_->freeze(how_long);
}

void Player::begin_in(Duration wait) {
  around_.world.timeline.in(wait, [this, begins = ++begins_] {
    if (begins == begins_ && wants_) begin();
  });
}

void Player::begin() {
  Chance& chance = around_.world.chance;
  session_ = {};
  in_play_ = is_dropped_ = false;
  moves_ = 0;
  waiting_.clear();
  // A program that is begun again has another port.
  if (chance.happens(0.7)) rebind(around_.new_address());
  if (token_) {
    const client::Token token = *token_;
    process_ = std::make_shared<ClientProcess>(*this, token);
    session_ = token.session;
    around_.streams.client_in_session(process_->number(), session_);
    around_.world.count("tokens taken up");
  } else {
    client::Credentials credentials{.name = name_};
    if (device_)
      credentials.device = device_;
    else
      credentials.password = password_;
    client::Options options;
    options.retries = static_cast<unsigned>(chance.below(4));
    process_ = std::make_shared<ClientProcess>(*this, credentials, options);
  }
  around_.world.say("{} begins process {} at {}{}", name_, process_->number(), address_.to_string(),
                    token_ ? fmt::format(" with the token of session {}", session_.value) : "");
  around_.world.count("clients begun");
  process_->act();
}

void Player::in(Duration wait, std::function<void()> what) {
  around_.world.timeline.in(wait, [this, process = process(), what = std::move(what)] {
    if (!process_ || process_->number() != process) return;
    if (process_->is_frozen()) return in(50ms, what);
    what();
  });
}

void Player::is_out(const std::string& why, Duration again_in) {
  told_ = why;
  in_play_ = is_dropped_ = false;
  token_.reset();
  around_.world.say("{} is out: {}", name_, why);
  if (is_rival_) wants_ = false;
  // Its goodbyes are still to be sent; a new process may begin beside it no sooner.
  in(600ms, [this] { process_.reset(); });
  if (wants_) begin_in(std::max<Duration>(again_in, 700ms));
}

void Player::select_in(Duration wait) {
  in(wait, [this] {
    process_->client().select_character(character_);
    process_->act();
  });
}

void Player::on_event(const client::Event& event) {
  World& world = around_.world;
  StreamChecker& streams = around_.streams;
  const std::uint64_t process = process_->number();
  if (const auto* logged_in = std::get_if<client::LoggedIn>(&event)) {
    session_ = logged_in->session;
    streams.client_in_session(process, session_);
    world.say("{} logged in: session {}", name_, session_.value);
    world.count("logins");
    if (logged_in->characters.empty()) throw Broken{fmt::format("{} has no character", name_)};
    character_ = logged_in->characters.front().character_id;
    if (!device_ && world.chance.happens(0.3))
      in(1ms, [this] {
        (void)process_->client().enrol_device("his");
        process_->act();
      });
    select_in(world.chance.scale(5ms, 500ms));
  } else if (const auto* enrolled = std::get_if<client::DeviceEnrolled>(&event)) {
    world.count("devices enrolled");
    device_ = enrolled->key;
  } else if (const auto* dropped = std::get_if<client::Dropped>(&event)) {
    world.say("{} has lost his server, silent for {} ms", name_, dropped->silence / 1ms);
    world.count("drops");
    is_dropped_ = true;
  } else if (const auto* resumed = std::get_if<client::Resumed>(&event)) {
    world.say("{} is back after {} ms", name_, resumed->gap / 1ms);
    world.count("resumes");
    is_dropped_ = false;
  } else if (const auto* refused = std::get_if<client::LoginRefused>(&event)) {
    world.count("refusals: " + refused->reason);
    if (session_) {
      told_ = "refused: " + refused->reason;
      select_in(refused->retry_after + world.chance.between(0ms, 500ms));
    } else {
      is_out("refused: " + refused->reason, refused->retry_after + world.chance.between(0ms, 300ms));
    }
  } else if (const auto* entered = std::get_if<client::Entered>(&event)) {
    world.say("{} entered {} {} ({})", name_, entered->kind, entered->key, entered->role);
    if (entered->role == "owner") {
      at_station_ = entered->kind == "station";
      if (!std::exchange(in_play_, true)) {
        in_play_since_ = world.now();
        in(move_every, [this] { move(); });
        in(world.chance.between(100ms, 1s), [this] { chat(); });
        in(world.chance.between(100ms, 1s), [this] { order(); });
      }
      world.count("entered a zone");
    } else {
      streams.client_path(process);
    }
  } else if (const auto* notice = std::get_if<client::NoticeShown>(&event)) {
    streams.client_heard(process, notice->text);
  } else if (const auto* chat = std::get_if<client::ChatShown>(&event)) {
    streams.client_heard_chat(process, chat->channel, chat->number, chat->from, chat->text);
  } else if (const auto* skipped = std::get_if<client::ChatSkipped>(&event)) {
    world.count("chat: skipped");
    streams.client_skipped_chat(process, skipped->channel, skipped->last);
  } else if (const auto* refused_chat = std::get_if<client::ChatRefused>(&event)) {
    // What a server says of its own accord is none of the real refusals.
    if (refused_chat->said.empty() && refused_chat->reason == "unknown")
      streams.client_heard(process, refused_chat->text);
    else
      world.count("chat: refused, " + refused_chat->reason);
  } else if (const auto* done = std::get_if<client::CommandDone>(&event)) {
    answered(*done);
  } else if (std::holds_alternative<client::Snapshot>(event)) {
    snapshot_at_ = world.now();
  } else if (const auto* out = std::get_if<client::LoggedOut>(&event)) {
    world.count("logged out: " + out->reason);
    is_out(out->reason, world.chance.scale(50ms, 2s));
  }
}

void Player::move() {
  if (!in_play_) return;
  process_->client().move(StreamChecker::movement(++moves_), 1, 0);
  process_->act();
  in(move_every, [this] { move(); });
}

void Player::chat() {
  if (!in_play_) return;
  Chance& chance = around_.world.chance;
  StreamChecker& streams = around_.streams;
  const std::size_t size = chance.happens(0.9) ? chance.below(short_text) : chance.below(long_text);
  const std::string text = streams.client_text(process_->number(), size);
  if (process_->client().chat(text)) streams.client_said(process_->number(), text);
  process_->act();
  in(chance.scale(100ms, 3s), [this] { chat(); });
}

void Player::order() {
  if (!in_play_) return;
  const std::uint64_t number = ++around_.orders;
  // Where the game does not refuse it; its units are its number.
  const auto id = process_->client().command(at_station_ ? "load" : "jettison",
                                             fmt::format(R"({{"ore":"cobalt","units":{}}})", number));
  if (id) {
    waiting_[*id] = {number, around_.world.now()};
    orders_[number] = false;
  }
  process_->act();
  in(around_.world.chance.scale(100ms, 3s), [this] { order(); });
}

void Player::answered(const client::CommandDone& done) {
  const auto order = waiting_.extract(done.id);
  if (!order) throw Broken{fmt::format("{} is answered an order that does not wait", name_)};
  const std::uint64_t number = order.mapped().number, times = around_.database.carried_out(number);
  // Ordered again where the game refuses it, unlike where it was carried out and the answer was lost: a defect of the
  // zone, which does not ask the database first. It is counted.
  const bool is_elsewhere = !done.ok && times == 1 && done.json.find("tation.") != std::string::npos;
  if (is_elsewhere) around_.world.count("orders refused though they were carried out");
  if (times != (done.ok ? 1 : 0) && !is_elsewhere)
    throw Broken{fmt::format("{} is told {} {} of order {}, which was carried out {} times", name_, done.ok, done.json,
                             number, times)};
  orders_[number] = done.ok;
  around_.world.count(done.ok ? "orders carried out" : "orders refused: " + done.json);
}

Time Player::oldest_order() const {
  Time oldest = Time::max();
  for (const auto& [id, order] : waiting_) oldest = std::min(oldest, order.at);
  return oldest;
}

void Player::check_orders() const {
  for (const auto& [number, is_done] : orders_) {
    const std::uint64_t times = around_.database.carried_out(number);
    if (times > 1 || (is_done && times == 0))
      throw Broken{fmt::format("order {} of {} was carried out {} times", number, name_, times)};
  }
}

}  // namespace orrery::wire_sim
