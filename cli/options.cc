#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "cli/duration.h"

namespace gavel::cli {

namespace {

constexpr std::uint64_t number_max = (1ULL << 53U) - 1;  // What JSON carries exactly.

}  // namespace

CLI::Option* add_duration(CLI::App& app, const std::string& flags,
                          std::optional<std::chrono::milliseconds>& duration,
                          const std::string& help, std::chrono::milliseconds at_least,
                          std::chrono::milliseconds at_most) {
    const auto read = [&duration, flags, at_least, at_most](const std::string& text) {
        const auto parsed = parse_duration(text);
        if (!parsed) throw CLI::ValidationError(flags, parsed.error().text);
        if (*parsed < at_least || *parsed > at_most) {
            throw CLI::ValidationError(flags, text + " is not between " +
                                                  format_duration(at_least) + " and " +
                                                  format_duration(at_most));
        }
        duration = *parsed;
    };
    return app.add_option_function<std::string>(flags, read, help)->type_name("DURATION");
}

CLI::Option* add_number(CLI::App& app, const std::string& flags,
                        std::optional<std::uint64_t>& number, const std::string& help,
                        std::uint64_t at_least) {
    const auto read = [&number, flags, at_least](const std::string& text) {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool whole = error == std::errc{} && end == text.data() + text.size();
        if (!whole || value < at_least || value > number_max) {
            throw CLI::ValidationError(flags, "'" + text + "' is not a whole number from " +
                                                  std::to_string(at_least) + " on, below 2^53");
        }
        number = value;
    };
    return app.add_option_function<std::string>(flags, read, help)->type_name("NUMBER");
}

CLI::Option* add_choice(CLI::App& app, const std::string& flags,
                        const std::vector<std::string>& names,
                        const std::function<void(std::size_t)>& chosen, const std::string& help) {
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : "|") + name;
    const auto read = [names, chosen, list](const std::string& text) {
        const auto found = std::find(names.begin(), names.end(), text);
        if (found == names.end()) throw CLI::ValidationError("'" + text + "' is none of " + list);
        chosen(static_cast<std::size_t>(found - names.begin()));
    };
    return app.add_option_function<std::string>(flags, read, help)->type_name(list);
}

}  // namespace gavel::cli
