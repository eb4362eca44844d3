#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/router.h"

namespace gavel::api::testing {

// docs/openapi.yaml as a judge of answers: each status, field and member that is seen has to stand
// in it, and each that it says is always there has to be seen.
class Contract {
public:
    using json = nlohmann::json;

    static const json& document();
    static const json& resolve(const json& value);
    static std::string method_of(const Route& route);
    static const json& operation(const Route& route);

    // What is wrong with an answer of this route, in words; nothing: it is as the document says.
    static std::vector<std::string> faults(const Route& route, const Response& answer,
                                           bool with_body);
    // The same of events of a stream, whole ones.
    static std::vector<std::string> faults(std::string_view events);
};

}  // namespace gavel::api::testing
