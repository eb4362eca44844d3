#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "daemon/address.h"

namespace gavel::daemon {

struct HttpAnswer {
    unsigned status{};
    std::string body{};
};
// Why there is none, in the system's words.
struct HttpSilence {
    std::string reason{};
};

// One request of this member to another one's HTTP door, with a JSON body. Blocks its caller for at
// most `within`.
Result<HttpAnswer, HttpSilence> http_post(const Address& to, const std::string& target,
                                          std::string body, std::chrono::milliseconds within);

}  // namespace gavel::daemon
