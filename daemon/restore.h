#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/backup.h"
#include "persistence/log_store.h"

// What `gaveld recover --backup` says of a backup, and of what it made from one: to people, and to
// programs.
namespace gavel::daemon {

struct RestoreReport {
    const std::filesystem::path& file;
    const Backup& backup;
    statemachine::Revision base{};                // Where a new cluster begins.
    std::optional<persistence::Identity> made{};  // None: nothing.
    std::filesystem::path made_in{};
};
std::string text_of(const RestoreReport& report);
std::string json_of(const RestoreReport& report);

}  // namespace gavel::daemon
