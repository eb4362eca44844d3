#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/service.h"

namespace {

constexpr int exit_usage = 2;

int run(const std::vector<std::string>& arguments) {
    using namespace gavel::daemon;
    const auto invocation = parse_options(arguments, environment_of_process());
    if (!invocation) {
        std::fprintf(stderr, "gaveld: %s\n", invocation.error().what.c_str());
        return exit_usage;
    }
    if (invocation->print) {
        std::fputs(invocation->print->c_str(), stdout);
        return 0;
    }
    return run_service(invocation->options,
                       [&] { return parse_options(arguments, environment_of_process()); });
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        gavel::daemon::log::stop();
        std::fprintf(stderr, "gaveld: %s\n", error.what());
        return 1;
    }
}
