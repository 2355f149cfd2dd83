// Splits a SQL file into statements, so that an error can name its line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orrery::cli {

struct Statement {
  std::string text;  ///< without the final semicolon
  int line = 1;      ///< of its first character, from 1
};

/// Knows quotes, E'' strings, quoted names, dollar quotes, and both kinds of comment. psql's backslash commands are not
/// understood, nor are `begin atomic` bodies.
std::vector<Statement> split_sql(std::string_view script);

}  // namespace orrery::cli
