#include "api/json_patch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <variant>

#include "api/json.h"
#include "api/json_canonical.h"

namespace gavel::api {
namespace {

using nlohmann::json;

constexpr std::size_t levels_max = 512;

struct TooLarge {};

bool are_equal(const json& one, const json& other) {
    std::string texts[2];
    write_canonical(one, texts[0]);
    write_canonical(other, texts[1]);
    return texts[0] == texts[1];
}

// Goes down both values at once, so that it takes no longer than they and the patch are large.
class Differ {
public:
    std::string patch(const json& from, const json& to) {
        differ(from, to);
        return '[' + std::move(patch_) + ']';
    }

private:
    void differ(const json& from, const json& to) {
        if (from.is_object() && to.is_object()) {
            differ_in_members(from.get_ref<const json::object_t&>(),
                              to.get_ref<const json::object_t&>());
        } else if (from.is_array() && to.is_array()) {
            differ_in_items(from, to);
        } else if (from.is_structured() || to.is_structured() || !are_equal(from, to)) {
            operation("replace", &to);
        }
    }

    void differ_in_members(const json::object_t& from, const json::object_t& to) {
        for (const auto& member : from) {
            const auto now = to.find(member.first);
            at_member(member.first, [&] {
                now == to.end() ? operation("remove", nullptr) : differ(member.second, now->second);
            });
        }
        for (const auto& member : to) {
            if (from.contains(member.first)) continue;
            at_member(member.first, [&] { operation("add", &member.second); });
        }
    }

    void differ_in_items(const json& from, const json& to) {
        const std::size_t both = std::min(from.size(), to.size());
        for (std::size_t i = 0; i < both; ++i) {
            at(std::to_string(i), [&] { differ(from[i], to[i]); });
        }
        // From the end on, so that the places of the others stay theirs.
        for (std::size_t i = from.size(); i > both; --i) {
            at(std::to_string(i - 1), [&] { operation("remove", nullptr); });
        }
        for (std::size_t i = both; i < to.size(); ++i) {
            at("-", [&] { operation("add", &to[i]); });
        }
    }

    template <class Then>
    void at_member(const std::string& name, Then then) {
        std::string step;
        for (const char c : name) {
            if (c == '~') {
                step += "~0";
            } else if (c == '/') {
                step += "~1";
            } else {
                step += c;
            }
        }
        at(step, then);
    }
    template <class Then>
    void at(std::string_view step, Then then) {
        const auto before = path_.size();
        path_ += '/';
        path_ += step;
        then();
        path_.resize(before);
    }

    void operation(std::string_view what, const json* value) {
        // Before it is written: a path may be as long as a value.
        if (patch_.size() + path_.size() > json_patch_size_max) throw TooLarge{};
        JsonWriter written;
        written.open('{').text("op", what).text("path", path_);
        if (value != nullptr) written.raw("value", value->dump());
        if (!patch_.empty()) patch_ += ',';
        patch_ += written.close('}').take();
        if (patch_.size() > json_patch_size_max) throw TooLarge{};
    }

    std::string path_;
    std::string patch_;
};

}  // namespace

std::optional<std::string> json_patch(std::string_view from, std::string_view to) {
    if (from.size() + to.size() > json_patch_bytes_max) return std::nullopt;
    bool from_is_exact = true, to_is_exact = true;
    const auto before = read_strictly(from, levels_max, &from_is_exact);
    const auto after = read_strictly(to, levels_max, &to_is_exact);
    const auto* one = std::get_if<json>(&before);
    const auto* other = std::get_if<json>(&after);
    if (one == nullptr || other == nullptr || !from_is_exact || !to_is_exact) return std::nullopt;
    try {
        return Differ().patch(*one, *other);
    } catch (const TooLarge&) {
        return std::nullopt;
    }
}

}  // namespace gavel::api
