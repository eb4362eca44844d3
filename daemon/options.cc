#include "daemon/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iomanip>
#include <sstream>

#include "base/command_line.h"
#include "daemon/settings.h"
#include "daemon/version.h"
#include "proto/codec.h"
#include "toml++/toml.h"

namespace gavel::daemon {
namespace {

constexpr std::string_view variable_prefix = "GAVELD_";

// The text of an option and where it was found, for messages.
struct Given {
    std::string text{};
    std::string where{};
};
using GivenTexts = std::map<std::string, Given>;

std::string variable_of(const std::string& name) {
    std::string variable(variable_prefix);
    for (const char c : name) {
        variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return variable;
}

const Setting* find_setting(std::string_view name) {
    const auto found = std::ranges::find(settings(), name, &Setting::name);
    return found == settings().end() ? nullptr : &*found;
}

struct CommandLine {
    GivenTexts given{};
    std::string config{};
    bool print_config = false;
    std::optional<std::string> print{};
};

Result<CommandLine, ConfigError> parse_arguments(std::span<const std::string> arguments) {
    CommandLine line;
    CLI::App app("gaveld: a member of a Gavel cluster, the lock and configuration service");
    app.get_formatter()->column_width(44);
    app.footer("When a majority is lost for good: gaveld recover --help");
    const Options defaults;
    std::map<std::string, std::string> texts;
    for (const auto& setting : settings()) {
        const std::string standard = setting.show(defaults);
        const std::string help =
            setting.help + (standard.empty() || setting.is_switch() ? "" : " [" + standard + "]");
        if (setting.is_switch()) {
            app.add_flag("--" + setting.name + "{true}", texts[setting.name], help);
        } else {
            app.add_option("--" + setting.name, texts[setting.name], help)->type_name(setting.type);
        }
    }
    app.add_option("--config", line.config, "a TOML file with any of these options")
        ->type_name("FILE");
    app.add_flag("--print-config", line.print_config,
                 "show each value and where it came from, then end");
    app.set_version_flag("--version", "gaveld " + std::string(version()) + " (format level " +
                                          std::to_string(proto::format_level) + ")");
    try {
        parse_command_line(app, arguments);
    } catch (const CLI::CallForHelp&) {
        line.print = app.help("gaveld");
    } catch (const CLI::CallForVersion&) {
        line.print = app.version() + '\n';
    } catch (const CLI::ParseError& error) {
        return ConfigError{std::string(error.what()) + " (see gaveld --help)"};
    }
    for (const auto& setting : settings()) {
        const std::string flag = "--" + setting.name;
        if (app.count(flag) > 0) line.given[setting.name] = {texts[setting.name], flag};
    }
    return line;
}

Result<GivenTexts, ConfigError> read_environment(const Environment& environment) {
    std::map<std::string, std::string> names{{variable_of("config"), "config"}};
    for (const auto& setting : settings()) names[variable_of(setting.name)] = setting.name;

    GivenTexts given;
    for (const auto& [variable, text] : environment) {
        if (!variable.starts_with(variable_prefix) || text.empty()) continue;
        const auto known = names.find(variable);
        if (known == names.end()) return ConfigError{variable + ": no option has this name"};
        given[known->second] = {text, variable};
    }
    return given;
}

// A value of the file as it would stand on the command line.
std::optional<std::string> text_of(const toml::node& node) {
    if (const auto text = node.value_exact<std::string>()) return *text;
    if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
    if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
    const auto* list = node.as_array();
    if (list == nullptr) return std::nullopt;
    std::string joined;
    for (const auto& element : *list) {
        const auto text = element.value_exact<std::string>();
        if (!text) return std::nullopt;
        joined += (joined.empty() ? "" : ",") + *text;
    }
    return joined;
}

Result<GivenTexts, ConfigError> read_file(const std::string& path) {
    toml::table table;
    std::error_code unknown;
    if (std::filesystem::is_directory(path, unknown)) return ConfigError{path + ": is a directory"};
    try {
        table = toml::parse_file(path);
    } catch (const toml::parse_error& error) {
        const auto at = error.source().begin;
        return ConfigError{path + (at ? ":" + std::to_string(at.line) : "") + ": " +
                           std::string(error.description())};
    }
    GivenTexts given;
    for (const auto& [key, node] : table) {
        const std::string name(key.str());
        const std::string where =
            path + ":" + std::to_string(key.source().begin.line) + ": " + name;
        if (find_setting(name) == nullptr) return ConfigError{where + ": no option has this name"};
        const auto text = text_of(node);
        if (!text)
            return ConfigError{where + ": a text, a whole number, true, false or a list of texts"};
        given[name] = {*text, where};
    }
    return given;
}

std::filesystem::path standard_data_dir(const Environment& environment) {
    const auto value = [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::string() : found->second;
    };
    if (const auto folders = value("STATE_DIRECTORY"); !folders.empty()) {
        return folders.substr(0, folders.find(':'));
    }
    if (const auto state = value("XDG_STATE_HOME"); !state.empty()) {
        return std::filesystem::path(state) / "gavel";
    }
    const auto home = value("HOME");
    return home.empty() ? std::filesystem::path()
                        : std::filesystem::path(home) / ".local/state/gavel";
}

Result<void, ConfigError> check_together(const Options& options) {
    if (options.data_dir.empty()) {
        return ConfigError{"--data-dir: needed, for there is neither STATE_DIRECTORY nor HOME"};
    }
    if (options.election_timeout < 2 * options.heartbeat) {
        return ConfigError{"--election-timeout: at least twice --heartbeat, or no leader lasts"};
    }
    if (options.listen == options.peer_listen) {
        return ConfigError{"--listen and --peer-listen are the same: " + to_string(options.listen)};
    }
    for (const auto& [flag, address] :
         {std::pair("--listen", options.listen), std::pair("--peer-listen", options.peer_listen)}) {
        if (!is_loopback(address) && !options.insecure_listen) {
            return ConfigError{
                std::string(flag) + ": others can reach " + to_string(address) +
                " and there is no TLS: add --insecure-listen if the network is trusted"};
        }
    }
    return {};
}

std::string toml_string(const std::string& text) {
    std::ostringstream out;
    out << toml::value<std::string>(text);
    return out.str();
}

// In the form of the file that --config reads.
std::string render_config(const Options& options, const GivenTexts& given, const Given& config) {
    std::ostringstream out;
    if (!config.text.empty()) out << "# read " << config.text << " (" << config.where << ")\n";
    for (const auto& setting : settings()) {
        const std::string text = setting.show(options);
        const auto found = given.find(setting.name);
        const std::string value = setting.is_switch() ? text : toml_string(text);
        out << (text.empty() ? "# " : "") << std::left << std::setw(44)
            << setting.name + " = " + value << "  # "
            << (found == given.end() ? "default" : found->second.where) << '\n';
    }
    return out.str();
}

Result<void, ConfigError> set_all(const GivenTexts& given, Options& options) {
    for (const auto& setting : settings()) {
        const auto found = given.find(setting.name);
        if (found == given.end()) continue;
        const auto& [text, where] = found->second;
        if (const auto wrong = setting.set(options, text)) {
            return ConfigError{where + ": '" + text + "' is not right: " + *wrong};
        }
    }
    return {};
}

}  // namespace

Environment environment_of_process() {
    Environment found;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        found.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return found;
}

Result<Invocation, ConfigError> parse_options(std::span<const std::string> arguments,
                                              const Environment& environment) {
    auto line = parse_arguments(arguments);
    if (line.has_error()) return line.error();
    if (line->print) return Invocation{.options = {}, .print = line->print};

    const auto from_environment = read_environment(environment);
    if (from_environment.has_error()) return from_environment.error();
    Given config{line->config, "--config"};
    if (const auto named = from_environment->find("config");
        config.text.empty() && named != from_environment->end()) {
        config = named->second;
    }
    GivenTexts given = line->given;  // What is there already stays: insert() replaces nothing.
    // What is given elsewhere, too, and so does not count, is checked all the same.
    const auto add = [&given](const GivenTexts& weaker) {
        Options unused;
        given.insert(weaker.begin(), weaker.end());
        return set_all(weaker, unused);
    };
    if (const auto added = add(*from_environment); added.has_error()) return added.error();
    if (!config.text.empty()) {
        const auto from_file = read_file(config.text);
        if (from_file.has_error()) return from_file.error();
        if (const auto added = add(*from_file); added.has_error()) return added.error();
    }

    Invocation invocation;
    invocation.options.data_dir = standard_data_dir(environment);
    if (const auto applied = set_all(given, invocation.options); applied.has_error()) {
        return applied.error();
    }
    if (const auto checked = check_together(invocation.options); checked.has_error()) {
        return checked.error();
    }
    if (invocation.options.advertise.empty()) {
        invocation.options.advertise = "http://" + to_string(invocation.options.listen);
    }
    if (line->print_config) {
        invocation.print = render_config(invocation.options, given, config);
    }
    return invocation;
}

}  // namespace gavel::daemon
