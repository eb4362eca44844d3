#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gavel::api {

// One answered request, for a log. The texts live only as long as the call.
struct AccessRecord {
    std::string_view method{};
    std::string_view target{};  // As sent; escape it before it is printed.
    unsigned status{};
    std::chrono::microseconds took{};
    std::string_view request_id{};
    std::string_view traceparent{};  // Empty: none given.
};

// Every bound of the HTTP side, with its default. docs/http-api.md has the table.
struct ServerOptions {
    unsigned threads = 1;

    std::size_t header_bytes_max = 16 * 1024;
    std::size_t body_bytes_max = (1 << 20) + 16 * 1024;  // The largest value and some slack.
    std::size_t connections_max = 20'000;
    std::size_t waits_max = 16'384;          // Requests that wait for a lock or a change.
    std::size_t watches_max = 16'384;        // Event streams.
    std::size_t backups_max = 2;             // Each holds pages of the state that are long changed.
    std::size_t stream_bytes_max = 1 << 20;  // Not yet taken by a watcher, before it is cut.
    // Changes on their way to one HTTP thread, before its watchers are cut. What the state keeps of
    // its history is as much: who is further behind could not resume either.
    std::size_t change_bytes_max = 16 << 20;

    std::chrono::milliseconds header_time{10'000};
    std::chrono::milliseconds body_time{30'000};
    std::chrono::milliseconds idle_time{120'000};
    std::chrono::milliseconds write_time{30'000};
    std::chrono::milliseconds linger_time{2'000};
    std::chrono::milliseconds bookmark_interval{15'000};
    std::chrono::milliseconds request_timeout{10'000};  // On top of a wait.
    std::chrono::milliseconds wait_max{600'000};
    std::chrono::milliseconds backup_time{3'600'000};
    std::chrono::milliseconds lease_patience{1'000};  // For the leader to tell what it alone knows.

    std::chrono::milliseconds ttl_default{15'000};
    std::chrono::milliseconds ttl_min{1'000};
    std::chrono::milliseconds ttl_max{24LL * 3600 * 1000};
    std::chrono::milliseconds lock_delay_max{60'000};

    // Names besides IP addresses and localhost that a Host field may have when the listener is on
    // loopback: what else comes there was led by a web page (DNS rebinding).
    std::vector<std::string> hosts{};
    // The web sites whose pages may read answers and write, each as an Origin field has it: CORS
    // (WHATWG Fetch, section 3.2). None: it is off.
    std::vector<std::string> origins{};

    // Called on an HTTP thread for each answer; it must not block. Empty: no log.
    std::function<void(const AccessRecord&)> access_log{};
};

}  // namespace gavel::api
