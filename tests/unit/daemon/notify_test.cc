#include "daemon/notify.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace gavel::daemon {
namespace {

using testing::StartsWith;
using namespace std::chrono_literals;

// Stands in for the service manager: hears what is sent to NOTIFY_SOCKET.
class Notify : public testing::Test {
protected:
    Notify() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
        ::unlink(path_.c_str());
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
    }
    ~Notify() override {
        ::unsetenv("NOTIFY_SOCKET");
        ::unsetenv("WATCHDOG_USEC");
        ::unsetenv("WATCHDOG_PID");
        ::close(socket_);
        ::unlink(path_.c_str());
    }
    std::string heard() {
        std::array<char, 1'024> buffer{};
        const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
        return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : "nothing";
    }

private:
    std::string path_ = testing::TempDir() + "gavel-notify-" + std::to_string(::getpid());
    int socket_;
};

TEST_F(Notify, TellsTheServiceManagerOfEachStage) {
    notify::extend_timeout(5s);
    EXPECT_EQ(heard(), "EXTEND_TIMEOUT_USEC=5000000");
    notify::ready("serving");
    EXPECT_EQ(heard(), "READY=1\nSTATUS=serving");
    notify::status("leader of 3");
    EXPECT_EQ(heard(), "STATUS=leader of 3");
    notify::reloading();
    EXPECT_THAT(heard(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
    notify::watchdog();
    EXPECT_EQ(heard(), "WATCHDOG=1");
    notify::stopping();
    EXPECT_EQ(heard(), "STOPPING=1\nSTATUS=stopping");
}

TEST_F(Notify, KeepsAStatusFromBeingReadAsAnAssignment) {
    notify::status("name\nMAINPID=1");

    EXPECT_EQ(heard(), "STATUS=name MAINPID=1");
}

TEST_F(Notify, SaysHowOftenTheWatchdogWantsToHear) {
    EXPECT_EQ(notify::watchdog_interval(), std::nullopt);

    ::setenv("WATCHDOG_USEC", "10000000", 1);
    EXPECT_EQ(notify::watchdog_interval(), 5s);

    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_EQ(notify::watchdog_interval(), std::nullopt) << "another process's watchdog";
}

TEST_F(Notify, DoesNothingWithoutAServiceManager) {
    ::unsetenv("NOTIFY_SOCKET");

    notify::ready("serving");

    EXPECT_EQ(heard(), "nothing");
}

}  // namespace
}  // namespace gavel::daemon
