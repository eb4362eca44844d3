#include "daemon/manual.h"

#include <array>
#include <utility>

#include "base/manual_page.h"
#include "daemon/options.h"
#include "daemon/recover.h"
#include "daemon/settings.h"
#include "daemon/version.h"

namespace gavel::daemon {
namespace {

std::string sentence(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    }
    return text + (text.ends_with('.') ? "" : ".");
}

void write_options(ManualPage& page) {
    const Options defaults;
    for (const auto& setting : settings()) {
        const std::string standard = setting.show(defaults);
        const bool says = !setting.is_switch() && !standard.empty();
        page.item("--" + setting.name + (setting.is_switch() ? "" : " " + setting.type),
                  sentence(setting.help) + (says ? " Default: " + standard + "." : ""));
    }
    page.item("--config FILE", "A TOML file with any of these options.");
    page.item("--print-config", "Show each value and where it came from, then end.");
    page.item("--version", "Print the version and the format level, then end.");
    page.item("--help", "Print the options, then end.");
}

constexpr std::array exit_codes{
    std::pair("0", "A clean end."),
    std::pair("1", "The start failed, or recover refused."),
    std::pair("2", "A wrong option."),
    std::pair("70",
              "The storage failed, the state is not that of the others, or the data directory was "
              "set back in time."),
};

constexpr std::array signals{
    std::pair(
        "SIGTERM, SIGINT",
        "Hand leadership over, let requests finish, make the state durable, end. A second one "
        "ends at once, which is safe, too."),
    std::pair("SIGHUP", "Read the options again and take over the log level."),
};

}  // namespace

std::string manual() {
    ManualPage page({.name = "gaveld",
                     .section = 8,
                     .date = GAVEL_DATE,
                     .version = "gaveld " GAVEL_VERSION,
                     .summary = "a member of a Gavel cluster, the lock and configuration service"});
    page.section("SYNOPSIS");
    page.command("gaveld [OPTION...]");
    page.command("gaveld recover --data-dir DIR [OPTION...]");
    page.section("DESCRIPTION");
    page.paragraph(
        "A few gaveld processes keep one state, of sessions, locks and configuration keys, alike "
        "by "
        "multi-Paxos, and serve it over HTTP. Without any option it is a cluster of one on "
        "loopback. A data directory remembers who it is: later starts need only --data-dir and "
        "where to listen.");
    page.section("OPTIONS");
    page.paragraph(
        "Each stands on the command line (--peer-listen), in the environment (GAVELD_PEER_LISTEN) "
        "or in the file of --config (peer-listen = \"...\"), in this order of precedence. Sizes "
        "are "
        "written 64MiB, durations 250ms, 15s, 2m, 1h.");
    write_options(page);
    page.section("RECOVERY");
    page.lines(parse_recover_options(std::array{std::string("--help")})->print.value_or(""));
    page.section("SIGNALS");
    for (const auto& [name, text] : signals) page.item(name, text);
    page.section("EXIT STATUS");
    for (const auto& [code, text] : exit_codes) page.item(code, text);
    page.paragraph("A broken invariant aborts rather than answer wrongly.");
    page.section("ENVIRONMENT");
    page.item("GAVELD_...", "Options, see above.");
    page.item("STATE_DIRECTORY, XDG_STATE_HOME, HOME",
              "Where the data directory is unless --data-dir says: $STATE_DIRECTORY, else "
              "$XDG_STATE_HOME/gavel, else $HOME/.local/state/gavel.");
    page.section("FILES");
    page.item("/etc/default/gaveld", "Options of the service, as GAVELD_... variables.");
    page.item("/var/lib/gavel", "The data of the service.");
    page.section("SEE ALSO");
    page.paragraph("gavel(1)");
    return page.text();
}

}  // namespace gavel::daemon
