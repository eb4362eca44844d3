#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/endpoint.h"

namespace gavel::cli::test {

struct Ran {
    int code = 0;
    std::string out{};
    std::string err{};
};

// The tool, in this process, against these endpoints.
inline Ran run(std::vector<std::string> arguments, const std::vector<Endpoint>& endpoints = {},
               bool terminal = false, bool no_color = false, const std::string& held_lock = {},
               const std::string& held_token = {}, const std::string& held_session = {}) {
    std::string list;
    for (const auto& endpoint : endpoints) list += (list.empty() ? "" : ",") + endpoint.url();
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_gavel(arguments, {.out = out,
                                           .err = err,
                                           .out_is_terminal = terminal,
                                           .err_is_terminal = terminal,
                                           .no_color = no_color,
                                           .endpoints = list,
                                           .held_lock = held_lock,
                                           .held_token = held_token,
                                           .held_session = held_session});
    return {code, out.str(), err.str()};
}

}  // namespace gavel::cli::test
