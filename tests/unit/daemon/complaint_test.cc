#include "daemon/complaint.h"

#include <gtest/gtest.h>

namespace gavel::daemon {
namespace {

TEST(Complaint, IsOneLineWhateverItSays) {
    EXPECT_EQ(one_line("--name: 'a\nb\x1b[31m' is not right"),
              "--name: 'a\\nb\\x1b[31m' is not right");
    EXPECT_EQ(one_line("n\xC3\xA9"), "n\xC3\xA9");
    EXPECT_EQ(one_line("a\xC2\x9B"
                       "31mb\xC2\xA0"),
              "a\\xc2\\x9b31mb\xC2\xA0");
}

}  // namespace
}  // namespace gavel::daemon
