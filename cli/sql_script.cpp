#include "sql_script.h"

#include <algorithm>
#include <cctype>

namespace orrery::cli {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Position after the closing `quote` of the quoted text that opens at `at`.
std::size_t skip_quoted(std::string_view s, std::size_t at, char quote, bool backslash) {
  for (++at; at < s.size(); ++at) {
    if (backslash && s[at] == '\\') {
      ++at;
    } else if (s[at] == quote) {
      if (at + 1 < s.size() && s[at + 1] == quote) {
        ++at;
      } else {
        return at + 1;
      }
    }
  }
  return s.size();
}

std::size_t skip_block_comment(std::string_view s, std::size_t at) {
  int depth = 0;
  while (at < s.size()) {
    if (s.substr(at, 2) == "/*") {
      ++depth;
      at += 2;
    } else if (s.substr(at, 2) == "*/") {
      at += 2;
      if (--depth == 0) return at;
    } else {
      ++at;
    }
  }
  return at;
}

/// Position after a dollar-quoted text that opens at `at`; `at` + 1 when it is no such opening.
std::size_t skip_dollar(std::string_view s, std::size_t at) {
  std::size_t end = at + 1;
  while (end < s.size() && is_word(s[end])) ++end;
  const bool is_parameter = at + 1 < s.size() && std::isdigit(static_cast<unsigned char>(s[at + 1])) != 0;
  if (end >= s.size() || s[end] != '$' || is_parameter) return at + 1;
  const std::string_view tag = s.substr(at, end - at + 1);
  const std::size_t close = s.find(tag, end + 1);
  return close == std::string_view::npos ? s.size() : close + tag.size();
}

/// Position after the token that begins at `at`; a comment, a quoted text, or one character.
std::size_t next_token(std::string_view s, std::size_t at) {
  const char before = at == 0 ? ' ' : s[at - 1];
  if (s.substr(at, 2) == "--") return std::min(s.find('\n', at), s.size());
  if (s.substr(at, 2) == "/*") return skip_block_comment(s, at);
  if (s[at] == '\'') {
    const bool escapes = (before == 'e' || before == 'E') && (at < 2 || !is_word(s[at - 2]));
    return skip_quoted(s, at, '\'', escapes);
  }
  if (s[at] == '"') return skip_quoted(s, at, '"', false);
  if (s[at] == '$' && !is_word(before)) return skip_dollar(s, at);
  return at + 1;
}

}  // namespace

std::vector<Statement> split_sql(std::string_view script) {
  std::vector<Statement> statements;
  std::size_t start = std::string_view::npos;  // of the statement being read; npos between statements
  const auto finish = [&](std::size_t end) {
    if (start == std::string_view::npos) return;
    const auto line = 1 + std::count(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(start), '\n');
    statements.push_back({std::string(script.substr(start, end - start)), static_cast<int>(line)});
    start = std::string_view::npos;
  };
  std::size_t at = 0;
  while (at < script.size()) {
    const std::size_t next = next_token(script, at);
    const bool is_comment = script.substr(at, 2) == "--" || script.substr(at, 2) == "/*";
    if (script[at] == ';' && next == at + 1) {
      finish(at);
    } else if (start == std::string_view::npos && !is_comment &&
               std::isspace(static_cast<unsigned char>(script[at])) == 0) {
      start = at;
    }
    at = next;
  }
  finish(script.size());
  return statements;
}

}  // namespace orrery::cli
