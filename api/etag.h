#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/names.h"
#include "base/result.h"
#include "statemachine/commands.h"

namespace gavel::api {

// A key's entity tag is its modify revision in quotes.
std::string etag(statemachine::Revision revision);

// The value of If-Match or If-None-Match (RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2). Tags that
// Gavel never gave out are kept only in so far as they match nothing.
struct EntityTags {
    struct Tag {
        bool weak{};
        statemachine::Revision revision{};
        bool operator==(const Tag&) const = default;
    };
    bool any{};  // "*"
    std::vector<Tag> tags{};

    // If-Match: a weak tag never matches.
    bool matches_strongly(statemachine::Revision revision) const;
    // If-None-Match.
    bool matches_weakly(statemachine::Revision revision) const;
    bool operator==(const EntityTags&) const = default;
};
Result<EntityTags, Unfit> parse_entity_tags(std::string_view text);

// What a write demands of the key; null pointers: the header is absent. Both together are refused:
// a command carries one precondition.
Result<statemachine::Precondition, Unfit> parse_precondition(const std::string* if_match,
                                                             const std::string* if_none_match);

}  // namespace gavel::api
