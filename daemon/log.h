#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The member's diary: one line per event, with named fields. Never holds values of keys, nor tokens
// of access; control characters arrive escaped.
//
// A caller renders its line and puts it into a bounded queue; a thread of the log's own writes it,
// so that a stuck terminal, pipe or journal holds up nobody. Lines that find the queue full are
// dropped, and the next line written says how many were. Before start() and after stop() lines are
// written at once by the caller. Any thread may log.
namespace gavel::daemon::log {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class Format : std::uint8_t { text, json, journal };

std::string_view to_string(Level level);
std::string_view to_string(Format format);
std::optional<Level> level_from(std::string_view name);
std::optional<Format> format_from(std::string_view name);

// A name in snake_case and what it is; numbers and truth values stay such in JSON.
struct Field {
    std::string_view name{};
    std::string value{};
    bool quoted = true;

    Field(std::string_view field, std::string_view text) : name(field), value(text) {}
    Field(std::string_view field, const char* text) : name(field), value(text) {}
    Field(std::string_view field, const std::string& text) : name(field), value(text) {}
    Field(std::string_view field, bool truth)
        : name(field), value(truth ? "true" : "false"), quoted(false) {}
    template <std::integral Number>
    Field(std::string_view field, Number number)
        : name(field), value(std::to_string(number)), quoted(false) {}
};
using Fields = std::initializer_list<Field>;

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warning(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

void set_level(Level level);
Level level();

// Native to the journal when stderr is the journal, text on a terminal, JSON otherwise.
Format format_for_stderr();

void start(Format format, Level level);
// Writes what is queued and ends the thread.
void stop();

// How a line looks. Pure.
struct Line {
    std::chrono::system_clock::time_point time{};
    Level level{};
    std::string_view message{};
    std::span<const Field> fields{};
};
std::string render_text(const Line& line);
std::string render_json(const Line& line);
// NAME=value, as sd_journal_sendv takes them: MESSAGE, PRIORITY, and GAVEL_<NAME> for each field.
std::vector<std::string> render_journal(const Line& line);

}  // namespace gavel::daemon::log
