#include "api/metrics.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "api/resources.h"
#include "api/router.h"

namespace gavel::api {
namespace {

// Every status Gavel answers with; 0 stands for any other.
constexpr std::array<unsigned, 26> known_statuses{200, 201, 202, 204, 304, 400, 403, 404, 405,
                                                  408, 409, 410, 412, 413, 415, 417, 421, 422,
                                                  429, 431, 503, 504, 505, 507, 100, 0};

std::size_t position_of(unsigned status) {
    const auto at = std::find(known_statuses.begin(), known_statuses.end() - 1, status);
    return static_cast<std::size_t>(at - known_statuses.begin());
}

// The text format of Prometheus, version 0.0.4.
class Samples {
public:
    void head(std::string_view name, std::string_view type, std::string_view help) {
        text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
        text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
    }
    void sample(std::string_view name, std::string_view labels, std::string_view value) {
        text_.append(name);
        if (!labels.empty()) text_.append("{").append(labels).append("}");
        text_.append(" ").append(value).append("\n");
    }
    void one(std::string_view name, std::string_view type, std::string_view help,
             std::uint64_t value) {
        head(name, type, help);
        sample(name, "", std::to_string(value));
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

void write_member(Samples& samples, const Status& status) {
    samples.one("gavel_applied_slot", "gauge", "Last slot executed here.", status.applied);
    samples.one("gavel_chosen_slot", "gauge", "Last slot of the chosen prefix.", status.chosen);
    samples.one("gavel_durable_applied_slot", "gauge", "Last slot whose state is on the disk.",
                status.durable_applied);
    samples.one("gavel_ballot_round", "gauge", "Round of the ballot followed.",
                status.ballot >> 16U);
    samples.one("gavel_leader_id", "gauge", "Member believed to lead; 0: none.", status.leader_id);
    samples.one("gavel_is_leader", "gauge", "Whether this member leads.",
                status.role == "leader" ? 1 : 0);
    samples.one("gavel_ready", "gauge", "Whether this member serves.", status.ready ? 1 : 0);
    samples.one("gavel_epoch", "gauge", "Number of the epoch that governs.", status.epoch);
    samples.one("gavel_members", "gauge", "Members of the epoch.", status.members.size());
    samples.one("gavel_sessions", "gauge", "Live sessions.", status.sessions);
    samples.one("gavel_keys", "gauge", "Config keys.", status.keys);
    samples.one("gavel_key_bytes", "gauge", "Bytes of keys and values.", status.key_bytes);
    samples.one("gavel_lock_waiters", "gauge", "Clients that wait for a lock here.",
                status.waiting);
    samples.one("gavel_log_bytes", "gauge", "In use of the log environment.", status.log_bytes);
    samples.one("gavel_log_oldest_slot", "gauge", "The first that has not been cut.",
                status.log_oldest);
    samples.one("gavel_log_bytes_max", "gauge", "Its largest size.", status.log_bytes_max);
    samples.one("gavel_state_bytes", "gauge", "In use of the state environment.",
                status.state_bytes);
    samples.one("gavel_state_bytes_max", "gauge", "Its largest size.", status.state_bytes_max);
    samples.one("gavel_history_floor", "gauge", "Changes above this revision are kept.",
                status.history_floor);
    samples.one("gavel_idempotency_keys", "gauge", "That are remembered.", status.idempotency_keys);
    samples.one("gavel_versions", "gauge", "Old values of keys, and deletions, that are kept.",
                status.versions);
    samples.one("gavel_version_bytes", "gauge", "Their size, as it is bounded.",
                status.version_bytes);
    samples.one("gavel_versions_floor", "gauge",
                "Lists of keys as of a revision below it are not known any more.",
                status.versions_floor);
    samples.one("gavel_alarms", "gauge", "Alarms raised.", status.alarms.size());
    samples.one("gavel_elections_total", "counter", "Ballots tried.", status.elections);
    samples.one("gavel_commits_total", "counter", "Durable transactions of the log.",
                status.commits);
    samples.one("gavel_proposals_total", "counter", "Commands proposed here.", status.proposals);
    samples.one("gavel_reads_total", "counter", "Reads asked for here.", status.reads);
    samples.one("gavel_snapshots_sent_total", "counter", "Of the state, whole, to other members.",
                status.snapshots_sent);
    samples.one("gavel_snapshots_installed_total", "counter", "Of other members' state.",
                status.snapshots_installed);
    samples.one("gavel_snapshots_refused_total", "counter",
                "Of other members' state: damaged, or not what their hash says.",
                status.snapshots_refused);
    samples.one("gavel_snapshot_bytes_sent_total", "counter", "Of rows in snapshots.",
                status.snapshot_bytes_sent);
    samples.one("gavel_snapshot_bytes_received_total", "counter", "Of rows in snapshots.",
                status.snapshot_bytes_received);
    samples.head("gavel_paxos_messages_sent_total", "counter",
                 "To other members since the member began, by kind.");
    for (const auto& [kind, count] : status.messages_sent) {
        samples.sample("gavel_paxos_messages_sent_total", "kind=\"" + std::string(kind) + '"',
                       std::to_string(count));
    }
    samples.one("gavel_peer_messages_dropped_total", "counter",
                "For want of room in their queue or on the way to the disk.",
                status.messages_dropped);
}

void write_answers(Samples& samples, const Metrics& metrics) {
    samples.head("gavel_http_requests_total", "counter", "Requests answered.");
    for (const auto& [route, status, count] : metrics.answers()) {
        const bool known = route < routes().size();
        std::string labels = "method=\"";
        labels += known ? to_string(routes()[route].method) : "";
        labels += "\",route=\"" + (known ? routes()[route].template_text() : "none");
        labels += "\",status=\"" + std::to_string(status) + '"';
        samples.sample("gavel_http_requests_total", labels, std::to_string(count));
    }
}

void write_durations(Samples& samples, const Metrics& metrics) {
    constexpr std::string_view name = "gavel_http_request_seconds";
    samples.head(name, "histogram", "From the whole request to its answer, waits included.");
    const auto counts = metrics.durations();
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        sum += counts[i];
        const bool last = i == Metrics::bounds_us.size();
        const auto bound =
            last ? "+Inf" : std::to_string(static_cast<double>(Metrics::bounds_us[i]) / 1e6);
        samples.sample(std::string(name) + "_bucket", "le=\"" + bound + '"', std::to_string(sum));
    }
    samples.sample(std::string(name) + "_sum", "", std::to_string(metrics.seconds()));
    samples.sample(std::string(name) + "_count", "", std::to_string(sum));
}

void write_http(Samples& samples, const Call& call) {
    const auto& metrics = call.services.metrics;
    write_answers(samples, metrics);
    write_durations(samples, metrics);
    samples.one("gavel_http_connections", "gauge", "Open connections.", metrics.connections);
    samples.one("gavel_http_connections_total", "counter", "Connections accepted.",
                metrics.accepted);
    samples.one("gavel_http_connections_refused_total", "counter", "Connections over the limit.",
                metrics.refused);
    samples.one("gavel_http_received_bytes_total", "counter", "Bytes received.", metrics.bytes_in);
    samples.one("gavel_http_sent_bytes_total", "counter", "Bytes sent.", metrics.bytes_out);
    samples.one("gavel_http_waiting", "gauge", "Requests that wait for a lock or a change.",
                call.services.waits.taken());
    samples.one("gavel_http_watches", "gauge", "Event streams.", call.services.watches.taken());
    samples.head("gavel_http_watches_cut_total", "counter",
                 "Watchers cut with their position: their client took too little, or the member "
                 "could not follow.");
    samples.sample("gavel_http_watches_cut_total", "reason=\"client\"",
                   std::to_string(metrics.watches_cut));
    samples.sample("gavel_http_watches_cut_total", "reason=\"member\"",
                   std::to_string(metrics.watches_overrun));
}

}  // namespace

Metrics::Metrics(std::size_t routes) : answers_(routes + 1) {}

void Metrics::count(std::size_t route, unsigned status, std::chrono::nanoseconds took) {
    constexpr auto relaxed = std::memory_order_relaxed;
    answers_[std::min(route, answers_.size() - 1)][position_of(status)].fetch_add(1, relaxed);
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    const auto bucket =
        std::lower_bound(bounds_us.begin(), bounds_us.end(), ns / 1'000) - bounds_us.begin();
    durations_[static_cast<std::size_t>(bucket)].fetch_add(1, relaxed);
    nanoseconds_.fetch_add(ns, relaxed);
}

std::vector<Metrics::Counted> Metrics::answers() const {
    std::vector<Counted> counted;
    for (std::size_t route = 0; route < answers_.size(); ++route) {
        for (std::size_t i = 0; i < statuses; ++i) {
            const auto count = answers_[route][i].load(std::memory_order_relaxed);
            if (count != 0) counted.push_back({route, known_statuses[i], count});
        }
    }
    return counted;
}

std::array<std::uint64_t, Metrics::bounds_us.size() + 1> Metrics::durations() const {
    std::array<std::uint64_t, bounds_us.size() + 1> counts{};
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = durations_[i];
    return counts;
}

double Metrics::seconds() const { return static_cast<double>(nanoseconds_.load()) / 1e9; }

void get_metrics(const CallPtr& call) {
    with_status(call, [](const Call& back, const Status& status) {
        Samples samples;
        samples.head("gavel_build_info", "gauge", "Version of this member.");
        samples.sample("gavel_build_info", "version=\"" + status.version + '"', "1");
        write_member(samples, status);
        write_http(samples, back);
        Response response;
        response.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        response.body = samples.take();
        return response;
    });
}

}  // namespace gavel::api
