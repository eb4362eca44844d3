#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/call.h"

namespace gavel::api {

// One method of one resource.
struct Route {
    enum class Capture : std::uint8_t { none, segment, rest, prefix };

    Method method{};
    std::string_view path{};    // All of it, or up to the captured part.
    Capture capture{};          // What of the path is the resource's name.
    std::string_view tail{};    // Behind a captured segment.
    std::string_view called{};  // The captured part, in docs/openapi.yaml: "name".
    std::span<const std::string_view> parameters{};
    std::span<const std::string_view> repeatable{};
    bool takes_body{};
    void (*handle)(const CallPtr& call){};

    // As in the OpenAPI document: /v1/locks/{name}
    std::string template_text() const;
};

// The whole table. HEAD is answered like GET, without the body, and OPTIONS from the table.
std::span<const Route> routes();

// Finds the route, checks what every route demands, and lets its resource answer.
void dispatch(const CallPtr& call);

}  // namespace gavel::api
