// Rows as a table for people.
#pragma once

#include <ostream>
#include <pqxx/pqxx>
#include <string>

namespace orrery::cli {

/// Columns under their names, two spaces apart; numbers to the right. Nothing but "(none)" for no rows.
void print_table(std::ostream& out, const pqxx::result& rows);

}  // namespace orrery::cli
