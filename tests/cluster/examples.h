#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// The examples of the project's pages: commands, and what the page says that they print. A command
// goes on in the next line behind a backslash; with <<'END' its input goes up to the line END.
namespace gavel::test {

struct Example {
    std::string command{};
    std::string shown{};  // Empty: the page does not say.
    std::size_t line{};
};

// Those of the section under `heading`, of the whole page without one.
std::vector<Example> examples(const std::string& page, const std::string& heading = "");

// Blocks without a command behind a $, each by its first line: what nobody runs.
std::vector<Example> blocks_without_command(const std::string& page);

// Compares what is shown with what is printed. In a page
//   …                     is anything,
//   a time, a request id, a client of host "web-1" (or -2, …), a duration with a fraction or in
//   milliseconds is any such,
//   the id of a cluster is any, and alike throughout the section,
//   the id of an event is a number, and any history,
//   a whole number from 2 on is one whose value may differ, but where the page has the same number
//   again it is the same one, and where the page has a larger one it is larger (versions,
//   positions, α, epochs and the numbers of members are themselves; who leads is anybody),
// and all else is itself, but for the width of columns and for lines broken before an indentation.
// Numbers of commands that nothing printed before are themselves.
class Story {
public:
    // The command with what the page's numbers turned out to be.
    std::string command(std::string_view shown);
    // Binds the page's numbers to the printed ones when it matches.
    bool matches(std::string_view shown, std::string_view printed);

    using Numbers = std::map<std::uint64_t, std::uint64_t>;

    // What is on the page, and what stands for it here.
    struct Bound {
        Numbers numbers{};
        std::map<std::string, std::string> clusters{};
    };

private:
    Bound bound_{};
    Numbers given_{};  // Numbers of commands, which are themselves.
};

}  // namespace gavel::test
