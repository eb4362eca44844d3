#include <array>
#include <cstdio>
#include <ctime>

#include "daemon/log.h"

namespace gavel::daemon::log {
namespace {

constexpr std::size_t value_bytes_max = 1'024;  // A field that is longer is cut, and shows it.

std::string timestamp(std::chrono::system_clock::time_point time) {
    using std::chrono::milliseconds;
    const auto since = std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = static_cast<std::time_t>(since / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 80> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                  utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                  utc.tm_sec, static_cast<int>(since % 1000));
    return text.data();
}

// The length of the UTF-8 character at the start (RFC 3629, section 4); 0 when there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = lead == 0xED && byte(1) > 0x9F;
        return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const bool overlong = lead == 0xF0 && byte(1) < 0x90;
        const bool beyond = lead == 0xF4 && byte(1) > 0x8F;
        return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

// Control characters C0, DEL and C1: what could drive a terminal or forge a line.
bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return first < 0x20 || first == 0x7F;
    return character.size() == 2 && first == 0xC2 &&
           static_cast<unsigned char>(character[1]) < 0xA0;
}

void append_hex(std::string& out, const char* format, unsigned number) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), format, number);
    out += text.data();
}

// `json`: the escapes of RFC 8259; otherwise \xNN, so that every byte can still be told.
std::string escaped(std::string_view text, bool json) {
    std::string out;
    out.reserve(text.size());
    const bool cut = text.size() > value_bytes_max;
    if (cut) text = text.substr(0, value_bytes_max);
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, length == 0 ? 1 : length);
        const auto first = static_cast<unsigned char>(character[0]);
        text.remove_prefix(character.size());
        if (length == 0) {
            json ? out += "\\ufffd" : (append_hex(out, "\\x%02x", first), out);
        } else if (character == "\n") {
            out += "\\n";
        } else if (character == "\"" || character == "\\") {
            (out += '\\') += character;
        } else if (is_control(character)) {
            const unsigned code =
                character.size() == 1 ? first : static_cast<unsigned char>(character[1]) & 0xFFU;
            append_hex(out, json ? "\\u%04x" : "\\x%02x", code);
        } else {
            out += character;
        }
    }
    if (cut) out += "…";
    return out;
}

std::string text_value(const Field& field) {
    std::string value = escaped(field.value, false);
    const bool plain = !value.empty() && value.find_first_of(" \"=\\") == std::string::npos;
    return plain ? value : '"' + value + '"';
}

// What a person reads, without time and level.
std::string message_and_fields(const Line& line) {
    std::string text = escaped(line.message, false);
    for (const auto& field : line.fields) {
        ((text += ' ') += field.name) += '=';
        text += text_value(field);
    }
    return text;
}

int priority(Level level) {  // syslog's numbers, which the journal keeps.
    switch (level) {
        case Level::debug:
            return 7;
        case Level::info:
            return 6;
        case Level::warning:
            return 4;
        case Level::error:
            return 3;
    }
    return 6;
}

}  // namespace

std::string render_text(const Line& line) {
    std::string level(to_string(line.level));
    level.resize(7, ' ');
    return timestamp(line.time) + ' ' + level + ' ' + message_and_fields(line);
}

std::string render_json(const Line& line) {
    std::string json = R"({"time":")" + timestamp(line.time) + R"(","level":")";
    json += to_string(line.level);
    json += R"(","message":")" + escaped(line.message, true) + '"';
    for (const auto& field : line.fields) {
        ((json += ",\"") += field.name) += "\":";
        json += field.quoted ? '"' + escaped(field.value, true) + '"' : field.value;
    }
    return json + '}';
}

std::vector<std::string> render_journal(const Line& line) {
    std::vector<std::string> entries{"MESSAGE=" + message_and_fields(line),
                                     "PRIORITY=" + std::to_string(priority(line.level)),
                                     "SYSLOG_IDENTIFIER=gaveld"};
    for (const auto& field : line.fields) {
        std::string name = "GAVEL_";
        for (const char c : field.name) {
            name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        }
        entries.push_back(name + '=' + escaped(field.value, false));
    }
    return entries;
}

}  // namespace gavel::daemon::log
