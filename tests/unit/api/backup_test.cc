#include <gtest/gtest.h>

#include "tests/unit/api/desk.h"

namespace gavel::api {
namespace {

using testing::Desk;

TEST(BackupResource, SendsAPieceWhenTheOneBeforeHasLeft) {
    Desk desk;
    const auto written = desk.gateway.put("a", "v");

    const auto call = desk.get("/v1/backup");

    EXPECT_EQ(call->status(), 200U);
    EXPECT_EQ(call->field("Content-Type"), "application/vnd.gavel.backup");
    EXPECT_EQ(call->stream, "one") << "no more until it has been taken";
    EXPECT_EQ(desk.gateway.pieces_read, 1);
    ASSERT_EQ(desk.gateway.backups_asked.size(), 1U);
    EXPECT_EQ(desk.gateway.backups_asked[0], written) << "what was acknowledged is in it";

    call->events.on_drained();
    desk.take_mail();
    EXPECT_EQ(call->stream, "onetwo");
    EXPECT_FALSE(call->ended);
    call->events.on_drained();
    desk.take_mail();
    EXPECT_EQ(call->stream, "onetwothree");
    EXPECT_TRUE(call->ended);
    EXPECT_EQ(desk.gateway.backups_open, 0) << "it is closed at its end";
}

TEST(BackupResource, HasABoundedNumberUnderWay) {
    Desk desk;
    const auto one = desk.get("/v1/backup");
    const auto two = desk.get("/v1/backup");

    const auto three = desk.get("/v1/backup");
    EXPECT_EQ(three->status(), 503U);
    EXPECT_EQ(three->code(), "overloaded");

    one->events.on_gone();
    EXPECT_EQ(desk.gateway.backups_open, 1);
    EXPECT_EQ(desk.get("/v1/backup")->status(), 200U);
    EXPECT_EQ(two->stream, "one");
}

TEST(BackupResource, EndsEarlyWhenItCannotGoOn) {
    Desk desk;
    desk.gateway.backup_pieces = {"one", ""};
    const auto unreadable = desk.get("/v1/backup");
    unreadable->events.on_drained();
    desk.take_mail();
    EXPECT_TRUE(unreadable->ended);
    EXPECT_EQ(unreadable->stream, "one");

    desk.gateway.backup_pieces = {"one", "two", "three"};
    const auto slow = desk.get("/v1/backup");
    desk.pass(std::chrono::hours(1) - std::chrono::milliseconds(1));
    EXPECT_FALSE(slow->ended);
    desk.pass(std::chrono::milliseconds(1));
    EXPECT_TRUE(slow->ended) << "it holds pages of the state";
    EXPECT_EQ(desk.gateway.backups_open, 0);
}

TEST(BackupResource, NeedsNoLeaderWhenItMayBeStale) {
    Desk desk;
    EXPECT_EQ(desk.get("/v1/backup?consistency=stale")->status(), 200U);
    EXPECT_TRUE(desk.gateway.reads.empty());
    EXPECT_EQ(desk.gateway.backups_asked.at(0), 0U);

    desk.gateway.failure = Failure{Failure::Kind::no_leader};
    const auto call = desk.get("/v1/backup");
    EXPECT_EQ(call->status(), 503U);
    EXPECT_EQ(call->code(), "no-leader");
}

TEST(BackupResource, HasAHeadOfItsOwn) {
    Desk desk;
    const auto call = desk.ask(Method::head, "/v1/backup");
    EXPECT_EQ(call->status(), 200U);
    EXPECT_FALSE(call->streaming);
    EXPECT_TRUE(desk.gateway.backups_asked.empty());
}

}  // namespace
}  // namespace gavel::api
