#include "api/transaction_request.h"

#include <optional>
#include <set>
#include <utility>

#include "api/json.h"
#include "api/names.h"
#include "api/resources.h"
#include "statemachine/limits.h"

namespace gavel::api {
namespace {

using statemachine::Compare;
using statemachine::Operation;
using Kind = JsonField::Kind;
using Fault = std::optional<Problem>;

constexpr std::size_t parts_max = statemachine::transaction_parts_max;

std::string place(std::string_view list, std::size_t index) {
    return std::string(list) + '[' + std::to_string(index) + ']';
}

// The fields of one object of the body, and where it stands there.
class Object {
public:
    static Result<Object, Problem> read(std::string path, const JsonField& field) {
        if (field.kind != Kind::object) return bad_field(path, "is not an object");
        auto fields = parse_json_object(field.raw);
        if (!fields) return bad_field(path, fields.error().why);
        return Object(std::move(path), *std::move(fields));
    }

    const JsonField* find(std::string_view name) const {
        for (const auto& field : fields_) {
            if (field.name == name) return &field;
        }
        return nullptr;
    }
    const std::vector<JsonField>& fields() const { return fields_; }
    const std::string& path() const { return path_; }
    Problem unfit(std::string_view name, std::string_view why) const {
        return bad_field(path_ + '.' + std::string(name), why);
    }

    // Refuses what is not among these.
    Fault only(std::initializer_list<std::string_view> known) const {
        for (const auto& field : fields_) {
            if (std::find(known.begin(), known.end(), field.name) != known.end()) continue;
            std::string why = "there is no such field; there are:";
            for (const auto& name : known) why.append(" ").append(name);
            return unfit(field.name, why);
        }
        return std::nullopt;
    }

    Fault name(std::string_view field_name, std::string& into) const {
        const auto* field = find(field_name);
        if (field == nullptr) return unfit(field_name, "is missing");
        if (field->kind != Kind::text) return unfit(field_name, "is not a text");
        if (const auto fault = check_name(field->text)) return unfit(field_name, fault->why);
        into = field->text;
        return std::nullopt;
    }
    Fault number(const JsonField& field, std::uint64_t& into) const {
        const auto number = field.kind == Kind::number ? parse_number(field.raw) : std::nullopt;
        if (!number) return unfit(field.name, "is not a whole number below 2^53");
        into = *number;
        return std::nullopt;
    }
    Fault flag(const JsonField& field, bool& into) const {
        if (field.kind != Kind::boolean) return unfit(field.name, "is not true or false");
        into = field.raw == "true";
        return std::nullopt;
    }

private:
    Object(std::string path, std::vector<JsonField> fields)
        : path_(std::move(path)), fields_(std::move(fields)) {}

    std::string path_;
    std::vector<JsonField> fields_;
};

struct Value {
    Bytes bytes{};
    std::string content_type{};
    bool is_json_text{};  // As it stands in the body.
};

// The fields value, encoding and content_type: as in lists, where JSON stands as JSON, other UTF-8
// as a text and the rest in base64.
Result<Value, Problem> read_value(const Object& object) {
    const auto* value = object.find("value");
    if (value == nullptr) return object.unfit("value", "is missing");
    Value read;
    if (const auto* type = object.find("content_type")) {
        if (type->kind != Kind::text) return object.unfit("content_type", "is not a text");
        if (const auto fault = check_content_type(type->text)) {
            return object.unfit("content_type", fault->why);
        }
        read.content_type = type->text;
    }
    const bool says_json = is_json_type(read.content_type);
    if (const auto* encoding = object.find("encoding")) {
        if (encoding->kind != Kind::text || encoding->text != "base64") {
            return object.unfit("encoding", "is \"base64\" or left out");
        }
        const auto bytes = value->kind == Kind::text ? decode_base64(value->text) : std::nullopt;
        if (!bytes) return object.unfit("value", "is not base64");
        if (says_json && !is_json(*bytes)) {
            return Problem{ProblemCode::value_not_json,
                           object.path() + ".value: content_type says JSON, the value is not"};
        }
        if (read.content_type.empty()) read.content_type = "application/octet-stream";
        read.bytes = Bytes(*bytes);
    } else if (says_json || (read.content_type.empty() && value->kind != Kind::text)) {
        if (read.content_type.empty()) read.content_type = "application/json";
        read.is_json_text = true;
        read.bytes = Bytes(value->raw);
    } else if (value->kind == Kind::text) {
        if (read.content_type.empty()) read.content_type = "text/plain; charset=utf-8";
        read.bytes = Bytes(value->text);
    } else {
        return object.unfit("value", "is not a text, and content_type does not say JSON");
    }
    if (read.bytes.size() > statemachine::value_bytes_max) {
        return Problem{ProblemCode::body_too_large,
                       object.path() + ".value: a value has at most 1 MiB"};
    }
    return read;
}

class Parser {
public:
    Fault parse(std::string_view body) {
        const auto fields = parse_json_object(body);
        if (!fields) return Problem{ProblemCode::malformed_body, "the body " + fields.error().why};
        for (const auto& field : *fields) {
            if (auto fault = read_list(field)) return fault;
        }
        if (parts() == 0) {
            return Problem{ProblemCode::malformed_body, "there is nothing in if, then or else"};
        }
        return std::nullopt;
    }

    TransactionRequest take() { return std::move(request_); }

private:
    std::size_t parts() const {
        const auto& command = request_.command;
        return command.compares.size() + command.then.size() + command.otherwise.size();
    }

    Fault read_list(const JsonField& field) {
        const std::string_view name = field.name;
        if (name != "if" && name != "then" && name != "else") {
            return bad_field(name, "there is no such field; there are: if then else");
        }
        if (field.kind != Kind::array) return bad_field(name, "is not a list");
        const auto items = parse_json_array(field.raw, parts_max);
        if (!items) return bad_field(name, items.error().why);
        std::set<std::string> written;
        for (std::size_t i = 0; i < items->size(); ++i) {
            const auto object = Object::read(place(name, i), (*items)[i]);
            if (!object) return object.error();
            auto fault = name == "if" ? read_condition(*object, i)
                                      : read_operation(*object, name == "then", written);
            if (fault) return fault;
            if (parts() > parts_max) {
                return bad_field(object->path(), "more than 128 conditions and operations in all");
            }
        }
        return std::nullopt;
    }

    void demand(Compare compare, std::size_t condition) {
        request_.command.compares.push_back(std::move(compare));
        request_.conditions.push_back(condition);
    }

    // Leaves it as it is where none is named.
    static Fault read_session(const Object& object, statemachine::SessionId& into) {
        const auto* session = object.find("session");
        if (session == nullptr) return std::nullopt;
        const auto id =
            session->kind == Kind::text ? parse_session_id(session->text) : std::nullopt;
        if (!id || *id == 0) {
            return object.unfit("session", "is not the id of a session, such as \"s123\"");
        }
        into = *id;
        return std::nullopt;
    }

    Fault read_condition(const Object& object, std::size_t at) {
        if (object.find("lock") != nullptr) {
            if (auto fault = object.only({"lock", "token", "session"})) return fault;
            Compare compare{.kind = Compare::Kind::token};
            if (auto fault = object.name("lock", compare.name)) return fault;
            const auto* token = object.find("token");
            if (token == nullptr) return object.unfit("token", "is missing");
            if (auto fault = object.number(*token, compare.number)) return fault;
            if (auto fault = read_session(object, compare.session)) return fault;
            demand(std::move(compare), at);
            return std::nullopt;
        }
        if (auto fault = object.only({"key", "exists", "revision", "version", "value", "encoding",
                                      "content_type", "lock", "token"})) {
            return fault;
        }
        if (object.find("token") != nullptr) return object.unfit("lock", "is missing");
        Compare compare;
        if (auto fault = object.name("key", compare.name)) return fault;
        const std::size_t before = request_.conditions.size();
        for (const auto& field : object.fields()) {
            if (auto fault = read_demand(object, field, compare, at)) return fault;
        }
        if (object.find("value") == nullptr &&
            (object.find("encoding") != nullptr || object.find("content_type") != nullptr)) {
            return object.unfit("value", "is missing");
        }
        if (request_.conditions.size() > before) return std::nullopt;
        return bad_field(object.path(), "names one of: exists revision version value");
    }

    Fault read_demand(const Object& object, const JsonField& field, Compare compare,
                      std::size_t at) {
        if (field.name == "exists") {
            bool exists = false;
            if (auto fault = object.flag(field, exists)) return fault;
            compare.kind = exists ? Compare::Kind::exists : Compare::Kind::absent;
        } else if (field.name == "revision" || field.name == "version") {
            if (auto fault = object.number(field, compare.number)) return fault;
            compare.kind =
                field.name == "revision" ? Compare::Kind::revision : Compare::Kind::version;
        } else if (field.name == "value") {
            auto value = read_value(object);
            if (!value) return value.error();
            compare.kind = value->is_json_text ? Compare::Kind::json : Compare::Kind::value;
            compare.value = std::move(value->bytes);
        } else {
            return std::nullopt;
        }
        demand(std::move(compare), at);
        return std::nullopt;
    }

    Fault read_operation(const Object& object, bool then, std::set<std::string>& written) {
        const auto& fields = object.fields();
        const std::string_view kind = fields.size() == 1 ? fields.front().name : std::string_view();
        if (kind != "put" && kind != "delete" && kind != "get") {
            return bad_field(object.path(), "names one of: put delete get");
        }
        const auto given = Object::read(object.path() + '.' + std::string(kind), fields.front());
        if (!given) return given.error();
        std::string key;
        if (auto fault = given->name("key", key)) return fault;
        Operation operation;
        auto fault = kind == "put"      ? read_put(*given, key, operation)
                     : kind == "delete" ? read_delete(*given, key, operation)
                                        : read_get(*given, key, operation);
        if (fault) return fault;
        // Of two writes of one key the first would be lost, which nobody means. To put something
        // below what was deleted replaces it.
        const auto* remove = std::get_if<statemachine::DeleteOperation>(&operation);
        const bool recursive = remove != nullptr && remove->recursive;
        const std::string below = key + '/';
        const auto first = written.lower_bound(below);
        const bool loses = recursive && (written.contains(key) ||
                                         (first != written.end() && first->starts_with(below)));
        if (kind != "get" && (loses || !written.insert(recursive ? below : key).second)) {
            return given->unfit("key", "is written twice in this branch");
        }
        auto& command = request_.command;
        (then ? command.then : command.otherwise).push_back(std::move(operation));
        (then ? request_.then_keys : request_.else_keys).push_back(std::move(key));
        return std::nullopt;
    }

    static Fault read_put(const Object& object, const std::string& key, Operation& into) {
        if (auto fault = object.only({"key", "value", "content_type", "encoding", "session"})) {
            return fault;
        }
        auto value = read_value(object);
        if (!value) return value.error();
        statemachine::PutOperation put{.key = key,
                                       .value = std::move(value->bytes),
                                       .content_type = std::move(value->content_type)};
        if (auto fault = read_session(object, put.session)) return fault;
        into = std::move(put);
        return std::nullopt;
    }

    static Fault read_delete(const Object& object, const std::string& key, Operation& into) {
        if (auto fault = object.only({"key", "recursive"})) return fault;
        statemachine::DeleteOperation remove{.key = key};
        if (const auto* recursive = object.find("recursive")) {
            if (auto fault = object.flag(*recursive, remove.recursive)) return fault;
        }
        into = std::move(remove);
        return std::nullopt;
    }

    static Fault read_get(const Object& object, const std::string& key, Operation& into) {
        if (auto fault = object.only({"key"})) return fault;
        into = statemachine::GetOperation{key};
        return std::nullopt;
    }

    TransactionRequest request_{};
};

}  // namespace

Result<TransactionRequest, Problem> parse_transaction(std::string_view body) {
    Parser parser;
    if (auto fault = parser.parse(body)) return *std::move(fault);
    return parser.take();
}

}  // namespace gavel::api
