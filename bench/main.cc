#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdio>
#include <optional>
#include <stdexcept>

#include "bench/load.h"
#include "bench/report.h"

namespace gavel::bench {
namespace {

struct Scenario {
    const char* name;
    std::optional<Work> work;  // Nothing: not a closed loop of one kind of operation.
    std::vector<std::size_t> clients;
    bool reads_keys;  // Every key is put once before.
};

const std::vector<Scenario> scenarios{
    {"put", Work::put, {1, 64, 256}, true},
    {"get", Work::get, {64, 256}, true},
    {"get-stale", Work::get_stale, {64, 256}, true},
    {"lock", Work::lock, {1, 64, 256}, false},
    {"handoff", Work::handoff, {16}, false},
    {"watch", std::nullopt, {1000}, false},
    {"fill", Work::fill, {64}, false},
    {"failover", std::nullopt, {0}, false},
};

const Scenario& scenario_named(const std::string& name) {
    for (const auto& scenario : scenarios) {
        if (scenario.name == name) return scenario;
    }
    std::string known;
    for (const auto& scenario : scenarios) known += std::string{" "} + scenario.name;
    throw CLI::ValidationError("no scenario " + name + "; there are:" + known);
}

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

void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

Result run_once(const Options& options, const Scenario& scenario, std::size_t clients) {
    if (scenario.work) return run_load(options, *scenario.work, scenario.name, clients);
    return std::string_view{scenario.name} == "watch" ? run_watch(options, clients)
                                                      : run_failover(options);
}

void run_all(const Options& options) {
    std::vector<Result> results;
    bool prepared = !options.prepare;
    if (!options.json) print_table_head();
    for (const auto& name : options.scenarios) {
        const Scenario& scenario = scenario_named(name);
        if (scenario.reads_keys && !std::exchange(prepared, true)) {
            run_load(options, Work::fill, "fill", 64);
        }
        const bool chooses = !options.clients.empty() && scenario.clients.front() != 0;
        for (const std::size_t clients : chooses ? options.clients : scenario.clients) {
            results.push_back(run_once(options, scenario, clients));
            if (!options.json) print_row(results.back());
        }
    }
    if (options.json) print_json(results);
}

}  // namespace
}  // namespace gavel::bench

int main(int argc, char** argv) {
    using gavel::bench::Options;
    Options options;
    std::vector<std::string> endpoints{"127.0.0.1:7400"};
    CLI::App app{
        "Closed-loop load on a cluster of gaveld, or of a peer to compare with.\n"
        "Scenarios: put, get, get-stale, lock, handoff, watch, fill, failover."};
    app.add_option("scenario,--scenario", options.scenarios, "which, in this order")
        ->delimiter(',')
        ->required();
    app.add_option("--backend", options.backend, "what is under load")
        ->check(CLI::IsMember({"gavel", "etcd", "zookeeper"}))
        ->capture_default_str();
    app.add_option("--endpoint", endpoints, "ADDRESS:PORT, repeatable; clients are spread over all")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("-c,--clients", options.clients,
                   "list: a run with each; default: the scenario's")
        ->delimiter(',')
        ->check(CLI::Range(1, 100'000));
    app.add_option("--threads", options.threads, "of the load generator")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    double duration_s = 5, warmup_s = 1, kill_after_s = 1;
    const auto as_seconds =
        CLI::AsNumberWithUnit(std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"m", 60}},
                              CLI::AsNumberWithUnit::CASE_SENSITIVE, "DURATION");
    app.add_option("--duration", duration_s, "of one run, as 5s or 500ms")
        ->transform(as_seconds)
        ->capture_default_str();
    app.add_option("--warmup", warmup_s, "before it, not counted")
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
    app.add_flag("--json", options.json, "instead of the table");
    app.add_option("--kill-pid", options.kill_pid, "failover: killed with -9")
        ->check(CLI::PositiveNumber);
    app.add_option("--kill-after", kill_after_s, "failover: when")
        ->transform(as_seconds)
        ->capture_default_str();

    try {
        app.parse(argc, argv);
        const auto ms = [](double seconds) {
            return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
        };
        options.duration = ms(duration_s);
        options.warmup = ms(warmup_s);
        options.kill_after = ms(kill_after_s);
        for (const auto& name : options.scenarios) gavel::bench::scenario_named(name);
        for (const auto& endpoint : endpoints) {
            options.endpoints.push_back(gavel::bench::parse_endpoint(endpoint));
        }
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }

    try {
        gavel::bench::raise_file_limit();
        gavel::bench::run_all(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "gavel-bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
