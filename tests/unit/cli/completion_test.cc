#include "cli/completion.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "cli/app.h"
#include "cli/completion_scripts.h"
#include "tests/unit/cli/fake_server.h"
#include "tests/unit/cli/run.h"
#include "tests/unit/cli/shell.h"

namespace gavel::cli {
namespace {

using Kind = Completion::Kind;
using test::FakeReply;
using test::FakeRequest;
using test::FakeServer;
using test::run;
using test::shell;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Completion at(const std::vector<std::string>& words) { return complete(describe_gavel(), words); }

std::vector<std::string> words_at(const std::vector<std::string>& words) {
    std::vector<std::string> found;
    for (const auto& candidate : at(words).candidates) found.push_back(candidate.word);
    return found;
}

TEST(Completion, KnowsCommandsOptionsAndChoices) {
    EXPECT_THAT(words_at({"playg"}), ElementsAre("playground"));
    EXPECT_THAT(words_at({""}), Contains("completion"));
    EXPECT_THAT(words_at({"-o", "json", "session", "k"}), ElementsAre("keep"));
    EXPECT_THAT(words_at({"lock", "a", "--on"}), ElementsAre("--on-lost"));
    EXPECT_THAT(words_at({"lock", "a", "--on-lost", ""}), ElementsAre("term", "kill", "none"));
    EXPECT_THAT(words_at({"lock", "a", "--on-lost=k"}), ElementsAre("kill"));
    EXPECT_EQ(at({"lock", "a", "--on-lost=k"}).prefix, "--on-lost=");
    EXPECT_THAT(words_at({"-o", ""}), ElementsAre("table", "json", "jsonl", "value"));
    EXPECT_THAT(words_at({"get", "a", "-o", "js"}), ElementsAre("json", "jsonl"));
    EXPECT_THAT(words_at({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
    EXPECT_THAT(words_at({"get", "--"}), Contains("--endpoint")) << "of every command";
    EXPECT_THAT(words_at({"get", "--he"}), ElementsAre("--help")) << "once";
    EXPECT_THAT(words_at({"nonsense", ""}), Not(IsEmpty())) << "still no command";
}

TEST(Completion, KnowsWhatTheClusterHasNamesFor) {
    EXPECT_EQ(at({"get", ""}).kind, Kind::keys);
    EXPECT_EQ(at({"ls", "ap"}).kind, Kind::keys);
    EXPECT_EQ(at({"watch", "--key=ap"}).kind, Kind::keys);
    EXPECT_EQ(at({"watch", "--key=ap"}).partial, "ap");
    EXPECT_EQ(at({"lock", "--no-wait", ""}).kind, Kind::locks);
    EXPECT_EQ(at({"watch", "--locks", ""}).kind, Kind::locks);
    EXPECT_EQ(at({"locks", "show", ""}).kind, Kind::locks);
    EXPECT_EQ(at({"locks", "ls", ""}).kind, Kind::locks);
    EXPECT_EQ(at({"locks", "release", "a", "--session", ""}).kind, Kind::sessions);
    EXPECT_EQ(at({"session", "end", ""}).kind, Kind::sessions);
    EXPECT_EQ(at({"member", "rm", "--dry-run", ""}).kind, Kind::members);
    EXPECT_EQ(at({"member", "replace", "n1,n"}).kind, Kind::members);
    EXPECT_EQ(at({"member", "replace", "n1,n"}).prefix, "n1,");
    EXPECT_EQ(at({"member", "replace", "n1,n"}).partial, "n");
    EXPECT_EQ(at({"put", "a", "--file", ""}).kind, Kind::file);
}

TEST(Completion, KnowsWhereThereIsNothingToSay) {
    EXPECT_EQ(at({"get", "a", ""}).kind, Kind::nothing) << "one key only";
    EXPECT_EQ(at({"put", "a", ""}).kind, Kind::nothing);
    EXPECT_EQ(at({"put", "a", "--", "-"}).kind, Kind::nothing) << "no option behind --";
    EXPECT_EQ(at({"session", "new", "--name", ""}).kind, Kind::nothing);
    EXPECT_EQ(at({"member", "add", ""}).kind, Kind::nothing) << "it is new";
    EXPECT_EQ(at({"version", ""}).kind, Kind::nothing);
}

TEST(Completion, LeavesTheUsersCommandToTheShell) {
    EXPECT_EQ(at({"lock", "a", "--", ""}).kind, Kind::command);
    EXPECT_EQ(at({"lock", "a", "--", "make", ""}).command_from, 3U);
    EXPECT_EQ(at({"watch", "a", "--exec", "systemctl", "re"}).kind, Kind::command);
    EXPECT_EQ(at({"put", "a", "--exec", ""}).kind, Kind::nothing);
}

TEST(Completion, SplitsALineAsAShellWould) {
    char quote = '\0';
    EXPECT_THAT(split_command_line("gavel get ", quote), ElementsAre("gavel", "get", ""));
    EXPECT_THAT(split_command_line("gavel  get a\\ b", quote), ElementsAre("gavel", "get", "a b"));
    EXPECT_THAT(split_command_line("gavel put a '' \"x \\\"y", quote),
                ElementsAre("gavel", "put", "a", "", "x \"y"));
    EXPECT_EQ(quote, '"');
    EXPECT_THAT(split_command_line("get \"a\\b\"\\!\"c", quote), ElementsAre("get", "a\\b!c"));
    EXPECT_THAT(split_command_line("", quote), ElementsAre(""));
}

TEST(Completion, QuotesAsBashReads) {
    EXPECT_EQ(quote_for_bash("app/a b$c", '\0'), "app/a\\ b\\$c");
    EXPECT_EQ(quote_for_bash("app/a b$c\"", '"'), "app/a b\\$c\\\"");
    EXPECT_EQ(quote_for_bash("it's", '\''), "it'\\''s");
    // As at a prompt: with the history that '!' recalls.
    const auto as_read = [](const std::string& quoted) {
        return shell("bash", "set -o history -o histexpand\nHOME=/home\nprintf %s " + quoted);
    };
    for (const std::string word : {"a b", "it's", "$(x)", "`x`", "a;b|c&d", "*?[x]", "#a", "!x",
                                   "a!printf", "~", "~root/x", "a\\b", "^a^b"}) {
        EXPECT_EQ(as_read(quote_for_bash(word, '\0')), word);
        EXPECT_EQ(as_read('"' + quote_for_bash(word, '"') + '"'), word);
        EXPECT_EQ(as_read('\'' + quote_for_bash(word, '\'') + '\''), word);
    }
}

// A cluster with a name of each kind.
FakeServer cluster() {
    return FakeServer([](const FakeRequest& request) {
        if (request.target.starts_with("/v1/config")) {
            return FakeReply{.body = R"({"items":[{"key":"app/db"},{"key":"app/a b"},
                                                  {"key":"app/x:y"},{"key":"bad\nname"}]})"};
        }
        if (request.target.starts_with("/v1/locks")) {
            return FakeReply{.body = R"({"locks":[{"name":"deploy","holders":[{"session":"s1"}]},
                                                  {"name":"depot","holders":[]}]})"};
        }
        if (request.target.starts_with("/v1/sessions")) {
            return FakeReply{.body = R"({"sessions":[{"id":"s12","name":"web-1:4"},
                                                     {"id":"s7","name":""}]})"};
        }
        return FakeReply{.body = R"({"members":[{"name":"n1","role":"voter"},
                                                {"name":"n2","role":"learner"}]})"};
    });
}

TEST(Completion, AsksTheClusterForNames) {
    auto server = cluster();
    const auto ask = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"__complete", "fish"});
        return run(words, {server.endpoint()}).out;
    };

    EXPECT_EQ(ask({"get", "app/"}), "app/db\napp/a b\napp/x:y\n");
    EXPECT_EQ(ask({"locks", "show", "dep"}), "deploy\theld by s1\ndepot\tfree\n");
    EXPECT_EQ(ask({"session", "show", "s1"}), "s12\tweb-1:4\n");
    EXPECT_EQ(ask({"member", "replace", "n1,"}), "n1,n1\tvoter\nn1,n2\tlearner\n");
    EXPECT_EQ(ask({"watch", "--key=app/d"}), "--key=app/db\n");

    const auto first = server.requests()[0].target;
    EXPECT_THAT(first, HasSubstr("prefix=app/"));
    EXPECT_THAT(first, HasSubstr("limit=")) << "bounded";
    EXPECT_THAT(first, HasSubstr("consistency=stale")) << "no leader is needed";
}

TEST(Completion, HeedsTheEndpointThatIsGivenBefore) {
    auto server = cluster();

    const auto ran = run({"__complete", "zsh", "--endpoint", server.endpoint().url(), "get", ""},
                         {test::closed_endpoint()});

    EXPECT_EQ(ran.out, "app/db\napp/a b\napp/x\\:y\n");
}

TEST(Completion, IsSilentWhenNobodyAnswersInTime) {
    FakeServer silent([](const FakeRequest&) { return FakeReply{.silent = true}; });
    FakeServer nonsense([](const FakeRequest&) { return FakeReply{.body = "[1"}; });
    const auto begun = std::chrono::steady_clock::now();

    const auto ran = run({"__complete", "fish", "get", ""},
                         {test::closed_endpoint(), nonsense.endpoint(), silent.endpoint(),
                          silent.endpoint(), silent.endpoint()});

    EXPECT_EQ(ran.code, 0);
    EXPECT_EQ(ran.out + ran.err, "");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
    EXPECT_EQ(run({"__complete", "fish", "--endpoint", "https://x", "get", ""}).err, "");
}

// The script in a real bash, which is given a line and a cursor as readline gives them.
std::string in_bash(const FakeServer& server, const std::string& line, const std::string& words,
                    const std::string& current) {
    return shell("bash", "export GAVEL_ENDPOINTS=" + server.endpoint().url() + "\n" +
                             std::string(completion_script(Shell::bash)) +
                             "COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'\nCOMP_LINE='" + line +
                             "'\nCOMP_POINT=${#COMP_LINE}\nCOMP_WORDS=(" + words +
                             ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_gavel " GAVEL_BINARY " '" +
                             current + "' ''\nprintf '%s\\n' \"${COMPREPLY[@]}\" | sort -u\n");
}

TEST(Completion, WorksInBash) {
    auto server = cluster();

    EXPECT_EQ(in_bash(server, "gavel playg", "gavel playg", "playg"), "playground\n");
    EXPECT_EQ(in_bash(server, "gavel get app/a", "gavel get app/a", "app/a"), "app/a\\ b\n");
    EXPECT_EQ(in_bash(server, "gavel get app/x:", "gavel get app/x :", ""), "y\n")
        << "bash keeps what stands before a colon";
    EXPECT_EQ(in_bash(server, "gavel watch --key=app/d", "gavel watch --key = app/d", "app/d"),
              "app/db\n");
    EXPECT_EQ(in_bash(server, "gavel lock deploy -- prin", "gavel lock deploy -- printf", "printf"),
              "printf\n");
    EXPECT_EQ(in_bash(server, "gavel version x", "gavel version x", "x"), "\n");
    EXPECT_THAT(shell("bash", std::string(completion_script(Shell::bash)) + "complete -p gavel"),
                HasSubstr("-F _gavel gavel"));
}

TEST(Completion, WorksInFish) {
    if (shell("sh", "command -v fish").empty()) GTEST_SKIP() << "there is no fish";
    auto server = cluster();
    const auto ask = [&](const std::string& line) {
        return shell("fish", "set -gx GAVEL_ENDPOINTS " + server.endpoint().url() + "\n" +
                                 std::string(completion_script(Shell::fish)) + "set -gx PATH " +
                                 test::folder_of(GAVEL_BINARY) + " $PATH\ncomplete -C '" + line +
                                 "'\n");
    };

    EXPECT_EQ(ask("gavel playg"), "playground\tRun a throw-away cluster on loopback\n");
    EXPECT_EQ(ask("gavel locks show dep"), "deploy\theld by s1\ndepot\tfree\n");
    EXPECT_THAT(ask("gavel lock deploy -- gavel playg"), HasSubstr("playground"));
}

TEST(Completion, WorksInZsh) {
    if (shell("sh", "command -v zsh").empty()) GTEST_SKIP() << "there is no zsh";
    auto server = cluster();
    // A terminal in which somebody types, presses TAB, and then a key that tells what stands there.
    const auto typed = [&](const std::string& line) {
        return shell("zsh", R"(
zmodload zsh/zpty
zpty z "TERM=dumb zsh -f -i"
zpty -w z 'PATH=)" + test::folder_of(GAVEL_BINARY) +
                                R"(:$PATH; PS1=; unsetopt zle_bracketed_paste 2>/dev/null'
zpty -w z 'export GAVEL_ENDPOINTS=)" +
                                server.endpoint().url() + R"('
zpty -w z 'autoload -U compinit; compinit -D -u; source <(gavel completion zsh)'
zpty -w z 'tell() { print -r -- "IS<$BUFFER>END"; zle send-break }; zle -N tell; bindkey "^X" tell'
zpty -w z 'print -r -- REA''DY'
zpty -r z reply '*READY*'
zpty -w -n z $')" + line + R"(\t\x18'
zpty -r z reply '*IS<*>END*'
reply=${reply##*IS<}
print -rn -- ${reply%%>END*}
zpty -d z
)");
    };

    EXPECT_EQ(typed("gavel playg"), "gavel playground ");
    EXPECT_EQ(typed("gavel get app/a"), "gavel get app/a\\ b ");
    EXPECT_EQ(typed("gavel watch --key=app/d"), "gavel watch --key=app/db ");
}

}  // namespace
}  // namespace gavel::cli
