#pragma once

#include "bench/options.h"

namespace gavel::bench {

struct Arguments {
    Options options{};
    bool runs{};  // False: help was asked for, or they make no sense; both have been printed.
    int exit_code{};
};

Arguments parse_arguments(int argc, char** argv);

}  // namespace gavel::bench
