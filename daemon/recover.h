#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/address.h"

// `gaveld recover`: shows what surviving data directories know, and makes a new cluster from them
// when a majority is lost for good (docs/recovery.md).
namespace gavel::daemon {

struct RecoverOptions {
    std::vector<std::filesystem::path> data_dirs{};
    std::optional<std::filesystem::path> backup{};  // Instead of directories.
    bool json = false;
    std::optional<std::filesystem::path> make_cluster{};  // Where; none: only look.
    std::optional<Address> peer_address{};
    std::optional<std::string> name{};         // None: that of the best survivor.
    std::optional<std::string> accept_loss{};  // Of which cluster.
    std::uint64_t above = 0;                   // Revisions of the new cluster are, too.
    bool fill_gaps = false;
    bool force = false;

    std::optional<std::string> print{};  // Only that, and end: --help.
};
inline constexpr std::size_t data_dirs_max = 32;

// `arguments` without "recover". Options stand on the command line and nowhere else.
Result<RecoverOptions, ConfigError> parse_recover_options(std::span<const std::string> arguments);

// The whole command. Gives the exit code.
int run_recover(std::span<const std::string> arguments);

}  // namespace gavel::daemon
