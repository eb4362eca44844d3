#include "base/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

namespace gavel {

namespace {

using Commands = std::vector<const CLI::App*>;

// Options are taken from the commands above, too.
bool takes_value(const Commands& commands, const std::string& flag) {
    if (!flag.starts_with('-')) return false;  // Positional arguments have names as well.
    return std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
        const auto* option = command->get_option_no_throw(flag);
        return option != nullptr && option->get_items_expected_max() > 0;
    });
}

}  // namespace

void parse_command_line(CLI::App& app, std::span<const std::string> words) {
    Commands commands{&app};
    std::vector<std::string> split;
    auto at = words.begin();
    for (; at != words.end() && *at != "--"; ++at) {
        const auto found = commands.back()->get_subcommands(
            [&](const CLI::App* command) { return command->check_name(*at); });
        if (!found.empty()) commands.push_back(found.front());
        const std::string flag = at->ends_with('=') ? at->substr(0, at->size() - 1) : "";
        if (takes_value(commands, flag)) {
            split.push_back(flag);
            split.emplace_back();
        } else {
            split.push_back(*at);
        }
    }
    split.insert(split.end(), at, words.end());
    std::reverse(split.begin(), split.end());  // CLI11 takes them last first.
    app.parse(split);
}

}  // namespace gavel
