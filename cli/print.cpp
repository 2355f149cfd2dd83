#include "print.h"

#include <algorithm>
#include <vector>

namespace orrery::cli {
namespace {

/// Columns taken on a terminal, near enough: UTF-8 continuation bytes take none.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.-") == std::string::npos;
}

}  // namespace

void print_table(std::ostream& out, const pqxx::result& rows) {
  if (rows.empty()) {
    out << "(none)\n";
    return;
  }
  const auto columns = static_cast<std::size_t>(rows.columns());
  std::vector<std::vector<std::string>> cells(1, std::vector<std::string>(columns));
  std::vector<bool> numeric(columns, true);
  for (std::size_t c = 0; c < columns; ++c) cells[0][c] = rows.column_name(static_cast<pqxx::row_size_type>(c));
  for (const auto& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (std::size_t c = 0; c < columns; ++c) {
      const auto field = row[static_cast<pqxx::row_size_type>(c)];
      line.push_back(field.is_null() ? "" : field.c_str());
      if (!line.back().empty() && !is_number(line.back())) numeric[c] = false;
    }
  }
  std::vector<std::size_t> widths(columns, 0);
  for (const auto& line : cells) {
    for (std::size_t c = 0; c < columns; ++c) widths[c] = std::max(widths[c], width(line[c]));
  }
  for (const auto& line : cells) {
    std::string text;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string pad(widths[c] - width(line[c]), ' ');
      text += numeric[c] ? pad + line[c] : line[c] + pad;
      text += "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  }
}

}  // namespace orrery::cli
