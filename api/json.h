#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/names.h"
#include "base/result.h"

namespace gavel::api {

// Writes JSON text into one growing string. The caller keeps brackets and keys in order; texts
// must be UTF-8. A small writer of our own, because it is on the way of every answer.
class JsonWriter {
public:
    JsonWriter() = default;
    // Writes behind what `text` already holds.
    explicit JsonWriter(std::string text) : out_(std::move(text)) {}

    JsonWriter& open(char bracket);   // '{' or '['
    JsonWriter& close(char bracket);  // '}' or ']'
    JsonWriter& key(std::string_view name);
    JsonWriter& text(std::string_view value);
    JsonWriter& number(std::uint64_t value);
    JsonWriter& flag(bool value);
    JsonWriter& null();
    JsonWriter& raw(std::string_view json);  // Valid JSON; its line breaks become blanks.

    JsonWriter& text(std::string_view name, std::string_view value) {
        return key(name).text(value);
    }
    JsonWriter& number(std::string_view name, std::uint64_t value) {
        return key(name).number(value);
    }
    JsonWriter& flag(std::string_view name, bool value) { return key(name).flag(value); }
    JsonWriter& raw(std::string_view name, std::string_view json) { return key(name).raw(json); }

    std::string take() { return std::move(out_); }

private:
    void separate();

    std::string out_;
    bool comma_{};  // Something stands before, on the same level.
};

// One field of a JSON object in a request.
struct JsonField {
    enum class Kind : std::uint8_t { text, number, object, array, boolean, null };
    std::string name{};
    Kind kind{};
    std::string text{};      // The text, unescaped; only for Kind::text.
    std::string_view raw{};  // As it stands in the input.
};

// The fields of the one object that `text` is. Strict: UTF-8 throughout, no duplicate names on any
// level, at most 32 levels, nothing behind the object.
Result<std::vector<JsonField>, Unfit> parse_json_object(std::string_view text);

// The elements of the one array that `text` is, nameless. As strict; more than `most` are unfit.
Result<std::vector<JsonField>, Unfit> parse_json_array(std::string_view text, std::size_t most);

// Whether `text` is one JSON value (RFC 8259), in UTF-8 without a byte order mark. Duplicate names
// are allowed here, as in the RFC; at most 512 levels.
bool is_json(std::string_view text);

// Whether a Content-Type says JSON: application/json, or any type that ends in +json.
bool is_json_type(std::string_view content_type);

}  // namespace gavel::api
