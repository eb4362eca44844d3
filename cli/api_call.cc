#include "cli/api_call.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "cli/endpoint.h"
#include "cli/render.h"

namespace gavel::cli {

Result<nlohmann::json, Failure> call_json(Client& client, const Call& call) {
    auto answer = client.call(call);
    if (!answer) return answer.error();
    auto document = nlohmann::json::parse(answer->body, nullptr, false);
    if (document.is_discarded()) {
        return Failure{.status = answer->status,
                       .code = "bad-answer",
                       .detail = "the answer is not JSON; is a Gavel server at the endpoint?",
                       .request_id = std::string(answer->header("x-request-id"))};
    }
    return Result<nlohmann::json, Failure>(boost::system::in_place_value, std::move(document));
}

Result<nlohmann::json, Failure> fetch_all(Client& client, const std::string& target,
                                          const std::string& member) {
    auto items = nlohmann::json::array();
    std::string cursor;
    do {
        Call call{.target = target + "&limit=500"};
        if (!cursor.empty()) call.target += "&cursor=" + encode_query(cursor);
        const auto page = call_json(client, call);
        if (!page) return page.error();
        const auto found = page->find(member);
        if (found != page->end()) items.insert(items.end(), found->begin(), found->end());
        cursor = text_of(*page, "next_cursor");
    } while (!cursor.empty());
    return Result<nlohmann::json, Failure>(boost::system::in_place_value, std::move(items));
}

Call create_session_call(const nlohmann::json& body) {
    return {.method = "POST", .target = "/v1/sessions", .body = body.dump(), .needs_key = true};
}

Call end_session_call(const std::string& session) {
    return {.method = "DELETE", .target = "/v1/sessions/" + encode_path(session)};
}

Call release_lock_call(const std::string& lock, const std::string& session) {
    return {.method = "DELETE",
            .target = "/v1/locks/" + encode_path(lock) + "?session=" + encode_query(session)};
}

}  // namespace gavel::cli
