#include "cli/holders.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/render.h"
#include "cli/text.h"

namespace gavel::cli {

namespace {

constexpr std::size_t holders_named = 3;
constexpr std::size_t metadata_columns = 80;

std::string with_details(const nlohmann::json& holder) {
    std::string account = session_label(holder);
    const std::string since = text_of(holder, "since"), held_for = text_of(holder, "held_for");
    if (!since.empty()) account += " since " + since;
    if (!held_for.empty()) account += " (" + held_for + ")";
    const std::string metadata = text_of(holder, "metadata");
    if (metadata.empty() || metadata == "{}") return account;
    return account + " " + shorten(printable(metadata), metadata_columns);
}

// `name` of the first of them, and how many more there are.
template <class Name>
std::string first_holders(const nlohmann::json& told, const Name& name) {
    const auto found = told.find("holders");
    if (found == told.end() || !found->is_array()) return {};
    std::string names;
    const std::size_t shown = std::min(found->size(), holders_named);
    for (std::size_t i = 0; i < shown; ++i) names += (i == 0 ? "" : ", ") + name((*found)[i]);
    const std::size_t count = told.value("holder_count", found->size());
    if (shown > 0 && count > shown) names += ", " + std::to_string(count - shown) + " more";
    return names;
}

}  // namespace

std::string session_label(const nlohmann::json& claim) {
    const std::string name = text_of(claim, "session_name");
    return text_of(claim, "session") + (name.empty() ? "" : " (" + name + ")");
}

std::string holder_labels(const nlohmann::json& lock) { return first_holders(lock, session_label); }

std::string holders_account(const nlohmann::json& told) {
    return told.is_object() ? first_holders(told, with_details) : std::string();
}

}  // namespace gavel::cli
