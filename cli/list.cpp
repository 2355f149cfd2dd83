#include "list.h"

#include <iostream>

#include "cluster.h"
#include "database.h"
#include "print.h"

namespace orrery::cli {

void print_list(const Options& options, const std::string& view, const std::string& columns) {
  Database db(options);
  require_cluster(db, options.cluster);
  const std::string from = " from " + view + " where cluster = $1 or $1::text is null";
  if (options.json) {
    std::cout << db.json_rows("select *" + from, {options.cluster}) << '\n';
  } else {
    print_table(std::cout, db.query("select " + columns + from, {options.cluster}));
  }
}

}  // namespace orrery::cli
