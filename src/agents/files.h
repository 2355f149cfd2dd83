// Whole files, and what the system says when it refuses.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orrery::agents {

/// "ENOENT: <what>: No such file or directory", of code "ENOENT".
Error system_error(const std::string& what, int code = errno);
/// Of a file that is read; above what the kernel gives a program of arguments and environment.
inline constexpr std::size_t file_bytes_max = 16 << 20;
/// A whole file. Error of code ENOENT only when there is none; EFBIG when it is larger than file_bytes_max.
Result<std::string> read_file(const std::string& path);
/// Writes all of it. False, with errno, when the system does not take all.
bool write_all(int fd, std::string_view text);

}  // namespace orrery::agents
