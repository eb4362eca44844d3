#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"

namespace gavel::cli {
namespace {

using nlohmann::json;
using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::run;

// Everything that any of the answers may have; each command looks for what is its own.
FakeServer cluster() {
    const std::string body = R"({"id":"s1","name":"n1","key":"a","value":"x","revision":7,
        "version":1,"session":"s1","token":7,"expires_in":"9s","released":true,"held":true,
        "holders":[{"session":"s1","token":7}],"queue":[],"member_id":1,"role":"leader",
        "succeeded":true,"results":[{"put":{"key":"a","version":1}}],
        "leader_id":1,"epoch":1,"from_slot":1,"governs":true,"verdict":"safe","cluster_id":"c1",
        "items":[{"key":"a","value":"x","revision":7},{"key":"b","value":"y","revision":8}],
        "schemas":[{"prefix":"a/"},{"prefix":"b/"}],"keys_checked":1,"complete":true,
        "conflicts":[{"key":"a","violations":[{"pointer":"","reason":"x"}]}],
        "quotas":[{"prefix":""},{"prefix":"a/"}],"prefix":"a/",
        "locks":[{"name":"a","holders":[]}],"sessions":[{"id":"s1"}],"pending":[],
        "changes":[{"kind":"put","revision":7}],"from":{"value":"x"},"to":{"value":"y"},
        "members":[{"member_id":1,"name":"n1","role":"voter"}],"ttl":"9s"})";
    return FakeServer([body](const FakeRequest& request) {
        if (request.method == "DELETE" && request.target.starts_with("/v1/sessions")) {
            return FakeReply{.status = 204};
        }
        const bool bytes = request.target == "/v1/config/a" && request.method == "GET";
        return FakeReply{.body = bytes ? "x" : body};
    });
}

// What a command needs beside its required arguments.
const std::map<std::string, std::vector<std::string>>& needs() {
    static const std::map<std::string, std::vector<std::string>> all{
        {"locks release", {"--token", "7"}},
        {"put", {"x"}},
        {"quota set", {"--keys", "1"}},
        {"top", {"--interval", "100ms"}},
    };
    return all;
}

// Those that print no data of the cluster: they run a command, go on until they are stopped, or
// print what has a form of its own. Their own tests look at what they print.
const std::vector<std::string>& others() {
    static const std::vector<std::string> all{"lock",       "watch", "playground",
                                              "completion", "edit",  "backup"};
    return all;
}

std::vector<std::string> line_for(const CommandNode& command) {
    std::vector<std::string> line;
    std::istringstream words(command.path);
    for (std::string word; words >> word;) line.push_back(word);
    for (const auto& argument : command.arguments) {
        if (!argument.required) continue;
        const bool member = argument.value.starts_with("MEMBER");
        line.push_back(member ? "n1" : argument.value == "FILE" ? "/dev/null" : "a");
    }
    for (const auto& option : command.options) {
        if (option.required) line.insert(line.end(), {option.flags.back(), "7"});
    }
    if (const auto more = needs().find(command.path); more != needs().end()) {
        line.insert(line.end(), more->second.begin(), more->second.end());
    }
    return line;
}

template <class Visit>
void each_command(const CommandNode& node, const Visit& visit) {
    for (const auto& command : node.commands) each_command(command, visit);
    const bool other = std::ranges::find(others(), node.path) != others().end();
    if (node.commands.empty() && !other) visit(node);
}

TEST(Formats, AreJsonWherePeopleDoNotRead) {
    auto server = cluster();
    std::size_t count = 0;
    each_command(describe_gavel(), [&](const CommandNode& command) {
        SCOPED_TRACE("gavel " + command.path);
        ++count;
        auto line = line_for(command);
        line.insert(line.begin(), {"-o", "json"});

        const auto document = run(line, {server.endpoint()});
        line[1] = "jsonl";
        const auto lines = run(line, {server.endpoint()});

        EXPECT_NE(document.code, exit_usage) << "add what it needs to needs(): " << document.err;
        if (command.path == "session end") {
            EXPECT_EQ(document.out + lines.out, "") << "there is nothing to tell";
            return;
        }
        EXPECT_TRUE(json::accept(document.out)) << document.out << document.err;
        EXPECT_GT(std::count(document.out.begin(), document.out.end(), '\n'), 1) << "indented";
        std::istringstream all(lines.out);
        std::size_t found = 0;
        for (std::string each; std::getline(all, each); ++found) {
            EXPECT_TRUE(json::accept(each)) << each;
        }
        EXPECT_GT(found, 0U) << lines.err;
    });
    EXPECT_GT(count, 15U);
}

TEST(Formats, AreBareValuesForScripts) {
    auto server = cluster();
    each_command(describe_gavel(), [&](const CommandNode& command) {
        SCOPED_TRACE("gavel " + command.path);
        if (command.path == "session end") return;
        auto line = line_for(command);
        const auto table = run(line, {server.endpoint()});
        line.insert(line.begin(), {"-o", "value"});

        const auto value = run(line, {server.endpoint()});

        EXPECT_NE(value.out, "");
        if (command.path == "schema get") return;  // The document is the value.
        EXPECT_THAT(value.out, testing::Not(testing::HasSubstr("  "))) << "no columns";
        EXPECT_FALSE(json::parse(value.out, nullptr, false).is_object()) << value.out;
        EXPECT_TRUE(command.path == "get" || value.out != table.out) << value.out;
    });
}

TEST(Formats, HaveColoursOnATerminalOrWhenToldSo) {
    auto server = cluster();
    const auto colored = [&](std::vector<std::string> more, bool terminal, bool no_color) {
        more.insert(more.end(), {"ls"});
        const auto out = run(more, {server.endpoint()}, terminal, no_color).out;
        return out.find("\x1b[") != std::string::npos;
    };

    EXPECT_TRUE(colored({}, true, false));
    EXPECT_FALSE(colored({}, true, true));
    EXPECT_FALSE(colored({}, false, false));
    EXPECT_TRUE(colored({"--color", "always"}, false, true));
    EXPECT_FALSE(colored({"--color", "never"}, true, false));
    EXPECT_FALSE(colored({"--color", "auto"}, true, true));
    EXPECT_EQ(run({"--color", "red", "ls"}).code, exit_usage);
}

std::string without_colours(const std::string& text) {
    return std::regex_replace(text, std::regex("\x1b\\[[0-9;]*m"), "");
}

TEST(Formats, HaveTheSameColumnsWithColoursAndNoColoursForPrograms) {
    auto server = cluster();
    each_command(describe_gavel(), [&](const CommandNode& command) {
        SCOPED_TRACE("gavel " + command.path);
        if (command.path == "session end") return;
        const auto shown = [&](std::vector<std::string> more) {
            const auto line = line_for(command);
            more.insert(more.end(), line.begin(), line.end());
            return run(more, {server.endpoint()}).out;
        };

        EXPECT_EQ(without_colours(shown({"--color", "always"})), shown({"--color", "never"}));
        for (const auto* format : {"json", "jsonl", "value"}) {
            EXPECT_THAT(shown({"--color", "always", "-o", format}),
                        testing::Not(testing::HasSubstr("\x1b")));
        }
    });
}

TEST(Formats, MarkTheBeginningOfAnErrorWhereMessagesGoToATerminal) {
    const auto said = [](bool err_is_terminal, bool no_color, std::vector<std::string> arguments) {
        std::ostringstream out, err;
        run_gavel(arguments, {.out = out,
                              .err = err,
                              .out_is_terminal = !err_is_terminal,
                              .err_is_terminal = err_is_terminal,
                              .no_color = no_color,
                              .endpoints = test::closed_endpoint().url()});
        return err.str();
    };

    EXPECT_THAT(said(true, false, {"ls"}), testing::StartsWith("\x1b[1;31mgavel:\x1b[0m unreach"));
    EXPECT_THAT(said(true, false, {"lss"}), testing::StartsWith("\x1b[1;31mgavel:\x1b[0m there"));
    for (const auto* wrong : {"ls", "lss"}) {
        EXPECT_THAT(said(true, true, {wrong}), testing::StartsWith("gavel: "));
        EXPECT_THAT(said(false, false, {wrong}), testing::StartsWith("gavel: "));
    }
    EXPECT_THAT(said(true, false, {"--color", "never", "ls"}), testing::StartsWith("gavel: "));
    EXPECT_THAT(said(false, true, {"--color", "always", "ls"}), testing::StartsWith("\x1b[1;31m"));
}

}  // namespace
}  // namespace gavel::cli
