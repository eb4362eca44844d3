#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/context.h"

namespace gavel::cli {

struct Cell {
    Cell(std::string shown = {}, Tone its_tone = Tone::plain)
        : text(std::move(shown)), tone(its_tone) {}
    Cell(const char* shown) : text(shown) {}

    std::string text;
    Tone tone = Tone::plain;
};

// Rows under headings, columns as wide as they need to be, two spaces between them.
class Table {
public:
    explicit Table(const std::vector<std::string>& headings);
    void add(std::vector<Cell> cells);
    void print(std::ostream& out, bool color) const;

private:
    std::vector<std::vector<Cell>> rows_;
};

struct Column {
    std::string heading;
    std::function<std::string(const nlohmann::json&)> cell;
    std::function<Tone(const std::string&)> tone{};  // Of what the cell has; none: plain.
};

// A column that shows one member as it is.
Column column(std::string heading, std::string member,
              std::function<Tone(const std::string&)> tone = {});

// A list in the format asked for: a table with `columns`; one array; one item a line; or the member
// `name` of each item, one a line.
void print_list(const Context& context, const nlohmann::json& items,
                const std::vector<Column>& columns, const std::string& name);

// One document, indented for json and on one line for jsonl.
void print_json(const Context& context, const nlohmann::json& document);

// A member as text: strings bare, absent and null ones empty, the rest as JSON.
std::string text_of(const nlohmann::json& object, const std::string& member);

// How much is shown of a config value: in a table it stands beside other columns.
constexpr std::size_t value_columns_in_table = 40;
constexpr std::size_t value_columns_in_line = 60;

// A config value for one cell of a table.
std::string value_cell(const nlohmann::json& item, std::size_t columns);

}  // namespace gavel::cli
