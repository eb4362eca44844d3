#include "api/json.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/http.h"

namespace gavel::api {
namespace {

constexpr int object_levels_max = 32;
constexpr int value_levels_max = 512;

void append_escaped(std::string& out, char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    out += "\\u00";
    out += digits[static_cast<unsigned char>(c) >> 4U];
    out += digits[static_cast<unsigned char>(c) & 15U];
}

void append_utf8(std::string& out, std::uint32_t point) {
    const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (point < 0x80) {
        add(point);
    } else if (point < 0x800) {
        add(0xC0U | point >> 6U);
        add(0x80U | (point & 0x3FU));
    } else if (point < 0x10000) {
        add(0xE0U | point >> 12U);
        add(0x80U | (point >> 6U & 0x3FU));
        add(0x80U | (point & 0x3FU));
    } else {
        add(0xF0U | point >> 18U);
        add(0x80U | (point >> 12U & 0x3FU));
        add(0x80U | (point >> 6U & 0x3FU));
        add(0x80U | (point & 0x3FU));
    }
}

// Walks over JSON text (RFC 8259) of which it is known to be UTF-8. Each function takes what it
// names and says whether it was there; the first one that was not leaves `error()`.
class Scanner {
public:
    Scanner(std::string_view text, int levels_max, bool unique_names)
        : text_(text), levels_max_(levels_max), unique_names_(unique_names) {}

    bool whole_value() { return value(1) && at_end(); }
    bool whole_object(std::vector<JsonField>& fields) { return object(1, &fields) && at_end(); }
    bool whole_array(std::vector<JsonField>& items, std::size_t most) {
        skip_blanks();
        if (!take('[')) return false;
        skip_blanks();
        if (take(']')) return at_end();
        do {
            if (items.size() == most) {
                error_ = "has more than " + std::to_string(most) + " elements";
                return false;
            }
            skip_blanks();
            if (!value_of(items.emplace_back(), 2)) return false;
            skip_blanks();
        } while (take(','));
        return take(']') && at_end();
    }
    std::string error() const {
        return error_.empty() ? "is not JSON at byte " + std::to_string(at_) : error_;
    }

private:
    void skip_blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' ||
                                      text_[at_] == '\r' || text_[at_] == '\t')) {
            ++at_;
        }
    }
    bool take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool take(std::string_view word) {
        if (!text_.substr(at_).starts_with(word)) return false;
        at_ += word.size();
        return true;
    }
    bool at_end() {
        skip_blanks();
        return at_ == text_.size();
    }

    bool value(int level) {
        skip_blanks();
        if (at_ >= text_.size()) return false;
        switch (text_[at_]) {
            case '{':
                return object(level, nullptr);
            case '[':
                return array(level);
            case '"':
                return string(nullptr);
            case 't':
                return take("true");
            case 'f':
                return take("false");
            case 'n':
                return take("null");
            default:
                return number();
        }
    }

    bool object(int level, std::vector<JsonField>* fields) {
        skip_blanks();
        if (!within(level) || !take('{')) return false;
        skip_blanks();
        if (take('}')) return true;
        std::vector<std::string> names;
        do {
            JsonField field;
            skip_blanks();
            if (!string(&field.name) || !unique(names, field.name)) return false;
            skip_blanks();
            if (!take(':')) return false;
            skip_blanks();
            if (fields != nullptr) {
                if (!value_of(field, level + 1)) return false;
                fields->push_back(std::move(field));
            } else if (!value(level + 1)) {
                return false;
            }
            skip_blanks();
        } while (take(','));
        return take('}') && distinct(names);
    }

    // Few names are compared as they come; many are sorted once at the end, so that a body of
    // nothing but names costs no quadratic time.
    bool unique(std::vector<std::string>& names, const std::string& name) {
        if (!unique_names_) return true;
        if (names.size() < 16 && std::find(names.begin(), names.end(), name) != names.end()) {
            return duplicate(name);
        }
        names.push_back(name);
        return true;
    }
    bool distinct(std::vector<std::string>& names) {
        if (names.size() <= 16) return true;
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        return twice == names.end() || duplicate(*twice);
    }
    bool duplicate(const std::string& name) {
        error_ = "has the field \"" + name + "\" twice";
        return false;
    }

    bool value_of(JsonField& field, int level) {
        if (at_ >= text_.size()) return false;
        const auto start = at_;
        using Kind = JsonField::Kind;
        switch (text_[at_]) {
            case '"':
                field.kind = Kind::text;
                break;
            case '{':
                field.kind = Kind::object;
                break;
            case '[':
                field.kind = Kind::array;
                break;
            case 't':
            case 'f':
                field.kind = Kind::boolean;
                break;
            case 'n':
                field.kind = Kind::null;
                break;
            default:
                field.kind = Kind::number;
                break;
        }
        if (!(field.kind == Kind::text ? string(&field.text) : value(level))) return false;
        field.raw = text_.substr(start, at_ - start);
        return true;
    }

    bool array(int level) {
        if (!within(level) || !take('[')) return false;
        skip_blanks();
        if (take(']')) return true;
        do {
            if (!value(level + 1)) return false;
            skip_blanks();
        } while (take(','));
        return take(']');
    }

    bool within(int level) {
        if (level > levels_max_) error_ = "is nested too deeply";
        return level <= levels_max_;
    }

    bool string(std::string* into) {
        if (!take('"')) return false;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (static_cast<unsigned char>(c) < 0x20) return false;
            ++at_;
            if (c == '"') return true;
            if (c == '\\') {
                if (!escape(into)) return false;
            } else if (into != nullptr) {
                *into += c;
            }
        }
        return false;
    }

    bool escape(std::string* into) {
        constexpr std::string_view letters = "\"\\/bfnrtu";
        constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        const auto letter = at_ < text_.size() ? letters.find(text_[at_]) : std::string_view::npos;
        if (letter == std::string_view::npos) return false;
        ++at_;
        if (letter < meanings.size()) {
            if (into != nullptr) *into += meanings[letter];
            return true;
        }
        std::uint32_t point = 0;
        if (!code_unit(point) || (point >= 0xDC00 && point <= 0xDFFF)) return false;
        if (point >= 0xD800 && point <= 0xDBFF) {
            std::uint32_t low = 0;
            if (!take("\\u") || !code_unit(low) || low < 0xDC00 || low > 0xDFFF) return false;
            point = 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00);
        }
        if (into != nullptr) append_utf8(*into, point);
        return true;
    }

    bool code_unit(std::uint32_t& unit) {
        if (text_.size() - at_ < 4) return false;
        const char* const end = text_.data() + at_ + 4;
        const auto parsed = std::from_chars(text_.data() + at_, end, unit, 16);
        at_ += 4;
        return parsed.ec == std::errc() && parsed.ptr == end;
    }

    bool digits() {
        const auto start = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
        return at_ > start;
    }

    bool number() {
        take('-');
        if (!take('0') && !digits()) return false;
        if (take('.') && !digits()) return false;
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            return digits();
        }
        return true;
    }

    std::string_view text_;
    std::size_t at_{};
    int levels_max_;
    bool unique_names_;
    std::string error_{};
};

}  // namespace

void JsonWriter::separate() {
    if (comma_) out_ += ',';
    comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    out_ += bracket;
    comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    text(name);
    out_ += ':';
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
    separate();
    out_ += '"';
    std::size_t plain = 0;  // Start of what needs no escape and is appended at once.
    for (std::size_t at = 0; at < value.size(); ++at) {
        const auto byte = static_cast<unsigned char>(value[at]);
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F) continue;
        out_.append(value, plain, at - plain);
        append_escaped(out_, value[at]);
        plain = at + 1;
    }
    out_.append(value, plain);
    out_ += '"';
    return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
    separate();
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    out_.append(digits, end);
    return *this;
}

JsonWriter& JsonWriter::flag(bool value) {
    separate();
    out_ += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::null() {
    separate();
    out_ += "null";
    return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    const auto start = out_.size();
    out_ += json;
    // Within JSON a line break can only be insignificant, and an event must stay on one line.
    std::replace_if(
        out_.begin() + static_cast<std::ptrdiff_t>(start), out_.end(),
        [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return *this;
}

Result<std::vector<JsonField>, Unfit> parse_json_object(std::string_view text) {
    if (!valid_utf8(text)) return Unfit{"is not UTF-8"};
    std::vector<JsonField> fields;
    Scanner scanner(text, object_levels_max, true);
    if (!scanner.whole_object(fields)) return Unfit{scanner.error()};
    return fields;
}

Result<std::vector<JsonField>, Unfit> parse_json_array(std::string_view text, std::size_t most) {
    if (!valid_utf8(text)) return Unfit{"is not UTF-8"};
    std::vector<JsonField> items;
    Scanner scanner(text, object_levels_max, true);
    if (!scanner.whole_array(items, most)) return Unfit{scanner.error()};
    return items;
}

bool is_json(std::string_view text) {
    return valid_utf8(text) && Scanner(text, value_levels_max, false).whole_value();
}

bool is_json_type(std::string_view content_type) {
    auto type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    const auto name = lower(type);
    return name == "application/json" ||
           (name.ends_with("+json") && name.find('/') != std::string::npos);
}

}  // namespace gavel::api
