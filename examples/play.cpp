// orrery-play CONNECT NAME [KEYFILE]: the sample game in a terminal. CONNECT is what cluster_status shows. KEYFILE
// holds this device's key; when it is not there, the device is enrolled and the key written. Keys: w a s d move, space
// stops, /text and Enter chats (/@name text to one, /#7 text in channel 7), 1-9 choose a character, q logs out. When
// stdin is no terminal, its first line is the password and each further line is taken as keys, one every half second;
// where nothing can be drawn, lines are written.
#include <poll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>

#include "client/describe.h"
#include "client/udp_client.h"

namespace {
using namespace orrery::client;
using namespace std::chrono_literals;
volatile std::sig_atomic_t is_interrupted = 0;

struct Game {
  UdpClient udp;
  std::string key_file;  // where a new key goes; empty: none is made
  bool draws;
  std::vector<CharacterInfo> characters{};
  std::deque<std::string> lines{};
  std::string typed{};
  Snapshot seen{};
  std::pair<std::int8_t, std::int8_t> heading{};
  bool has_answer = false, has_left = false;

  void say(const std::string& text) {
    if (lines.size() >= 8) lines.pop_front();
    lines.push_back(text);
    if (!draws) std::cout << text << std::endl;
  }
  void choose(std::size_t i) {
    if (i < characters.size()) return udp.client().select_character(characters[i].character_id);
    say(characters.empty() ? "the account has no character: q" : "press the number of a character, or q");
  }

  void on(const Event& event) {
    if (const std::string text = describe(event); !text.empty()) say(text);
    const auto* in = std::get_if<LoggedIn>(&event);
    const auto* device = std::get_if<DeviceEnrolled>(&event);
    if (in) characters = in->characters, has_answer = true;
    if (device && !(std::ofstream(key_file) << device->key.to_text() << std::endl)) say("cannot write " + key_file);
    const bool enrols = in && !key_file.empty() && udp.client().enrol_device("orrery-play");
    if ((in && !enrols) || device || std::holds_alternative<DeviceRefused>(event))
      choose(characters.size() == 1 ? 0 : 9);
    if (const auto* snapshot = std::get_if<Snapshot>(&event)) seen = *snapshot;
    if (const auto* out = std::get_if<LoggedOut>(&event)) has_left = out->reason == "logout";
  }

  // "text" to the cluster, "#7 text" in channel 7, "@name text" directly.
  orrery::Status speak(const std::string& line) {
    const auto blank = line.find(' ');
    if (blank == std::string::npos || (line[0] != '#' && line[0] != '@')) return udp.client().chat(line);
    const std::string to = line.substr(1, blank - 1), text = line.substr(blank + 1);
    if (line[0] == '@') return udp.client().chat_to(to, text);
    return udp.client().chat_in(std::strtoull(to.c_str(), nullptr, 10), text);
  }

  void take_keys() {
    static const std::map<char, std::pair<std::int8_t, std::int8_t>> ways{
        {'w', {0, 127}}, {'a', {-127, 0}}, {'s', {0, -127}}, {'d', {127, 0}}, {' ', {0, 0}}};
    char key = 0;
    for (pollfd ready{STDIN_FILENO, POLLIN, 0}; key != '\n' && ::poll(&ready, 1, 0) > 0;) {
      if (::read(STDIN_FILENO, &key, 1) <= 0) return udp.client().logout();
      if (key == '\n' && !typed.empty()) {
        if (const auto sent = speak(typed.substr(1)); !sent) say(sent.error().message);
        typed.clear();
      } else if (key == '\x7f' && !typed.empty()) {
        typed.pop_back();
      } else if (key == '/' || !typed.empty()) {
        typed += key;
      } else if (const auto way = ways.find(key); way != ways.end()) {
        heading = way->second;
      } else if (key > '0' && key <= '9') {
        choose(static_cast<std::size_t>(key - '1'));
      } else if (key == 'q') {
        udp.client().logout();
      }
    }
  }

  // A column is 4 m, a row 8 m; oneself is in the middle.
  void draw() const {
    std::vector<std::string> map(draws ? 21 : 0, std::string(61, '.'));
    Entity self{};
    std::size_t ships = 0;
    for (const auto& one : seen.entities) self = one.entity == seen.self ? one : self;
    for (const auto& one : seen.entities) {
      ships += one.kind == kind_ship;
      const auto column = static_cast<std::uint64_t>(30 + (std::int64_t{one.x_cm} - self.x_cm) / 400);
      const auto row = static_cast<std::uint64_t>(10 - (std::int64_t{one.y_cm} - self.y_cm) / 800);
      if (row < map.size() && column < map[row].size())
        map[row][column] = one.entity == seen.self ? '@'
                           : one.kind == kind_ship ? 'o'
                           : one.kind == kind_junk ? '%'
                                                   : '*';
    }
    if (draws) map.insert(map.end(), lines.begin(), lines.end());
    std::cout << (draws ? "\x1b[H\x1b[J" : "");
    for (const auto& row : map) std::cout << row << "\n";
    std::cout << "at " << self.x_cm / 100 << ", " << self.y_cm / 100 << " m, " << ships << " in sight\n"
              << typed << std::flush;
  }

  int run(bool is_terminal) {
    const auto take = [this](const Event& event) { return on(event), true; };
    for (orrery::Instant keys_at{}, draw_at{}; udp.run_for(50ms, take);) {
      const auto now = orrery::BootClock::now();
      if (is_interrupted) udp.client().logout();
      if (now >= keys_at && (is_terminal || has_answer)) take_keys(), keys_at = now + (is_terminal ? 0ms : 500ms);
      if (seen.tick != 0) udp.client().move(heading.first, heading.second, 0);
      if (seen.tick != 0 && now >= draw_at) draw(), draw_at = now + (draws ? 100ms : 1000ms);
    }
    draw();
    std::cout << "\n" << describe(udp.client().statistics());
    return has_left ? 0 : 1;
  }
};
}  // namespace

int main(int argc, char** argv) {
  const auto fail = [](const orrery::Error& e) { return std::cerr << e.message << "; " << e.hint << "\n", 2; };
  if (argc < 3) return fail({"usage: orrery-play CONNECT NAME [KEYFILE]", "", "CONNECT is as cluster_status shows it"});
  struct sigaction on_signal {};
  on_signal.sa_handler = [](int) { is_interrupted = 1; };
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &on_signal, nullptr);
  ::umask(077);
  const auto connect = ConnectString::parse(argv[1]);
  if (!connect) return fail(connect.error());
  Credentials credentials{argv[2]};
  std::string key_file = argc > 3 ? argv[3] : "", key;
  termios before{}, quiet{}, keys{};
  const bool is_terminal = ::tcgetattr(STDIN_FILENO, &before) == 0;
  quiet = keys = before;
  quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  keys.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
  if (std::getline(std::ifstream(key_file), key)) {
    const auto device = DeviceKey::parse(key);
    if (!device) return fail(device.error());
    credentials.device = *device, key_file.clear();
  } else {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    std::cerr << "password: ";
    for (char c = 0; ::read(STDIN_FILENO, &c, 1) > 0 && c != '\n';) credentials.password += c;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  }
  auto udp = UdpClient::open(*connect, credentials, {.retries = 5});
  if (!udp) return fail(udp.error());
  const char* kind = std::getenv("TERM");
  const bool draws = is_terminal && ::isatty(STDOUT_FILENO) != 0 && kind && std::string_view(kind) != "dumb";
  ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  const int status = Game{std::move(*udp), key_file, draws}.run(is_terminal);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  return status;
}
