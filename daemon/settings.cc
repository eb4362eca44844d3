#include "daemon/settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/door.h"
#include "api/durations.h"
#include "daemon/bootstrap.h"
#include "daemon/frame.h"
#include "statemachine/limits.h"

namespace gavel::daemon {
namespace {

using Error = std::optional<std::string>;
using std::chrono::milliseconds;

template <class Number>
std::optional<Number> number_from(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

struct Unit {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array<Unit, 4> units{
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};

std::optional<std::uint64_t> bytes_from(std::string_view text) {
    std::uint64_t unit = 1;
    for (const auto& each : units) {
        if (!text.ends_with(each.name)) continue;
        text.remove_suffix(each.name.size());
        unit = each.bytes;
        break;
    }
    const auto count = number_from<std::uint64_t>(text);
    if (!count || *count > (1ULL << 50) / unit) return std::nullopt;
    return *count * unit;
}

std::string show_bytes(std::uint64_t bytes) {
    for (const auto& unit : units) {
        if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
            return std::to_string(bytes / unit.bytes) + std::string(unit.name);
        }
    }
    return "0B";
}

std::string between(const std::string& low, const std::string& high) {
    return "from " + low + " to " + high;
}

// A field of Options, which may stand within its `http`.
template <class Field>
using Get = Field& (*)(Options&);

template <class Field>
const Field& read(Get<Field> get, const Options& options) {
    return get(const_cast<Options&>(options));  // Only read.
}

template <class Number>
Setting count(std::string name, std::string help, Get<Number> get, Number low, Number high) {
    return {.name = std::move(name),
            .type = "N",
            .help = std::move(help),
            .set = [get, low, high](Options& options, const std::string& text) -> Error {
                const auto number = number_from<Number>(text);
                if (!number || *number < low || *number > high) {
                    return "a number " + between(std::to_string(low), std::to_string(high));
                }
                get(options) = *number;
                return std::nullopt;
            },
            .show = [get](const Options& o) { return std::to_string(read(get, o)); }};
}

Setting size(std::string name, std::string help, Get<std::uint64_t> get, std::uint64_t low,
             std::uint64_t high) {
    return {.name = std::move(name),
            .type = "SIZE",
            .help = std::move(help),
            .set = [get, low, high](Options& options, const std::string& text) -> Error {
                const auto bytes = bytes_from(text);
                if (!bytes || *bytes < low || *bytes > high) {
                    return "a size " + between(show_bytes(low), show_bytes(high)) + ", as 64MiB";
                }
                get(options) = *bytes;
                return std::nullopt;
            },
            .show = [get](const Options& o) { return show_bytes(read(get, o)); }};
}

Setting duration(std::string name, std::string help, Get<milliseconds> get, milliseconds low,
                 milliseconds high) {
    return {.name = std::move(name),
            .type = "D",
            .help = std::move(help),
            .set = [get, low, high](Options& options, const std::string& text) -> Error {
                const auto value = api::parse_duration(text);
                if (!value || *value < low || *value > high) {
                    return "a duration " +
                           between(api::format_duration(low), api::format_duration(high)) +
                           ", as 250ms or 2m";
                }
                get(options) = *value;
                return std::nullopt;
            },
            .show = [get](const Options& o) { return api::format_duration(read(get, o)); }};
}

Setting address(std::string name, std::string help, Get<Address> get) {
    return {.name = std::move(name),
            .type = "HOST:PORT",
            .help = std::move(help),
            .set = [get](Options& options, const std::string& text) -> Error {
                const auto parsed = parse_address(text);
                if (parsed.has_error()) return parsed.error().what;
                get(options) = *parsed;
                return std::nullopt;
            },
            .show = [get](const Options& o) { return to_string(read(get, o)); }};
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto comma = text.find(',');
        parts.emplace_back(text.substr(0, comma));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return parts;
}

Error set_name(Options& options, const std::string& text) {
    if (!is_member_name(text)) return "1 to 63 of a-z, 0-9 and '-'";
    options.name = text;
    return std::nullopt;
}

Error set_initial_cluster(Options& options, const std::string& text) {
    const auto members = parse_initial_cluster(text);
    if (members.has_error()) return members.error().what;
    options.initial_cluster = text;
    return std::nullopt;
}

Error set_join(Options& options, const std::string& text) {
    const std::string_view rest =
        std::string_view(text).substr(std::min(join_scheme.size(), text.size()));
    if (!text.starts_with(join_scheme) || parse_address(rest).has_error()) {
        return "http://HOST:PORT";
    }
    options.join = text;
    return std::nullopt;
}

Error set_join_as(Options& options, const std::string& text) {
    if (text != "voter" && text != "learner") return "voter or learner";
    options.join_as = text;
    return std::nullopt;
}

Error set_cluster_token(Options& options, const std::string& text) {
    if (text.size() > 256) return "a text of at most 256 bytes";
    options.cluster_token = text;
    return std::nullopt;
}

Error set_alpha(Options& options, const std::string& text) {
    const auto number = number_from<std::uint64_t>(text);
    if (!number || *number < 1 || *number > alpha_max) {
        return "a number from 1 to " + std::to_string(alpha_max);
    }
    options.alpha = *number;
    return std::nullopt;
}

Error set_learner_mode(Options& options, const std::string& text) {
    using Kind = paxos::LearnerMode::Kind;
    constexpr std::string_view set = "set:";
    if (text == "leader" || text == "broadcast") {
        options.learner_mode = {.kind = text == "leader" ? Kind::leader : Kind::broadcast};
        return std::nullopt;
    }
    const auto size = text.starts_with(set)
                          ? number_from<std::uint16_t>(std::string_view(text).substr(set.size()))
                          : std::nullopt;
    if (!size || *size < 1 || *size > statemachine::Limits{}.voters) {
        return "leader, broadcast or set:K, K from 1 to 7";
    }
    options.learner_mode = {.kind = Kind::set, .size = *size};
    return std::nullopt;
}

std::string show_learner_mode(const Options& options) {
    switch (options.learner_mode.kind) {
        case paxos::LearnerMode::Kind::set:
            return "set:" + std::to_string(options.learner_mode.size);
        case paxos::LearnerMode::Kind::broadcast:
            return "broadcast";
        case paxos::LearnerMode::Kind::leader:
            break;
    }
    return "leader";
}

Error set_peer_advertise(Options& options, const std::string& text) {
    const auto parsed = parse_address(text);
    if (parsed.has_error()) return parsed.error().what;
    options.peer_advertise = *parsed;
    return std::nullopt;
}

Error set_advertise(Options& options, const std::string& text) {
    constexpr std::string_view scheme = "http://";
    const std::string_view rest =
        std::string_view(text).substr(std::min(scheme.size(), text.size()));
    if (!text.starts_with(scheme) || text.size() > 256 || parse_address(rest).has_error()) {
        return "http://HOST:PORT";
    }
    options.advertise = text;
    return std::nullopt;
}

Error set_data_dir(Options& options, const std::string& text) {
    if (text.find('\0') != std::string::npos) return "a path";
    options.data_dir = text;
    return std::nullopt;
}

Error set_hosts(Options& options, const std::string& text) {
    const auto names = split(text);
    for (const auto& name : names) {
        if (parse_address(name + ":1").has_error()) return "names of hosts, with commas between";
    }
    options.http.hosts = names;
    return std::nullopt;
}

Error set_origins(Options& options, const std::string& text) {
    const auto origins = split(text);
    if (!std::ranges::all_of(origins, api::is_origin)) {
        return "origins such as https://ui.example or http://localhost:3000, with commas between";
    }
    options.http.origins = origins;
    return std::nullopt;
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
    return text;
}

Error set_log_format(Options& options, const std::string& text) {
    options.log_format = log::format_from(text);
    return options.log_format ? Error{} : "text, json or journal";
}

Error set_log_level(Options& options, const std::string& text) {
    const auto level = log::level_from(text);
    if (!level) return "debug, info, warning or error";
    options.log_level = *level;
    return std::nullopt;
}

Error set_insecure_listen(Options& options, const std::string& text) {
    if (text != "true" && text != "false") return "true or false";
    options.insecure_listen = text == "true";
    return std::nullopt;
}

std::vector<Setting> identity_settings() {
    return {
        {"name", "NAME", "this member's name, in the initial cluster", set_name,
         [](const Options& o) { return o.name.value_or(std::string(name_default)); }},
        {"initial-cluster", "NAME=HOST:PORT,…",
         "every member's name and peer address; without it this is a cluster of one",
         set_initial_cluster, [](const Options& o) { return o.initial_cluster.value_or(""); }},
        {"join", "URL", "a member of a running cluster, which this one joins when it starts empty",
         set_join, [](const Options& o) { return o.join.value_or(""); }},
        {"join-as", "voter|learner", "what a member that joins is to become", set_join_as,
         [](const Options& o) { return o.join_as; }},
        {"cluster-token", "TEXT", "tells clusters with equal initial members apart",
         set_cluster_token, [](const Options& o) { return o.cluster_token.value_or(""); }},
        {"alpha", "N", "commands that may be open at once, the same on all members", set_alpha,
         [](const Options& o) { return std::to_string(o.alpha.value_or(alpha_default)); }},
        {"data-dir", "DIR", "where the member keeps what it must not forget", set_data_dir,
         [](const Options& o) { return o.data_dir.string(); }},
    };
}

std::vector<Setting> network_settings() {
    return {
        address("listen", "where clients are served",
                [](Options& o) -> Address& { return o.listen; }),
        address("peer-listen", "where the other members are served",
                [](Options& o) -> Address& { return o.peer_listen; }),
        {"advertise", "URL", "how clients reach this member (default: http:// and --listen)",
         set_advertise, [](const Options& o) { return o.advertise; }},
        {"peer-advertise", "HOST:PORT",
         "how members reach this one (default: as in --initial-cluster)", set_peer_advertise,
         [](const Options& o) { return o.peer_advertise ? to_string(*o.peer_advertise) : ""; }},
        {"insecure-listen", "", "allow listeners that others can reach, without TLS",
         set_insecure_listen,
         [](const Options& o) { return std::string(o.insecure_listen ? "true" : "false"); }},
        {"hosts", "NAME,…", "host names that clients may use besides addresses and localhost",
         set_hosts, [](const Options& o) { return joined(o.http.hosts); }},
        {"origins", "ORIGIN,…", "web sites whose pages may use the API (CORS); none otherwise",
         set_origins, [](const Options& o) { return joined(o.http.origins); }},
    };
}

std::vector<Setting> running_settings() {
    return {
        {"log-format", "text|json|journal", "how log lines look (default: what suits stderr)",
         set_log_format,
         [](const Options& o) {
             return std::string(o.log_format ? to_string(*o.log_format) : "");
         }},
        {"log-level", "LEVEL", "debug, info, warning or error", set_log_level,
         [](const Options& o) { return std::string(to_string(o.log_level)); }},
        duration(
            "heartbeat", "how often the leader shows that it lives",
            [](Options& o) -> milliseconds& { return o.heartbeat; }, milliseconds(10),
            milliseconds(10'000)),
        duration(
            "election-timeout", "how long a silent leader is waited for",
            [](Options& o) -> milliseconds& { return o.election_timeout; }, milliseconds(50),
            milliseconds(60'000)),
        {"learner-mode", "leader|broadcast|set:K",
         "whom the voters tell of their votes when this member leads", set_learner_mode,
         show_learner_mode},
        count<std::uint64_t>(
            "log-retention", "log entries kept for members that lag",
            [](Options& o) -> std::uint64_t& { return o.log_retention; }, 1'000, 100'000'000),
        size(
            "log-map-size", "largest size of the log on the disk",
            [](Options& o) -> std::uint64_t& { return o.log_map_bytes; }, 16ULL << 20, 1ULL << 40),
        size(
            "state-map-size", "largest size of the state on the disk",
            [](Options& o) -> std::uint64_t& { return o.state_map_bytes; }, 16ULL << 20,
            1ULL << 40),
        size(
            "peer-queue", "bytes of bulk that wait for one member before more is dropped",
            // What does not fit into an empty queue would be asked for again and again.
            [](Options& o) -> std::uint64_t& { return o.peer_queue_bytes; }, frame_payload_max,
            1ULL << 30),
    };
}

std::vector<Setting> http_settings() {
    constexpr std::size_t many = 1'000'000;
    return {
        count<unsigned>(
            "http-threads", "threads that serve clients",
            [](Options& o) -> unsigned& { return o.http.threads; }, 1, 64),
        count<std::size_t>(
            "max-connections", "connections of clients",
            [](Options& o) -> std::size_t& { return o.http.connections_max; }, 1, many),
        count<std::size_t>(
            "max-waits", "requests that wait for a lock or a change",
            [](Options& o) -> std::size_t& { return o.http.waits_max; }, 1, many),
        count<std::size_t>(
            "max-watches", "event streams",
            [](Options& o) -> std::size_t& { return o.http.watches_max; }, 1, many),
        size(
            "watch-buffer", "what may wait for one watcher before it is cut",
            [](Options& o) -> std::uint64_t& { return o.http.stream_bytes_max; }, 4'096, 1U << 30),
        duration(
            "header-timeout", "for the whole header of a request",
            [](Options& o) -> milliseconds& { return o.http.header_time; }, milliseconds(100),
            milliseconds(3'600'000)),
        duration(
            "body-timeout", "for the whole body of a request",
            [](Options& o) -> milliseconds& { return o.http.body_time; }, milliseconds(100),
            milliseconds(3'600'000)),
        duration(
            "idle-timeout", "until a connection without requests is closed",
            [](Options& o) -> milliseconds& { return o.http.idle_time; }, milliseconds(100),
            milliseconds(86'400'000)),
        duration(
            "request-timeout", "until a request is answered, on top of its wait",
            [](Options& o) -> milliseconds& { return o.http.request_timeout; }, milliseconds(100),
            milliseconds(600'000)),
    };
}

}  // namespace

const std::vector<Setting>& settings() {
    static const std::vector<Setting> all = [] {
        std::vector<Setting> table;
        for (auto* part :
             {&identity_settings, &network_settings, &running_settings, &http_settings}) {
            for (auto& setting : part()) table.push_back(std::move(setting));
        }
        return table;
    }();
    return all;
}

}  // namespace gavel::daemon
