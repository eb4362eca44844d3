#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/command_line.h"
#include "daemon/bootstrap.h"
#include "daemon/recover.h"
#include "daemon/recovery.h"

namespace gavel::daemon {
namespace {

struct Texts {
    std::vector<std::string> data_dirs{};
    std::string backup{};
    std::string output = "text";
    std::string make_cluster{};
    std::string peer_address{};
    std::string name{};
    std::string accept_loss{};
};

std::optional<ConfigError> check(const RecoverOptions& options) {
    if (options.data_dirs.empty() != options.backup.has_value()) {
        return ConfigError{
            "either --data-dir, once for each directory that is left, or --backup "
            "(see gaveld recover --help)"};
    }
    if (options.backup && options.fill_gaps) {
        return ConfigError{"--fill-gaps goes with --data-dir: a backup has no log"};
    }
    if (options.data_dirs.size() > data_dirs_max) {
        return ConfigError{"--data-dir: at most " + std::to_string(data_dirs_max) + " of them"};
    }
    const bool nameless = std::ranges::any_of(options.data_dirs, &std::filesystem::path::empty);
    if (nameless || (options.make_cluster && options.make_cluster->empty())) {
        return ConfigError{"a directory has no name"};
    }
    if (options.name && !is_member_name(*options.name)) {
        return ConfigError{"--name: '" + *options.name +
                           "' is not right: 1 to 63 of a-z, 0-9 and '-'"};
    }
    if (options.make_cluster && !options.peer_address) {
        return ConfigError{
            "--make-cluster needs --peer-address: where other members will reach the new one"};
    }
    const bool for_making =
        options.peer_address || options.name || options.accept_loss || options.force;
    if (for_making && !options.make_cluster) {
        return ConfigError{
            "--peer-address, --name, --accept-loss and --force go with --make-cluster"};
    }
    return std::nullopt;
}

}  // namespace

Result<RecoverOptions, ConfigError> parse_recover_options(std::span<const std::string> arguments) {
    RecoverOptions options;
    Texts texts;
    CLI::App app(
        "gaveld recover: what surviving data directories know when a majority is lost for good, "
        "and a new\ncluster made from them. Looks only, unless --make-cluster is given; the given "
        "directories never\nchange. Step by step: docs/recovery.md");
    app.get_formatter()->column_width(44);
    app.add_option("--data-dir", texts.data_dirs,
                   "a surviving data directory, of a gaveld that is stopped; once for each")
        ->type_name("DIR")
        ->allow_extra_args(false);
    app.add_option("--backup", texts.backup,
                   "a file of gavel backup, instead of directories: when none is left")
        ->type_name("FILE");
    app.add_option("-o,--output", texts.output, "text or json [text]")->type_name("FORMAT");
    app.add_option("--make-cluster", texts.make_cluster,
                   "make a new cluster of one member, in this directory, which must be empty")
        ->type_name("DIR");
    app.add_option("--peer-address", texts.peer_address,
                   "where other members will reach the new one")
        ->type_name("HOST:PORT");
    app.add_option("--name", texts.name, "the new member's name [as in the best directory]")
        ->type_name("NAME");
    app.add_option("--accept-loss", texts.accept_loss,
                   "what is said to be lost may be lost, in this cluster")
        ->type_name("CLUSTER");
    app.add_option("--above", options.above,
                   "begin above this revision, too: one that the new cluster, or another one made "
                   "from the same directories, is known to have given out")
        ->type_name("REVISION")
        ->check(CLI::Range(std::uint64_t{0}, revision_max));
    app.add_flag("--fill-gaps", options.fill_gaps,
                 "execute accepted commands also behind slots of which nothing is known");
    app.add_flag("--force", options.force, "though somebody answers at an old member's address");
    try {
        parse_command_line(app, arguments);
    } catch (const CLI::CallForHelp&) {
        options.print = app.help("gaveld recover");
        return options;
    } catch (const CLI::ParseError& error) {
        return ConfigError{std::string(error.what()) + " (see gaveld recover --help)"};
    }
    if (texts.output != "text" && texts.output != "json") {
        return ConfigError{"-o: '" + texts.output + "' is not right: text or json"};
    }
    options.json = texts.output == "json";
    options.data_dirs.assign(texts.data_dirs.begin(), texts.data_dirs.end());
    if (app.count("--backup") > 0) options.backup = texts.backup;
    if (app.count("--make-cluster") > 0) options.make_cluster = texts.make_cluster;
    if (app.count("--name") > 0) options.name = texts.name;
    if (app.count("--accept-loss") > 0) options.accept_loss = texts.accept_loss;
    if (app.count("--peer-address") > 0) {
        auto address = parse_address(texts.peer_address);
        if (!address) return ConfigError{"--peer-address: " + address.error().what};
        options.peer_address = *address;
    }
    if (const auto error = check(options)) return *error;
    return options;
}

}  // namespace gavel::daemon
