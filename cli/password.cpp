#include "password.h"

#include <sodium.h>
#include <termios.h>
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "database.h"

namespace orrery::cli {
namespace {

/// The terminal's echo is off as long as this lives.
class NoEcho {
 public:
  NoEcho() {
    good_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    good_ = good_ && tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~NoEcho() {
    if (good_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  bool good() const { return good_; }

 private:
  termios before_{};
  bool good_ = false;
};

std::string ask(const std::string& prompt) {
  std::cerr << prompt << std::flush;
  std::string line;
  std::getline(std::cin, line);
  std::cerr << '\n';
  return line;
}

}  // namespace

std::string ask_password(const std::string& account) {
  const NoEcho quiet;
  if (!quiet.good())
    throw Failure("no terminal to ask for a password", "", "", "Use --password-file or --password-stdin.");
  std::string password = ask("Password for " + account + ": ");
  if (password.empty()) throw Failure("an empty password is none");
  if (ask("Again: ") != password) throw Failure("the two passwords differ");
  return password;
}

std::string read_password(const std::string& file) {
  std::string line;
  if (file == "-") {
    std::getline(std::cin, line);
  } else {
    std::ifstream in(file);
    if (!in) throw Failure("cannot read " + file);
    std::getline(in, line);
  }
  if (line.empty()) throw Failure("no password in " + (file == "-" ? std::string("standard input") : file));
  return line;
}

std::string hash_password(const std::string& password) {
  if (sodium_init() < 0) throw Failure("libsodium cannot start");
  std::string hash(crypto_pwhash_STRBYTES, '\0');
  if (crypto_pwhash_str_alg(hash.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                            crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw Failure("not enough memory to hash the password");
  }
  hash.resize(hash.find('\0'));
  return hash;
}

}  // namespace orrery::cli
