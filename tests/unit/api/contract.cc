#include "tests/unit/api/contract.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "api/http.h"

namespace gavel::api {

// Made from docs/openapi.yaml.
extern const std::string_view openapi_json;

namespace testing {

using nlohmann::json;

namespace {

// What is wrong with one answer, so far.
class Inspection {
public:
    void check_fields(const json& response, const Response& answer);
    void check_body(const json& response, const Response& answer);
    void check_event(const std::string& name, const std::string& data);
    const std::vector<std::string>& faults() const { return faults_; }

private:
    void fault(const std::string& text) { faults_.push_back(text); }
    static std::vector<std::pair<std::string, std::string>> fields_of(const Response& answer);
    static bool is_of(const std::string& type, const json& value);
    void check_type(const json& schema, const json& value, const std::string& at);
    void check_object(const json& schema, const json& value, const std::string& at);
    void check_text(const json& schema, const std::string& value, const std::string& at);
    void check_one_of(const json& alternatives, const json& value, const std::string& at);
    void check(const json& given, const json& value, const std::string& at);

    std::vector<std::string> faults_{};
};

std::vector<std::pair<std::string, std::string>> Inspection::fields_of(const Response& answer) {
    std::vector<std::pair<std::string, std::string>> fields;
    std::string_view rest = answer.fields;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find("\r\n"));
        rest.remove_prefix(line.size() + 2);
        const auto colon = line.find(": ");
        fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    return fields;
}

void Inspection::check_fields(const json& response, const Response& answer) {
    const json documented = response.value("headers", json::object());
    std::set<std::string> seen;
    for (const auto& [name, value] : fields_of(answer)) {
        seen.insert(name);
        if (name != "Content-Type" && !documented.contains(name)) {
            fault("field " + name + " is not documented");
        }
    }
    // These come with the head of every answer, whatever it is.
    for (const auto* name : {"Gavel-Revision", "Gavel-Leader", "X-Request-Id"}) {
        if (!documented.contains(name)) fault(std::string(name) + " is not documented");
        seen.insert(name);
    }
    for (const auto& [name, header] : documented.items()) {
        if (Contract::resolve(header).value("required", false) && !seen.contains(name)) {
            fault("field " + name + " is missing");
        }
    }
}

void Inspection::check_body(const json& response, const Response& answer) {
    if (!response.contains("content")) {
        if (!answer.content().empty()) fault("a body where none is documented");
        return;
    }
    const auto& content = response.at("content");
    std::string type(answer.field("Content-Type"));
    type = type.substr(0, type.find(';'));
    if (!content.contains(type)) {
        if (!content.contains("*/*")) fault("type " + type + " is not documented");
        return;
    }
    if (!content.at(type).contains("schema") || !type.ends_with("json")) return;
    const auto body = json::parse(answer.content(), nullptr, false);
    if (body.is_discarded()) return fault("the body is not JSON");
    check(content.at(type).at("schema"), body, "");
}

void Inspection::check_event(const std::string& name, const std::string& data) {
    auto event = json::parse(data, nullptr, false);
    if (!event.is_object()) return fault("the data of an event is no JSON object");
    event["event"] = name;
    const auto& kinds =
        Contract::document()["components"]["schemas"]["StreamEvent"]["discriminator"];
    const auto& mapping = kinds["mapping"];
    if (!mapping.contains(name)) return fault("the event " + name + " is not documented");
    check({{"$ref", mapping[name]}}, event, name);
}

bool Inspection::is_of(const std::string& type, const json& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "boolean") return value.is_boolean();
    return type == "null" && value.is_null();
}

void Inspection::check_type(const json& schema, const json& value, const std::string& at) {
    const json type = schema.value("type", json());
    if (type.is_null()) return;
    const json types = type.is_array() ? type : json::array({type});
    const bool fits = std::any_of(types.begin(), types.end(), [&](const json& each) {
        return is_of(each.get<std::string>(), value);
    });
    if (!fits) fault(at + ": " + value.dump() + " is not " + type.dump());
}

void Inspection::check_object(const json& schema, const json& value, const std::string& at) {
    for (const auto& name : schema.value("required", json::array())) {
        if (!value.contains(name)) fault(at + '/' + name.get<std::string>() + " is missing");
    }
    if (!schema.contains("properties")) return;  // Anything, such as metadata.
    for (const auto& [name, member] : value.items()) {
        if (!schema.at("properties").contains(name)) {
            fault(at + '/' + name + " is not documented");
        } else {
            check(schema.at("properties").at(name), member, at + '/' + name);
        }
    }
}

void Inspection::check_text(const json& schema, const std::string& value, const std::string& at) {
    if (schema.contains("pattern") &&
        !std::regex_search(value, std::regex(schema.at("pattern").get<std::string>()))) {
        fault(at + ": '" + value + "' has not the documented form");
    }
    if (schema.value("format", "") == "date-time" &&
        !std::regex_match(value, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"))) {
        fault(at + ": '" + value + "' is not a time");
    }
    if (value.size() < schema.value("minLength", 0U)) fault(at + " is too short");
}

void Inspection::check_one_of(const json& alternatives, const json& value, const std::string& at) {
    int fitting = 0;
    std::string why;
    for (const auto& each : alternatives) {
        Inspection tried;
        tried.check(each, value, at);
        if (tried.faults_.empty()) ++fitting;
        for (const auto& text : tried.faults_) why += text + "; ";
    }
    if (fitting != 1) fault(at + ": fits " + std::to_string(fitting) + " of oneOf: " + why);
}

void Inspection::check(const json& given, const json& value, const std::string& at) {
    const json& schema = Contract::resolve(given);
    check_type(schema, value, at);
    for (const auto& each : schema.value("allOf", json::array())) check(each, value, at);
    if (schema.contains("oneOf")) check_one_of(schema.at("oneOf"), value, at);
    if (schema.contains("const") && schema.at("const") != value) {
        fault(at + ": " + value.dump() + " is not " + schema.at("const").dump());
    }
    if (schema.contains("enum")) {
        const auto& all = schema.at("enum");
        if (std::find(all.begin(), all.end(), value) == all.end()) {
            fault(at + ": " + value.dump() + " is not listed");
        }
    }
    if (value.is_object()) check_object(schema, value, at);
    if (value.is_string()) check_text(schema, value, at);
    if (value.is_array() && schema.contains("items")) {
        for (const auto& item : value) check(schema.at("items"), item, at + "/*");
    }
    if (value.is_number_integer() && value < schema.value("minimum", value)) {
        fault(at + ": " + value.dump() + " is too small");
    }
}

}  // namespace

const json& Contract::document() {
    static const json parsed = json::parse(openapi_json);
    return parsed;
}

const json& Contract::resolve(const json& value) {
    if (!value.is_object() || !value.contains("$ref")) return value;
    const std::string to = value.at("$ref");
    return resolve(document().at(json::json_pointer(to.substr(1))));
}

std::string Contract::method_of(const Route& route) {
    std::string method(to_string(route.method));
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    return method;
}

const json& Contract::operation(const Route& route) {
    return document().at("paths").at(route.template_text()).at(method_of(route));
}

std::vector<std::string> Contract::faults(const Route& route, const Response& answer,
                                          bool with_body) {
    Inspection inspection;
    const auto status = std::to_string(answer.status);
    const auto& responses = operation(route).at("responses");
    if (!responses.contains(status)) return {"status " + status + " is not documented"};
    const json& response = resolve(responses.at(status));
    inspection.check_fields(response, answer);
    if (with_body) inspection.check_body(response, answer);
    return inspection.faults();
}

std::vector<std::string> Contract::faults(std::string_view events) {
    Inspection inspection;
    std::istringstream lines{std::string(events)};
    std::string name;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("event: ")) name = line.substr(7);
        if (line.starts_with("data: ")) inspection.check_event(name, line.substr(6));
    }
    return inspection.faults();
}

}  // namespace testing
}  // namespace gavel::api
