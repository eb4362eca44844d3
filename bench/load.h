#pragma once

#include <memory>
#include <string>

#include "bench/client.h"
#include "bench/options.h"
#include "bench/result.h"

namespace gavel::bench {

using Clock = std::chrono::steady_clock;

std::unique_ptr<Client> make_client(const Options& options, boost::asio::io_context& io,
                                    std::size_t index, const std::string& run);

// A name that no earlier run on these servers had.
std::string new_run();

// Every client sends its next operation when the last one is answered, or, at a rate, when it is
// due. Throws std::runtime_error when the clients cannot be connected.
enum class Work {
    put,
    get,
    get_stale,
    lock,
    handoff,
    fill,
    shared,     // One lock, which all share.
    semaphore,  // One lock, which few of them share at a time.
    transact,   // Some keys at once.
    get_past,   // A key as it was before its last change.
    ephemeral   // A key that goes with its session.
};
Result run_load(const Options& options, Work work, std::string name, std::size_t clients);

// Watchers of everything and one writer, which waits when they fall behind. `clients` is how many
// watch. Checks that each saw every change once and in order.
Result run_watch(const Options& options, std::size_t clients);

// Options::sessions, kept alive over so many connections; ended afterwards, or abandoned.
Result run_sessions(const Options& options, std::size_t connections);

// One writer for each endpoint, which gives up quickly and tries again: the longest time without a
// successful write is what a failure costs.
Result run_failover(const Options& options);

}  // namespace gavel::bench
