#include "cli/manual.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "base/manual_page.h"
#include "cli/exit_code.h"

namespace gavel::cli {

namespace {

struct Entry {
    std::string_view term;
    std::string_view text;
};

constexpr std::array exit_codes{
    Entry{"0", "Done."},
    Entry{"1",
          "Of txn: a condition did not hold, so else was done. Of doctor: it found a problem."},
    Entry{"2", "Usage: an unknown command, a bad option."},
    Entry{"122", "The lock was lost while the command ran."},
    Entry{"123", "The lock is held by another (--no-wait)."},
    Entry{"124", "The time to wait passed before the lock was had."},
    Entry{
        "125",
        "Any other error, of a server or in reaching one; a --dry-run of what would not be done."},
    Entry{"126, 127", "The command cannot be executed; there is no such command."},
    Entry{"128+n", "Ended by signal n, the tool while it waited or the command."},
    Entry{"other", "The command's own, where one is run."},
};

constexpr std::array environment{
    Entry{"GAVEL_ENDPOINTS",
          "Where members listen, with commas between, unless --endpoint is given. Without either: "
          "http://127.0.0.1:7400."},
    Entry{"GAVEL_LOCK_NAME, GAVEL_LOCK_TOKEN",
          "The lock that --guard is about; gavel lock sets them for the command that it runs."},
    Entry{"GAVEL_AUTHOR",
          "Who changes what is changed, unless --author is given. Without either: the user's name "
          "and the host's. The cluster believes it."},
    Entry{"NO_COLOR", "If set and not empty, no colours (unless --color always)."},
    Entry{"TERM", "If dumb, no colours either."},
    Entry{"VISUAL, EDITOR", "What gavel edit starts; VISUAL is asked first, else vi."},
    Entry{"TMPDIR", "Where gavel edit keeps the value while it is edited."},
};

// What more there is to say of a command than its options do.
constexpr std::array notes{
    Entry{
        "lock",
        "Makes a session, waits for the lock in its queue, runs the command and undoes all of it "
        "afterwards. The command finds GAVEL_LOCK_NAME, GAVEL_LOCK_TOKEN (the fencing token) and "
        "GAVEL_SESSION in its environment. Keep-alives are sent every third of the TTL; when none "
        "was confirmed for half of it a message says that the lock is in jeopardy; when none was "
        "confirmed for three quarters of it the command gets TERM, at nine tenths KILL, so "
        "that it is gone before another can be granted the lock. What must never happen twice has "
        "to check the token where it happens."},
    Entry{
        "watch",
        "A stream that breaks is resumed at the next endpoint; nothing is shown twice and nothing "
        "left out. With --exec a command is run for each change instead of printing it, never "
        "two at once; one that fails ends the watch."},
    Entry{"txn",
          "If all conditions in \"if\" hold, what stands in \"then\" is done, else what stands in "
          "\"else\": all of it at one revision, or nothing. The exit code is 0 when then was done "
          "and 1 when else was."},
    Entry{"edit",
          "Fetches the value into a file that nobody else can read, starts the editor, and puts "
          "what it left only if the key has not been changed meanwhile. When that fails the file "
          "is kept, and its name is said. What is said to be JSON must be JSON."},
    Entry{"doctor",
          "Asks every endpoint and every member that these name. Each finding has a level, what is "
          "wrong, and what to do about it. The exit code is 0 when none of them is a problem, for "
          "warnings and notes break nothing, 1 when one is, and 125 when no member answers."},
    Entry{"backup",
          "Fetches a consistent copy of the whole state from one member, compares it with its "
          "digest, and only then gives the file its name. gaveld recover makes a new cluster from "
          "it."},
    Entry{"playground",
          "Runs gaveld, the one beside gavel or on PATH, in the foreground. Everything is removed "
          "when it ends."},
};

std::string_view note_on(std::string_view path) {
    const auto* found =
        std::find_if(notes.begin(), notes.end(), [&](const Entry& e) { return e.term == path; });
    return found == notes.end() ? "" : found->text;
}

std::string sentence(std::string text) {
    if (!text.empty() && text.back() != '.') text += '.';
    return text;
}

std::string lower_first(std::string text) {
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    }
    return text;
}

ManualPage begin_page(const std::string& name, const std::string& summary) {
    return ManualPage({.name = name,
                       .date = GAVEL_DATE,
                       .version = "gavel " GAVEL_VERSION,
                       .summary = lower_first(summary)});
}

std::string term_of(const Parameter& parameter) {
    if (parameter.is_positional()) return parameter.value;
    std::string term;
    for (const auto& flag : parameter.flags) term += (term.empty() ? "" : ", ") + flag;
    return term + (parameter.value.empty() ? "" : " " + parameter.value);
}

void write_parameters(ManualPage& page, const CommandNode& command, bool with_help) {
    for (const auto* list : {&command.arguments, &command.options}) {
        for (const auto& parameter : *list) {
            const bool is_help = !parameter.flags.empty() && parameter.flags.back() == "--help";
            if (is_help && !with_help) continue;
            std::string text = sentence(parameter.help);
            if (parameter.is_positional() && !parameter.choices.empty()) {
                text += " One of:";
                for (const auto& choice : parameter.choices) text += " " + choice;
                text += ".";
            }
            page.item(term_of(parameter), text);
        }
    }
}

void write_command(ManualPage& page, const CommandNode& command) {
    page.paragraph(sentence(command.help));
    if (const auto note = note_on(command.path); !note.empty()) page.paragraph(note);
    if (!command.footer.empty()) page.lines(command.footer);
    write_parameters(page, command, false);
}

void write_synopsis(ManualPage& page, const CommandNode& command) {
    if (command.commands.empty()) page.command("gavel " + synopsis(command));
    for (const auto& nested : command.commands) page.command("gavel " + synopsis(nested));
}

NamedPage page_on(const CommandNode& command) {
    const std::string name = "gavel-" + command.name();
    auto page = begin_page(name, command.help);
    page.section("SYNOPSIS");
    write_synopsis(page, command);
    page.section("DESCRIPTION");
    write_command(page, command);
    for (const auto& nested : command.commands) {
        page.subsection("gavel " + synopsis(nested));
        write_command(page, nested);
    }
    page.section("SEE ALSO");
    page.paragraph(
        "gavel(1) for the options of every command, for the environment and the exit "
        "codes; gaveld(8).");
    return {name + ".1", page.text()};
}

NamedPage page_on_all(const CommandNode& tree) {
    auto page = begin_page("gavel", "locks and configuration, kept by a cluster of gaveld");
    page.section("SYNOPSIS");
    page.command("gavel [OPTION...] COMMAND [ARGUMENT...]");
    page.section("DESCRIPTION");
    page.paragraph(
        "gavel is a client of gaveld's HTTP API and of nothing else. Any member answers anything, "
        "so "
        "one endpoint is enough; with several, the next is tried when one refuses the connection, "
        "breaks it, is silent, or has no leader to ask. Data goes to standard output, messages to "
        "standard error. An error is one line with the server's code, the detail, and the id of "
        "the "
        "request to look for in the server's log.");
    page.section("COMMANDS");
    for (const auto& command : tree.commands) {
        page.item("gavel-" + command.name() + "(1)", sentence(command.help));
    }
    page.section("OPTIONS");
    page.paragraph("Of every command, before or behind it.");
    write_parameters(page, tree, true);
    page.section("EXIT STATUS");
    for (const auto& [code, text] : exit_codes) page.item(code, text);
    page.section("ENVIRONMENT");
    for (const auto& [name, text] : environment) page.item(name, text);
    page.section("SEE ALSO");
    page.paragraph("gaveld(8)");
    return {"gavel.1", page.text()};
}

}  // namespace

std::vector<NamedPage> manual_pages(const CommandNode& tree) {
    std::vector<NamedPage> pages{page_on_all(tree)};
    for (const auto& command : tree.commands) pages.push_back(page_on(command));
    return pages;
}

int write_manual(const CommandNode& tree, const std::filesystem::path& folder) {
    for (const auto& page : manual_pages(tree)) {
        std::ofstream out(folder / page.file, std::ios::trunc);
        out << page.text << std::flush;
        if (!out) return exit_error;
    }
    return exit_success;
}

}  // namespace gavel::cli
