#include "bench/arguments.h"

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>

#include "bench/scenario.h"

namespace gavel::bench {

namespace {

// As they were typed, before they have a type.
struct Typed {
    std::vector<std::string> endpoints{"127.0.0.1:7400"};
    double duration_s{5}, warmup_s{1}, kill_after_s{1}, session_ttl_s{15};
};

// HOST:PORT or http://HOST:PORT, the host an address: names are not looked up.
Endpoint parse_endpoint(std::string text) {
    const std::string given = text;
    if (text.starts_with("http://")) text.erase(0, 7);
    while (text.ends_with('/')) text.pop_back();
    const std::size_t colon = text.rfind(':');
    boost::system::error_code error;
    unsigned long port = 0;
    if (colon != std::string::npos) {
        const std::string host =
            text.substr(0, colon) == "localhost" ? "127.0.0.1" : text.substr(0, colon);
        const auto address = boost::asio::ip::make_address(host, error);
        port = std::strtoul(text.c_str() + colon + 1, nullptr, 10);
        if (!error && port > 0 && port <= 65535) {
            return {address, static_cast<std::uint16_t>(port)};
        }
    }
    throw CLI::ValidationError("not an endpoint (ADDRESS:PORT): " + given);
}

void add_what_to_run(CLI::App& app, Options& options, Typed& typed) {
    const auto is_scenario = [](const std::string& name) {
        if (find_scenario(name) != nullptr) return std::string{};
        std::string known;
        for (const auto& scenario : scenarios()) known += std::string{" "} + scenario.name;
        return "no scenario " + name + "; there are:" + known;
    };
    app.add_option("scenario,--scenario", options.scenarios, "which, in this order")
        ->delimiter(',')
        ->required()
        ->check(is_scenario);
    app.add_option("--backend", options.backend, "what is under load")
        ->check(CLI::IsMember({"gavel", "etcd", "zookeeper"}))
        ->capture_default_str();
    app.add_option("--endpoint", typed.endpoints,
                   "ADDRESS:PORT, repeatable; clients are spread over all")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("-c,--clients", options.clients,
                   "list: a run with each; default: the scenario's")
        ->delimiter(',')
        ->check(CLI::Range(1, 100'000));
    app.add_option("--rate", options.rate,
                   "operations offered per second over all clients, each at its time; default: as\n"
                   "fast as they are answered")
        ->check(CLI::Range(1, 10'000'000));
    app.add_option("--threads", options.threads, "of the load generator")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_flag("--json", options.json, "instead of the table");
}

void add_how_much(CLI::App& app, Options& options, Typed& typed) {
    const auto as_seconds =
        CLI::AsNumberWithUnit(std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"m", 60}},
                              CLI::AsNumberWithUnit::CASE_SENSITIVE, "DURATION");
    app.add_option("--duration", typed.duration_s, "of one run, as 5s or 500ms")
        ->transform(as_seconds)
        ->capture_default_str();
    app.add_option("--warmup", typed.warmup_s, "before it, not counted")
        ->transform(as_seconds)
        ->capture_default_str();
    app.add_option("--value-size", options.value_size, "bytes")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    app.add_option("--keys", options.keys, "how many")
        ->check(CLI::Range(1, 100'000'000))
        ->capture_default_str();
    app.add_option("--seed", options.seed, "of the order of keys")->capture_default_str();
    app.add_flag("!--no-prepare", options.prepare, "put and get: the keys are there already");
    app.add_option("--ahead", options.ahead,
                   "watch: how many puts may be on their way to watchers; 1: the next is put when\n"
                   "all have seen the last one")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    app.add_option("--sessions", options.sessions, "sessions: how many; --clients carry them")
        ->check(CLI::Range(1, 200'000))
        ->capture_default_str();
    app.add_option("--session-locks", options.session_locks, "sessions: what each holds")
        ->check(CLI::Range(0, 4'096))
        ->capture_default_str();
    app.add_option("--session-ttl", typed.session_ttl_s, "a third of it is between keep-alives")
        ->transform(as_seconds)
        ->capture_default_str();
    app.add_flag("--abandon", options.abandon, "sessions: leave them to lapse");
    app.add_option("--kill-pid", options.kill_pid, "failover: killed with -9")
        ->check(CLI::PositiveNumber);
    app.add_flag("--kill-stops", options.kill_stops,
                 "failover: stopped instead, so that it hangs and its ports do not refuse");
    app.add_option("--kill-after", typed.kill_after_s, "failover: when")
        ->transform(as_seconds)
        ->capture_default_str();
}

void convert(const Typed& typed, Options& options) {
    const auto ms = [](double seconds) {
        return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
    };
    options.duration = ms(typed.duration_s);
    options.warmup = ms(typed.warmup_s);
    options.kill_after = ms(typed.kill_after_s);
    options.session_ttl = ms(typed.session_ttl_s);
    for (const auto& endpoint : typed.endpoints) {
        options.endpoints.push_back(parse_endpoint(endpoint));
    }
}

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
    Arguments arguments;
    Typed typed;
    CLI::App app{
        "Load on a cluster of gaveld, or of a peer to compare with.\n"
        "Scenarios: put, get, get-stale, lock, handoff, shared, semaphore, transact, get-past,\n"
        "ephemeral, watch, fill, sessions, failover."};
    add_what_to_run(app, arguments.options, typed);
    add_how_much(app, arguments.options, typed);
    try {
        app.parse(argc, argv);
        convert(typed, arguments.options);
        arguments.runs = true;
    } catch (const CLI::ParseError& error) {
        arguments.exit_code = app.exit(error) == 0 ? 0 : 2;
    }
    return arguments;
}

}  // namespace gavel::bench
