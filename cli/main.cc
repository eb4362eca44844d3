#include <stdlib.h>
#include <unistd.h>

#include <exception>
#include <iostream>

#include "cli/app.h"
#include "cli/author.h"
#include "cli/exit_code.h"

int main(int count, char** arguments) {
    using gavel::cli::Surroundings;
    const auto of = [](const char* name) {
        const char* value = ::getenv(name);
        return std::string(value == nullptr ? "" : value);
    };
    const std::string author = of("GAVEL_AUTHOR");
    const Surroundings surroundings{
        .out = std::cout,
        .err = std::cerr,
        .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
        .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
        .no_color = !of("NO_COLOR").empty() || of("TERM") == "dumb",
        .endpoints = of("GAVEL_ENDPOINTS"),
        .held_lock = of("GAVEL_LOCK_NAME"),
        .held_token = of("GAVEL_LOCK_TOKEN"),
        .held_session = of("GAVEL_SESSION"),
        .author = author.empty() ? gavel::cli::author_of_this_process() : author};
    try {
        return gavel::cli::run_gavel({arguments + 1, arguments + count}, surroundings);
    } catch (const std::exception& error) {
        std::cerr << "gavel: " << error.what() << std::endl;
        return gavel::cli::exit_error;
    }
}
