// Passwords: asked for without echo, read from files, hashed.
#pragma once

#include <string>

namespace orrery::cli {

/// Asks twice on the terminal, without echo. Throws Failure when they differ or there is no terminal.
std::string ask_password(const std::string& account);
/// The first line of a file; "-" is standard input. Throws Failure when it cannot be read or is empty.
std::string read_password(const std::string& file);
/// Argon2id string with libsodium's interactive limits. Throws Failure when memory does not suffice.
std::string hash_password(const std::string& password);

}  // namespace orrery::cli
