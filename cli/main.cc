#include <stdlib.h>
#include <unistd.h>

#include <exception>
#include <iostream>

#include "cli/app.h"
#include "cli/exit_code.h"

int main(int count, char** arguments) {
    using gavel::cli::Surroundings;
    const char* endpoints = ::getenv("GAVEL_ENDPOINTS");
    const char* no_color = ::getenv("NO_COLOR");
    const Surroundings surroundings{.out = std::cout,
                                    .err = std::cerr,
                                    .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                                    .no_color = no_color != nullptr && *no_color != '\0',
                                    .endpoints = endpoints == nullptr ? "" : endpoints};
    try {
        return gavel::cli::run_gavel({arguments + 1, arguments + count}, surroundings);
    } catch (const std::exception& error) {
        std::cerr << "gavel: " << error.what() << std::endl;
        return gavel::cli::exit_error;
    }
}
