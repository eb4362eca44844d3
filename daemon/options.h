#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/options.h"
#include "base/result.h"
#include "daemon/address.h"
#include "daemon/log.h"
#include "paxos/messages.h"

namespace gavel::daemon {

// What an operator may set. docs/operating.md has the table.
struct Options {
    // Who this member is. Kept in the data directory when that is made; what is given later must
    // agree with it. None: not given.
    std::optional<std::string> name{};
    std::optional<std::string> initial_cluster{};
    std::optional<std::string> cluster_token{};
    std::optional<std::uint64_t> alpha{};
    std::optional<Address> peer_advertise{};
    std::optional<std::string> join{};  // A member of a running cluster: http://HOST:PORT
    std::string join_as = "voter";

    std::filesystem::path data_dir{};
    Address listen{"127.0.0.1", 7400};
    Address peer_listen{"127.0.0.1", 7500};
    std::string advertise{};
    bool insecure_listen = false;

    std::optional<log::Format> log_format{};  // None: what suits stderr.
    log::Level log_level = log::Level::info;

    std::chrono::milliseconds heartbeat{100};
    std::chrono::milliseconds election_timeout{500};
    paxos::LearnerMode learner_mode{};
    std::uint64_t log_retention = 100'000;  // Entries kept behind the applied slot for followers.
    std::uint64_t log_map_bytes = 16ULL << 30;
    std::uint64_t state_map_bytes = 16ULL << 30;
    std::uint64_t peer_queue_bytes = 32ULL << 20;

    api::ServerOptions http{};
};

inline constexpr std::string_view join_scheme = "http://";
inline constexpr std::uint64_t alpha_max = 4'096;
inline constexpr std::uint64_t alpha_default = 512;
inline constexpr std::string_view name_default = "default";

using Environment = std::map<std::string, std::string>;
Environment environment_of_process();

// What a command line asks for: to run, or only to print something and to end.
struct Invocation {
    Options options{};
    std::optional<std::string> print{};
};

// `arguments` without the program's name. A flag wins over GAVELD_… in the environment, and that
// over the file named by --config.
Result<Invocation, ConfigError> parse_options(std::span<const std::string> arguments,
                                              const Environment& environment);

}  // namespace gavel::daemon
