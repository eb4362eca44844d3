#pragma once

#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/context.h"

namespace gavel::cli {

// Rows under headings, columns as wide as they need to be, two spaces between them.
class Table {
public:
    explicit Table(std::vector<std::string> headings);
    void add(std::vector<std::string> cells);
    void print(std::ostream& out, bool color) const;

private:
    std::vector<std::vector<std::string>> rows_;
};

struct Column {
    std::string heading;
    std::function<std::string(const nlohmann::json&)> cell;
};

// A column that shows one member as it is.
Column column(std::string heading, std::string member);

// A list in the format asked for: a table with `columns`; one array; one item a line; or the member
// `name` of each item, one a line.
void print_list(const Context& context, const nlohmann::json& items,
                const std::vector<Column>& columns, const std::string& name);

// One document, indented for json and on one line for jsonl.
void print_json(const Context& context, const nlohmann::json& document);

// A member as text: strings bare, absent and null ones empty, the rest as JSON.
std::string text_of(const nlohmann::json& object, const std::string& member);

// A config value for one cell of a table.
std::string value_cell(const nlohmann::json& item, std::size_t columns);

}  // namespace gavel::cli
