#include "cli/render.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "cli/text.h"

namespace gavel::cli {

namespace {

std::string dump(const nlohmann::json& document, int indent) {
    // A name that is not UTF-8 must not end the program.
    return document.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Table::Table(const std::vector<std::string>& headings)
    : rows_{std::vector<Cell>(headings.begin(), headings.end())} {
    for (auto& cell : rows_.front()) cell.tone = Tone::heading;
}

void Table::add(std::vector<Cell> cells) {
    for (auto& cell : cells) cell.text = printable(cell.text);
    cells.resize(rows_.front().size());
    rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out, bool color) const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i].text));
        }
    }
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            // The width is that of the text: what paints it takes no room.
            line += painted(row[i].text, row[i].tone, color);
            line.append(widths[i] - width(row[i].text) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << line << '\n';
    }
}

Column column(std::string heading, std::string member,
              std::function<Tone(const std::string&)> tone) {
    return {
        std::move(heading),
        [member = std::move(member)](const nlohmann::json& item) { return text_of(item, member); },
        std::move(tone)};
}

void print_list(const Context& context, const nlohmann::json& items,
                const std::vector<Column>& columns, const std::string& name) {
    if (context.format == Format::json) return print_json(context, items);
    if (context.format == Format::table) {
        std::vector<std::string> headings;
        for (const auto& column : columns) headings.push_back(column.heading);
        Table table(headings);
        for (const auto& item : items) {
            std::vector<Cell> cells;
            for (const auto& column : columns) {
                std::string text = column.cell(item);
                const Tone tone = column.tone ? column.tone(text) : Tone::plain;
                cells.emplace_back(std::move(text), tone);
            }
            table.add(std::move(cells));
        }
        return table.print(context.out, context.color);
    }
    for (const auto& item : items) {
        context.out << (context.format == Format::jsonl ? dump(item, -1) : text_of(item, name))
                    << '\n';
    }
}

void print_json(const Context& context, const nlohmann::json& document) {
    context.out << dump(document, context.format == Format::json ? 2 : -1) << std::endl;
}

std::string text_of(const nlohmann::json& object, const std::string& member) {
    if (!object.is_object()) return {};
    const auto found = object.find(member);
    if (found == object.end() || found->is_null()) return {};
    return found->is_string() ? found->get<std::string>() : dump(*found, -1);
}

std::string value_cell(const nlohmann::json& item, std::size_t columns) {
    const std::string text = text_of(item, "value");
    if (text_of(item, "encoding") == "base64") {
        const auto padding = std::count(text.begin(), text.end(), '=');
        const auto bytes = static_cast<std::ptrdiff_t>(text.size() / 4 * 3) - padding;
        return "(" + std::to_string(bytes) + " bytes)";
    }
    return shorten(printable(text), columns);
}

}  // namespace gavel::cli
