#include "cli/command_tree.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace gavel::cli {

namespace {

std::vector<std::string> split_choices(const std::string& type) {
    std::vector<std::string> choices;
    if (type.find('|') == std::string::npos) return choices;
    for (std::size_t from = 0; from <= type.size();) {
        const auto bar = std::min(type.find('|', from), type.size());
        choices.push_back(type.substr(from, bar - from));
        from = bar + 1;
    }
    return choices;
}

// CLI11 joins a type and the descriptions of its checks with ':'; people need the type.
std::string type_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    return type.substr(0, type.find(':'));
}

Parameter describe(const CLI::Option& option) {
    Parameter parameter{
        .help = option.get_description(),
        .required = option.get_required(),
        .repeatable = option.get_items_expected_max() > 1 || option.get_expected_max() > 1};
    for (const auto& name : option.get_snames()) parameter.flags.push_back("-" + name);
    for (const auto& name : option.get_lnames()) parameter.flags.push_back("--" + name);
    if (parameter.flags.empty()) {
        parameter.value = option.get_name(true);
    } else if (option.get_items_expected_max() > 0) {
        parameter.value = type_of(option);
    }
    parameter.choices = split_choices(option.get_type_name());
    return parameter;
}

CommandNode describe_under(const CLI::App& app, const std::string& path) {
    CommandNode node{.path = path, .help = app.get_description(), .footer = app.get_footer()};
    for (const auto* option : app.get_options()) {
        Parameter parameter = describe(*option);
        auto& list = parameter.is_positional() ? node.arguments : node.options;
        list.push_back(std::move(parameter));
    }
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        node.commands.push_back(
            describe_under(*command, (path.empty() ? "" : path + " ") + command->get_name()));
    }
    return node;
}

}  // namespace

std::string CommandNode::name() const {
    return path.empty() ? "gavel" : path.substr(path.rfind(' ') + 1);
}

const CommandNode* CommandNode::find(std::string_view word) const {
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const CommandNode& each) { return each.name() == word; });
    return found == commands.end() ? nullptr : &*found;
}

std::string_view CommandNode::command_mark() const {
    return path == "lock" ? "--" : path == "watch" ? "--exec" : "";
}

CommandNode describe_commands(const CLI::App& app) { return describe_under(app, ""); }

std::string synopsis(const CommandNode& command) {
    std::string text = command.path;
    if (!command.commands.empty()) text += (text.empty() ? "" : " ") + std::string("COMMAND");
    for (const auto& argument : command.arguments) {
        const std::string shown = argument.value + (argument.repeatable ? "…" : "");
        text += argument.required ? " " + shown : " [" + shown + "]";
    }
    for (const auto& option : command.options) {
        if (option.flags.back() == "--help") continue;
        const std::string shown =
            option.flags.back() + (option.value.empty() ? "" : " " + option.value);
        text += option.required ? " " + shown : " [" + shown + "]" + (option.repeatable ? "…" : "");
    }
    const std::string mark(command.command_mark());
    if (mark == "--") text += " -- COMMAND [ARGUMENT…]";
    if (mark == "--exec") text += " [--exec COMMAND [ARGUMENT…]]";
    return text;
}

}  // namespace gavel::cli
