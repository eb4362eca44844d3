#include "cli/completion_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/completion_scripts.h"
#include "cli/endpoint.h"
#include "cli/exit_code.h"
#include "cli/http_client.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

using Kind = Completion::Kind;
using Candidates = std::vector<Completion::Candidate>;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A person waits for the answer with a finger on TAB.
constexpr milliseconds patience{800};
constexpr milliseconds attempt_limit{400};
constexpr std::size_t names_max = 200;

nlohmann::json ask(const std::vector<Endpoint>& endpoints, const std::string& target) {
    const auto deadline = Clock::now() + patience;
    for (const auto& endpoint : endpoints) {
        const auto left = std::chrono::floor<milliseconds>(deadline - Clock::now());
        if (left <= milliseconds{0}) break;
        HttpClient http;
        const auto answer =
            http.send(endpoint, {.target = target, .time_limit = std::min(left, attempt_limit)});
        if (!answer || answer->status != 200) continue;
        auto document = nlohmann::json::parse(answer->body, nullptr, false);
        if (document.is_object()) return document;
    }
    return nlohmann::json::object();
}

std::string holder_of(const nlohmann::json& lock) {
    const auto holders = lock.value("holders", nlohmann::json::array());
    if (holders.empty()) return "free";
    return "held by " + text_of(holders.front(), "session");
}

// The names that the cluster has. What this member knows will do: `stale` needs no leader.
Candidates names_of(const Completion& wanted, const std::vector<Endpoint>& endpoints) {
    const std::string page = "consistency=stale&limit=" + std::to_string(names_max) +
                             "&prefix=" + encode_query(wanted.partial);
    Candidates found;
    const auto take = [&](const std::string& target, const char* list, const auto& candidate_of) {
        const auto document = ask(endpoints, target);
        for (const auto& item : document.value(list, nlohmann::json::array())) {
            auto candidate = candidate_of(item);
            if (found.size() == names_max || !candidate.word.starts_with(wanted.partial)) continue;
            found.push_back(std::move(candidate));
        }
    };
    using Candidate = Completion::Candidate;
    switch (wanted.kind) {
        case Kind::keys:
            take("/v1/config?keys_only=true&" + page, "items", [](const nlohmann::json& item) {
                return Candidate{text_of(item, "key"), {}};
            });
            break;
        case Kind::locks:
            take("/v1/locks?" + page, "locks", [](const nlohmann::json& item) {
                return Candidate{text_of(item, "name"), holder_of(item)};
            });
            break;
        case Kind::sessions:
            take("/v1/sessions?consistency=stale&limit=" + std::to_string(names_max), "sessions",
                 [](const nlohmann::json& item) {
                     return Candidate{text_of(item, "id"), text_of(item, "name")};
                 });
            break;
        case Kind::members:
            take("/v1/members", "members", [](const nlohmann::json& item) {
                return Candidate{text_of(item, "name"), text_of(item, "role")};
            });
            break;
        default:
            return wanted.candidates;
    }
    return found;
}

// As the shell reads it: bash a word, quoted, without what it keeps of the word by itself; fish and
// zsh a word and what to say of it.
class Printer {
public:
    Printer(Shell shell, std::string_view breaks, char open_quote)
        : shell_(shell), breaks_(breaks), open_quote_(open_quote) {}

    std::string line(const Completion& completion, const Completion::Candidate& candidate) const {
        const std::string word = completion.prefix + candidate.word;
        const std::string help = shorten(printable(candidate.help), 70);
        switch (shell_) {
            case Shell::bash:
                return quote_for_bash(word.substr(kept(completion)), open_quote_);
            case Shell::zsh:
                return escaped(word) + (help.empty() ? "" : ":" + help);
            case Shell::fish:
                return word + (help.empty() ? "" : "\t" + help);
        }
        return word;
    }

private:
    // bash breaks words at ':' and '=', and replaces what stands behind the last of them only.
    std::size_t kept(const Completion& completion) const {
        if (open_quote_ != '\0') return 0;
        const std::string typed = completion.prefix + completion.partial;
        std::size_t end = typed.size();
        while (end > 0) {
            const char c = typed[end - 1];
            if ((c == ':' || c == '=') && breaks_.find(c) != std::string_view::npos) break;
            --end;
        }
        return end;
    }

    static std::string escaped(const std::string& word) {
        std::string text;
        for (const char c : word) {
            if (c == ':' || c == '\\') text += '\\';
            text += c;
        }
        return text;
    }

    Shell shell_;
    std::string_view breaks_;
    char open_quote_;
};

std::optional<Shell> shell_named(std::string_view name) {
    if (name == "bash") return Shell::bash;
    if (name == "zsh") return Shell::zsh;
    if (name == "fish") return Shell::fish;
    return std::nullopt;
}

}  // namespace

int answer_shell(const CommandNode& tree, std::span<const std::string> arguments,
                 const Surroundings& surroundings) {
    const auto shell = arguments.empty() ? std::nullopt : shell_named(arguments[0]);
    if (!shell) return exit_usage;
    arguments = arguments.subspan(1);

    std::vector<std::string> words(arguments.begin(), arguments.end());
    std::string_view breaks;
    char open_quote = '\0';
    if (*shell == Shell::bash) {
        if (arguments.size() != 2) return exit_usage;
        breaks = arguments[0];
        words = split_command_line(arguments[1], open_quote);
        words.erase(words.begin());
    }
    const Completion wanted = complete(tree, words);
    if (wanted.kind == Kind::file) return complete_file;
    if (wanted.kind == Kind::command) return complete_command;

    const auto endpoints = choose_endpoints(wanted.endpoints, surroundings.endpoints);
    if (!endpoints) return exit_success;
    const Printer printer(*shell, breaks, open_quote);
    for (const auto& candidate : names_of(wanted, *endpoints)) {
        // A name from somewhere else must neither forge a line nor reach the terminal as it is.
        if (printable(candidate.word) != candidate.word) continue;
        surroundings.out << printer.line(wanted, candidate) << '\n';
    }
    surroundings.out.flush();
    return exit_success;
}

void add_completion_command(CLI::App& app, Action& action) {
    auto shell = std::make_shared<Shell>(Shell::bash);
    auto* command = app.add_subcommand("completion", "Print what a shell reads to complete gavel");
    command->footer(
        "bash: source <(gavel completion bash)\n"
        "zsh:  source <(gavel completion zsh), after compinit\n"
        "fish: gavel completion fish | source");
    add_choice(
        *command, "SHELL", {"bash", "zsh", "fish"},
        [shell](std::size_t chosen) {
            constexpr std::array shells{Shell::bash, Shell::zsh, Shell::fish};
            *shell = shells.at(chosen);
        },
        "Which one")
        ->required();
    command->callback([&action, shell] {
        action = [shell](Context& context) {
            context.out << completion_script(*shell);
            return exit_success;
        };
    });
}

}  // namespace gavel::cli
