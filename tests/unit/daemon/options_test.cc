#include "daemon/options.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "daemon/settings.h"

namespace gavel::daemon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

const Environment at_home{{"HOME", "/home/ann"}};

Result<Invocation, ConfigError> parse(std::vector<std::string> arguments,
                                      Environment environment = at_home) {
    return parse_options(arguments, environment);
}
std::string error_of(std::vector<std::string> arguments, Environment environment = at_home) {
    const auto parsed = parse(std::move(arguments), std::move(environment));
    return parsed.has_error() ? parsed.error().what : "no error";
}

class ConfigFile {
public:
    explicit ConfigFile(const std::string& text) { std::ofstream(path_) << text; }
    ~ConfigFile() { std::remove(path_.c_str()); }
    const std::string& path() const { return path_; }

private:
    // Tests run beside each other, each in a process of its own.
    std::string path_ =
        testing::TempDir() + "gaveld-options-test-" + std::to_string(::getpid()) + ".toml";
};

TEST(Options, AreASingleMemberOnLoopbackWhenNoneIsGiven) {
    const auto options = parse({})->options;

    EXPECT_EQ(options.listen, (Address{"127.0.0.1", 7400}));
    EXPECT_EQ(options.peer_listen, (Address{"127.0.0.1", 7500}));
    EXPECT_EQ(options.advertise, "http://127.0.0.1:7400");
    EXPECT_EQ(options.data_dir, "/home/ann/.local/state/gavel");
    EXPECT_FALSE(options.initial_cluster.has_value());
    EXPECT_EQ(options.heartbeat, 100ms);
    EXPECT_EQ(options.election_timeout, 500ms);
    EXPECT_EQ(options.log_retention, 100'000U);
}

TEST(Options, SayWhomAMemberTellsOfItsVotes) {
    using Kind = paxos::LearnerMode::Kind;
    EXPECT_EQ(parse({})->options.learner_mode.kind, Kind::leader);
    EXPECT_EQ(parse({"--learner-mode", "broadcast"})->options.learner_mode.kind, Kind::broadcast);
    const auto set = parse({"--learner-mode", "set:3"})->options.learner_mode;
    EXPECT_EQ(set.kind, Kind::set);
    EXPECT_EQ(set.size, 3U);
}

TEST(Options, FindTheStateDirectoryOfTheServiceManagerFirst) {
    EXPECT_EQ(
        parse({}, {{"STATE_DIRECTORY", "/var/lib/gavel:/x"}, {"HOME", "/h"}})->options.data_dir,
        "/var/lib/gavel");
    EXPECT_EQ(parse({}, {{"XDG_STATE_HOME", "/s"}, {"HOME", "/h"}})->options.data_dir, "/s/gavel");
    EXPECT_THAT(error_of({}, {}), StartsWith("--data-dir: needed"));
    EXPECT_EQ(error_of({"--data-dir", "/d"}, {}), "no error");
}

TEST(Options, TakeTheFlagBeforeTheEnvironmentBeforeTheFile) {
    const ConfigFile file("name = \"file\"\nheartbeat = \"50ms\"\nmax-watches = 7\n");
    const Environment environment{{"HOME", "/h"},
                                  {"GAVELD_NAME", "environment"},
                                  {"GAVELD_HEARTBEAT", "60ms"},
                                  {"GAVELD_CONFIG", file.path()}};

    const auto options = parse({"--name", "flag"}, environment)->options;

    EXPECT_EQ(options.name, "flag");
    EXPECT_EQ(options.heartbeat, 60ms);
    EXPECT_EQ(options.http.watches_max, 7U);
}

TEST(Options, ShowWhereEachValueCameFrom) {
    const ConfigFile file("# a comment\nheartbeat = \"50ms\"\n");

    const auto printed = parse({"--config", file.path(), "--name=n1", "--print-config"},
                               {{"HOME", "/h"}, {"GAVELD_ALPHA", "64"}})
                             ->print.value();

    EXPECT_THAT(printed, testing::ContainsRegex("name = .n1. +# --name\n"));
    EXPECT_THAT(printed, testing::ContainsRegex("alpha = .64. +# GAVELD_ALPHA\n"));
    EXPECT_THAT(printed, HasSubstr("# " + file.path() + ":2: heartbeat\n"));
    EXPECT_THAT(printed, testing::ContainsRegex("listen = .127.0.0.1:7400. +# default\n"));
}

TEST(Options, PrintAFileThatIsReadBackToTheSame) {
    const auto first = parse({"--name=n1", "--hosts=a,b", "--origins=https://a,http://b:3000",
                              "--watch-buffer=3MiB", "--insecure-listen", "--listen=0.0.0.0:80",
                              "--print-config"});
    ASSERT_TRUE(first.has_value()) << first.error().what;
    const ConfigFile file(*first->print);

    const auto second = parse({"--config", file.path()});

    ASSERT_TRUE(second.has_value()) << second.error().what;

    for (const auto& setting : settings()) {
        EXPECT_EQ(setting.show(second->options), setting.show(first->options)) << setting.name;
    }
}

TEST(Options, HaveEveryDefaultWithinTheirOwnBounds) {
    const Options defaults;
    for (const auto& setting : settings()) {
        const std::string text = setting.show(defaults);
        Options set;
        EXPECT_TRUE(text.empty() || !setting.set(set, text)) << setting.name;
    }
}

TEST(Options, RefuseInOneLineWhatIsNotRight) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
        {{"--nmae", "n1"}, "--nmae"},
        {{"extra"}, "extra"},
        {{"--name", "N1"}, "--name: 'N1' is not right: 1 to 63 of a-z"},
        {{"--name", ""}, "--name: '' is not right"},
        {{"--name=", "--alpha", "1"}, "--name: '' is not right"},
        {{"--origins=", "--name", "N1"}, "--name: 'N1' is not right"},
        {{"--name", "a", "--name", "b"}, "--name"},
        {{"--listen", "7400"}, "there is no port"},
        {{"--listen", "127.0.0.1:0"}, "a number from 1 to 65535"},
        {{"--listen", "127.0.0.1:70000"}, "a number from 1 to 65535"},
        {{"--alpha", "0"}, "a number from 1 to 4096"},
        {{"--alpha", "-1"}, "a number from 1 to 4096"},
        {{"--alpha", "1e3"}, "a number from 1 to 4096"},
        {{"--heartbeat", "100"}, "a duration from 10ms to 10s"},
        {{"--heartbeat", "1us"}, "a duration from 10ms to 10s"},
        {{"--heartbeat", "400ms"}, "--election-timeout: at least twice --heartbeat"},
        {{"--learner-mode", "all"}, "leader, broadcast or set:K, K from 1 to 7"},
        {{"--learner-mode", "set:0"}, "set:K"},
        {{"--learner-mode", "set:8"}, "set:K"},
        {{"--log-level", "loud"}, "debug, info, warning or error"},
        {{"--log-format", "xml"}, "text, json or journal"},
        {{"--log-map-size", "1MiB"}, "a size from 16MiB to 1024GiB"},
        {{"--log-map-size", "99999999999999999999GiB"}, "a size from"},
        {{"--peer-queue", "7MiB"}, "a size from 8MiB to 1GiB"},
        {{"--advertise", "https://x:1"}, "http://HOST:PORT"},
        {{"--advertise", "http://x"}, "http://HOST:PORT"},
        {{"--initial-cluster", "n1"}, "'n1' is not NAME=HOST:PORT"},
        {{"--hosts", "a b"}, "names of hosts"},
        {{"--origins", "*"}, "origins such as https://ui.example"},
        {{"--origins", "https://a,https://b/"}, "origins such as https://ui.example"},
        {{"--listen", "127.0.0.1:7500"}, "--listen and --peer-listen are the same"},
        {{"--config", "/nonexistent/file.toml"}, "/nonexistent/file.toml"},
        {{"--join", "127.0.0.1:7400"}, "--join"},
        {{"--join-as", "leader"}, "--join-as"},
    };
    for (const auto& [arguments, expected] : cases) {
        const std::string error = error_of(arguments);
        EXPECT_THAT(error, HasSubstr(expected));
        EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    }
}

TEST(Options, OpenNoListenerToOthersUnlessToldSo) {
    for (const std::string flag : {"--listen", "--peer-listen"}) {
        EXPECT_THAT(error_of({flag, "0.0.0.0:7600"}),
                    AllOf(StartsWith(flag), HasSubstr("add --insecure-listen")));
        EXPECT_EQ(error_of({flag, "0.0.0.0:7600", "--insecure-listen"}), "no error");
        EXPECT_EQ(error_of({flag, "[::1]:7600"}), "no error");
        EXPECT_EQ(error_of({flag, "localhost:7600"}), "no error");
    }
}

TEST(Options, RefuseAVariableThatNoOptionHas) {
    EXPECT_EQ(error_of({}, {{"HOME", "/h"}, {"GAVELD_LISTNE", "127.0.0.1:1"}}),
              "GAVELD_LISTNE: no option has this name");
    EXPECT_THAT(error_of({}, {{"HOME", "/h"}, {"GAVELD_ALPHA", "many"}}),
                StartsWith("GAVELD_ALPHA: 'many'"));
}

TEST(Options, NameTheLineOfTheFileThatIsWrong) {
    const auto error_in = [](const std::string& text) {
        const ConfigFile file(text);
        return error_of({"--config", file.path()});
    };
    EXPECT_THAT(error_in("\nlisten_on = \"x\"\n"), HasSubstr("toml:2: listen_on: no option"));
    EXPECT_THAT(error_in("name = \"n1\"\nalpha = 1.5\n"), HasSubstr("toml:2: alpha: a text"));
    EXPECT_THAT(error_in("name = \"n1\"\nname = \"n2\"\n"), HasSubstr("toml:2: "));
    EXPECT_THAT(error_in("name = \n"), HasSubstr("toml:1: "));
    EXPECT_THAT(error_in("alpha = 0\n"), HasSubstr("toml:1: alpha: '0' is not right"));
    EXPECT_THAT(error_of({"--config", testing::TempDir()}), HasSubstr("is a directory"));
    EXPECT_EQ(error_in("insecure-listen = true\nhosts = [\"a\", \"b\"]\n"), "no error");
}

TEST(Options, AreCheckedThoughOthersComeBeforeThem) {
    const ConfigFile file("listen = true\n");
    EXPECT_THAT(error_of({"--listen", "127.0.0.1:1", "--config", file.path()}),
                HasSubstr("toml:1: listen: 'true' is not right"));
    EXPECT_THAT(error_of({"--alpha", "8"}, {{"HOME", "/"}, {"GAVELD_ALPHA", "x"}}),
                StartsWith("GAVELD_ALPHA: 'x' is not right"));
}

TEST(Options, OnlyPrintHelpAndVersion) {
    const std::string help = parse({"--help"})->print.value();

    for (const auto& setting : settings()) EXPECT_THAT(help, HasSubstr("--" + setting.name));
    EXPECT_THAT(parse({"--version"})->print.value(), StartsWith("gaveld "));
}

TEST(Options, AreAllInTheOperatorsTable) {
    std::ifstream file(std::string(SOURCE_FOLDER) + "/docs/operating.md");
    const std::string page{std::istreambuf_iterator<char>(file), {}};

    for (const auto& setting : settings()) {
        EXPECT_THAT(page, HasSubstr("\n| `--" + setting.name + "` | ")) << setting.name;
    }
}

TEST(Address, IsReadBackAsItWasWritten) {
    for (const std::string text : {"127.0.0.1:7400", "[::1]:7500", "node-1.example:65535"}) {
        EXPECT_EQ(to_string(*parse_address(text)), text);
    }
}

TEST(Address, IsRefusedWhenItIsNone) {
    for (const std::string text :
         {"", ":", "host", "host:", ":7400", "host:x", "host:7400 ", "::1:7400", "[::1:7400",
          "[host]:7400", "ho st:1", "host:-1", "host:99999", "host:0"}) {
        EXPECT_TRUE(parse_address(text).has_error()) << text;
    }
    EXPECT_TRUE(parse_address("127.0.0.1:0", 0).has_value());
}

}  // namespace
}  // namespace gavel::daemon
