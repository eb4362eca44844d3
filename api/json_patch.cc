#include "api/json_patch.h"

#include <nlohmann/json.hpp>

#include "api/json.h"

namespace gavel::api {

std::optional<std::string> json_patch(std::string_view from, std::string_view to) {
    if (from.size() + to.size() > json_patch_bytes_max) return std::nullopt;
    if (!is_json(from) || !is_json(to)) return std::nullopt;
    const auto before = nlohmann::json::parse(from, nullptr, false);
    const auto after = nlohmann::json::parse(to, nullptr, false);
    if (before.is_discarded() || after.is_discarded()) return std::nullopt;
    return nlohmann::json::diff(before, after).dump();
}

}  // namespace gavel::api
