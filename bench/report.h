#pragma once

#include <vector>

#include "bench/result.h"

namespace gavel::bench {

void print_table_head();
void print_row(const Result& result);
void print_json(const std::vector<Result>& results);

}  // namespace gavel::bench
