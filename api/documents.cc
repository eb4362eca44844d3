#include "api/resources.h"

namespace gavel::api {

// Made by api/CMakeLists.txt from docs/openapi.yaml.
extern const std::string_view openapi_yaml;
extern const std::string_view openapi_json;

namespace {

void respond_with(const CallPtr& call, std::string_view type, std::string_view text) {
    Response response;
    response.add("Content-Type", type).add("Cache-Control", "max-age=300");
    response.body = text;
    call->respond(std::move(response));
}

}  // namespace

void get_openapi_yaml(const CallPtr& call) { respond_with(call, "application/yaml", openapi_yaml); }

void get_openapi_json(const CallPtr& call) { respond_with(call, "application/json", openapi_json); }

}  // namespace gavel::api
