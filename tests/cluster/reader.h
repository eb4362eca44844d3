#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/cluster.h"
#include "tests/cluster/examples.h"

namespace gavel::test {

// Runs the examples of a page against three members, as a reader would: one after the other, with
// what goes on until it is stopped in another terminal. All others end with 0, or with what the
// page says behind them by `$ echo $?`.
class Reader {
public:
    enum class Members { run, not_yet };  // The page may start them itself, in n1, n2 and n3.

    explicit Reader(Members members = Members::run);

    void read(const std::string& page, const std::string& heading);

    Cluster& cluster() { return cluster_; }
    // The first member leads, so that it is known who does.
    void let_the_first_lead();
    void let_a_fourth_vote();
    // What the page's text says that happens before this command.
    void before(const std::string& command, std::function<void(Cluster&)> happens) {
        before_[command] = std::move(happens);
    }

private:
    std::filesystem::path folder() const { return cluster_.folder(); }
    std::filesystem::path bin() const { return folder() / "bin"; }
    bool acquainted() const;
    std::string with_ports(std::string text) const;
    bool shows(const Example& example, const std::string& output);
    void run(const Example& example, const std::string& shown_code);
    int going_on() const;

    Cluster cluster_{3};
    int further_port_ = free_port();  // Those of a fourth member.
    int further_peer_port_ = free_port();
    Story story_{};
    std::string exports_{};
    std::size_t count_{};
    std::vector<Process> processes_{};
    std::vector<std::pair<Example, std::string>> running_{};
    std::map<std::string, std::function<void(Cluster&)>> before_{};
};

}  // namespace gavel::test
