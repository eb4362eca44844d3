#include "api/etag.h"

#include <algorithm>

namespace gavel::api {
namespace {

using statemachine::Precondition;
using statemachine::Revision;

constexpr std::size_t tags_max = 128;

void skip_blanks(std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

// Takes one tag off `text`; false: what is there is no entity tag.
bool take_tag(std::string_view& text, EntityTags& into) {
    const bool weak = text.starts_with("W/");
    if (weak) text.remove_prefix(2);
    if (!text.starts_with('"')) return false;
    const auto end = text.find('"', 1);
    if (end == std::string_view::npos) return false;
    // Revision 0 is never given out, and so stands for every tag that is not Gavel's own.
    into.tags.push_back({weak, parse_number(text.substr(1, end - 1)).value_or(0)});
    text.remove_prefix(end + 1);
    return true;
}

}  // namespace

std::string etag(Revision revision) { return '"' + std::to_string(revision) + '"'; }

bool EntityTags::matches_strongly(Revision revision) const {
    return any || std::any_of(tags.begin(), tags.end(), [&](const Tag& tag) {
               return !tag.weak && tag.revision == revision;
           });
}

bool EntityTags::matches_weakly(Revision revision) const {
    return any || std::any_of(tags.begin(), tags.end(),
                              [&](const Tag& tag) { return tag.revision == revision; });
}

Result<EntityTags, Unfit> parse_entity_tags(std::string_view text) {
    EntityTags parsed;
    skip_blanks(text);
    if (text.starts_with('*')) {
        text.remove_prefix(1);
        skip_blanks(text);
        if (!text.empty()) return Unfit{"has more than '*'"};
        parsed.any = true;
        return parsed;
    }
    while (true) {
        skip_blanks(text);
        // RFC 9110, section 5.6.1: empty elements of a list are ignored.
        if (!text.starts_with(',') && !text.empty() && !take_tag(text, parsed)) {
            return Unfit{"not a list of quoted entity tags"};
        }
        if (parsed.tags.size() > tags_max) return Unfit{"has more than 128 entity tags"};
        skip_blanks(text);
        if (text.empty()) break;
        if (!text.starts_with(',')) return Unfit{"not a list of quoted entity tags"};
        text.remove_prefix(1);
    }
    if (parsed.tags.empty()) return Unfit{"empty"};
    return parsed;
}

Result<Precondition, Unfit> parse_precondition(const std::string* if_match,
                                               const std::string* if_none_match) {
    if (if_match == nullptr && if_none_match == nullptr) return Precondition{};
    if (if_match != nullptr && if_none_match != nullptr) {
        return Unfit{"If-Match and If-None-Match cannot be used together"};
    }
    const auto* text = if_match != nullptr ? if_match : if_none_match;
    const std::string header = if_match != nullptr ? "If-Match" : "If-None-Match";
    const auto parsed = parse_entity_tags(*text);
    if (!parsed) return Unfit{header + ": " + parsed.error().why};

    using Kind = Precondition::Kind;
    if (parsed->any) return Precondition{if_match != nullptr ? Kind::present : Kind::absent, {}};
    Precondition condition{if_match != nullptr ? Kind::matches : Kind::none_matches, {}};
    for (const auto& tag : parsed->tags) {
        const bool counts = if_none_match != nullptr || !tag.weak;
        if (counts && tag.revision != 0) condition.revisions.push_back(tag.revision);
    }
    return condition;
}

}  // namespace gavel::api
