#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "daemon/complaint.h"
#include "daemon/log.h"
#include "daemon/manual.h"
#include "daemon/options.h"
#include "daemon/recover.h"
#include "daemon/service.h"

namespace {

constexpr int exit_usage = 2;

int print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    if (std::fflush(stdout) == 0) return 0;
    gavel::daemon::complain("cannot write to standard output");
    return 1;
}

int run(const std::vector<std::string>& arguments) {
    using namespace gavel::daemon;
    if (!arguments.empty() && arguments.front() == "recover") {
        return run_recover(std::span(arguments).subspan(1));
    }
    if (arguments.size() == 1 && arguments.front() == manual_call) return print(manual());
    const auto invocation = parse_options(arguments, environment_of_process());
    if (!invocation) {
        complain(invocation.error().what);
        return exit_usage;
    }
    if (invocation->print) return print(*invocation->print);
    return run_service(invocation->options,
                       [&] { return parse_options(arguments, environment_of_process()); });
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        gavel::daemon::log::stop();
        gavel::daemon::complain(error.what());
        return 1;
    }
}
