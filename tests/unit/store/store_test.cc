// What the store keeps, trims and refuses. Faults of the disk and of the process are in crash_test.cc.
#include "store/store.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "../temporary_folder.h"
#include "store/compress.h"
#include "store/database.h"
#include "store/lock_file.h"
#include "store/migrations.h"

using namespace tidewatch;

namespace {

std::unique_ptr<Store> opened(const std::string& folder) {
  auto store = Store::open(folder);
  if (!store) FAIL(store.error().text);
  return std::move(*store);
}

StoredInput batch(const std::string& id, Instant at, std::string body = "rows") {
  StoredInput in;
  in.kind = StoredInput::Kind::batch;
  in.at = at;
  in.stream = "predictions";
  in.source = "http";
  in.batch_id = id;
  in.body = std::move(body);
  return in;
}

StoredInput tick(Instant at) {
  StoredInput in;
  in.at = at;
  return in;
}

StoredNotification notification(const std::string& key, Instant next_at) {
  StoredNotification n;
  n.key = key;
  n.notifier = "slack";
  n.payload = "{\"key\":\"" + key + "\"}";
  n.next_at = next_at;
  n.created_at = Instant{1};
  n.give_up_at = Instant{1000};
  return n;
}

Instant at_second(std::int64_t s) { return Instant{} + seconds(s); }

void run_sql(const std::string& file, const char* sql) {
  Database db;
  REQUIRE(db.open(file));
  const Done ran = db.run(sql);
  if (!ran) FAIL(ran.error().text);
}

}  // namespace

TEST_CASE("inputs come back in order with every field, after reopening too") {
  TemporaryFolder folder;
  std::string large;
  for (int i = 0; i < 100'000; ++i) large += static_cast<char>(i * 7 % 251);
  {
    auto store = opened(folder.path());
    Store::Commit commit;
    commit.inputs = {batch("b1", at_second(1), large), tick(at_second(2))};
    commit.inputs[0].offset = {"/var/log/a#1:7", 123, "4:abcd"};
    REQUIRE(store->commit(commit));
    CHECK(commit.inputs[0].seq == 1);
    CHECK(commit.inputs[1].seq == 2);
  }
  auto store = opened(folder.path());
  const auto inputs = store->inputs_after(0, 10);
  REQUIRE(inputs);
  REQUIRE(inputs->size() == 2);
  const StoredInput& first = (*inputs)[0];
  CHECK(first.kind == StoredInput::Kind::batch);
  CHECK(first.at == at_second(1));
  CHECK(first.stream == "predictions");
  CHECK(first.source == "http");
  CHECK(first.batch_id == "b1");
  CHECK(first.body == large);
  CHECK((*inputs)[1].kind == StoredInput::Kind::tick);
  CHECK((*inputs)[1].body.empty());
  const auto offsets = *store->offsets("/var/log/a");
  REQUIRE(offsets.size() == 1);
  CHECK(offsets[0].key == "/var/log/a#1:7");
  CHECK(offsets[0].offset == 123);
  CHECK(offsets[0].head == "4:abcd");
  CHECK(store->offsets("/var/log")->empty());
  CHECK(store->inputs_after(1, 10)->size() == 1);
  CHECK(store->inputs_after(0, 1)->size() == 1);
  CHECK(store->inputs_after(2, 10)->empty());
}

TEST_CASE("a batch id taken before is a conflict and nothing of its commit is written") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  Store::Commit first;
  first.inputs = {batch("b1", at_second(1))};
  REQUIRE(store->commit(first));
  CHECK(store->has_batch("predictions", "b1"));
  CHECK_FALSE(store->has_batch("labels", "b1"));

  Store::Commit second;
  second.inputs = {tick(at_second(2)), batch("b1", at_second(2))};
  second.journal.emplace_back();
  const Done got = store->commit(second);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ErrorCode::conflict);
  CHECK(got.error().text == "batch \"b1\" of stream \"predictions\" was already taken");
  CHECK(second.inputs[0].seq == 0);
  CHECK(store->inputs_after(0, 10)->size() == 1);
  CHECK(store->journal("", 10)->empty());

  Store::Commit unnamed;
  unnamed.inputs = {batch("", at_second(3)), batch("", at_second(3))};
  CHECK(store->commit(unnamed));
}

TEST_CASE("the journal is read newest first, of one monitor or of all") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  Store::Commit commit;
  for (int i = 0; i < 6; ++i) {
    StoredJournalRow row;
    row.at = at_second(i);
    row.monitor = i % 2 ? "errors" : "drift";
    row.labels = "{}";
    row.kind = "transition";
    row.from = "pending";
    row.to = "firing";
    row.severity_from = "none";
    row.severity_to = "critical";
    row.reason = "r" + std::to_string(i);
    row.evidence = "[1,2]";
    commit.journal.push_back(row);
  }
  REQUIRE(store->commit(commit));
  const auto all = store->journal("", 4);
  REQUIRE(all);
  REQUIRE(all->size() == 4);
  CHECK((*all)[0].reason == "r5");
  CHECK((*all)[3].reason == "r2");
  const auto errors = store->journal("errors", 10);
  REQUIRE(errors->size() == 3);
  CHECK((*errors)[0].reason == "r5");
  CHECK((*errors)[0].from == "pending");
  CHECK((*errors)[0].to == "firing");
  CHECK((*errors)[0].severity_from == "none");
  CHECK((*errors)[0].severity_to == "critical");
  CHECK((*errors)[0].evidence == "[1,2]");
  CHECK(store->journal("nothing", 10)->empty());
}

TEST_CASE("a notification is queued once, found when due and keeps what became of it") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  CHECK(*store->next_notification_at() == far_future);
  Store::Commit commit;
  commit.notifications = {notification("late", Instant{30}), notification("early", Instant{10})};
  REQUIRE(store->commit(commit));
  Store::Commit again;
  again.notifications = {notification("early", Instant{5})};
  again.notifications[0].payload = "other";
  REQUIRE(store->commit(again));
  CHECK(*store->next_notification_at() == Instant{10});
  CHECK(store->due_notifications(Instant{9}, 10)->empty());

  auto due = store->due_notifications(Instant{30}, 10);
  REQUIRE(due->size() == 2);
  StoredNotification early = (*due)[0];
  CHECK(early.key == "early");
  CHECK(early.payload == "{\"key\":\"early\"}");
  early.state = "sending";
  early.attempts = 1;
  early.next_at = Instant{20};
  early.last_result = "503";
  REQUIRE(store->update_notification(early));
  store.reset();

  store = opened(folder.path());  // died while sending: it is due again
  due = store->due_notifications(Instant{20}, 10);
  REQUIRE(due->size() == 1);
  CHECK((*due)[0].attempts == 1);
  CHECK((*due)[0].last_result == "503");
  CHECK((*due)[0].give_up_at == Instant{1000});
  early.state = "accepted";
  REQUIRE(store->update_notification(early));
  CHECK(*store->next_notification_at() == Instant{30});
  CHECK(store->notifications(1)->front().key == "early");
  early.id = 99;
  CHECK(store->update_notification(early).error().code == ErrorCode::not_found);
}

TEST_CASE("the newest two checkpoints are kept and a damaged one is skipped") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  CHECK_FALSE(store->newest_checkpoint()->has_value());
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    REQUIRE(store->checkpoint({seq, at_second(1), "pack", "core " + std::to_string(seq)}, Retention{}));
  }
  CHECK((*store->newest_checkpoint())->body == "core 3");
  store.reset();
  SECTION("a body that is not a frame") {
    run_sql(folder / "tidewatch.db", "UPDATE checkpoints SET body = x'00112233' WHERE seq = 3");
    CHECK((*opened(folder.path())->newest_checkpoint())->body == "core 2");
  }
  SECTION("a sound frame of the wrong bytes") {
    run_sql(folder / "tidewatch.db",
            "UPDATE checkpoints SET body = (SELECT body FROM checkpoints WHERE seq = 2) WHERE seq = 3");
    CHECK((*opened(folder.path())->newest_checkpoint())->seq == 2);
  }
  SECTION("both damaged, and the first long gone") {
    run_sql(folder / "tidewatch.db", "UPDATE checkpoints SET sha256 = ''");
    std::size_t damaged = 0;
    CHECK_FALSE(opened(folder.path())->newest_checkpoint(&damaged)->has_value());
    CHECK(damaged == 2);
  }
}

TEST_CASE("trimming keeps what the older checkpoint needs and batches within history") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  Store::Commit commit;
  for (int day = 0; day < 20; ++day) {
    commit.inputs.push_back(batch("b" + std::to_string(day), Instant{} + days(day)));
    commit.inputs.push_back(tick(Instant{} + days(day)));
  }
  REQUIRE(store->commit(commit));
  const Instant now = Instant{} + days(20);
  REQUIRE(store->checkpoint({30, now, "p", "a"}, Retention{}));
  CHECK(store->inputs_after(0, 100)->size() == 40);  // a single checkpoint might be the damaged one
  REQUIRE(store->checkpoint({36, now, "p", "b"}, Retention{}));

  const auto kept = store->inputs_after(0, 100);
  std::size_t ticks = 0, batches = 0;
  for (const StoredInput& in : *kept) {
    if (in.kind == StoredInput::Kind::tick) {
      ++ticks;
      CHECK(in.seq > 30);
    } else {
      ++batches;
      CHECK((in.seq > 30 || in.at >= now - days(7)));
    }
  }
  CHECK(ticks == 5);
  CHECK(batches == 7);
  CHECK_FALSE(store->has_batch("predictions", "b12"));
  CHECK(store->has_batch("predictions", "b13"));
  Store::Commit next;
  next.inputs = {tick(now)};
  REQUIRE(store->commit(next));
  CHECK(next.inputs[0].seq == 41);
}

TEST_CASE("a database of every earlier version is brought to the newest with everything in it, and works") {
  for (int version = 1; version < newest_schema_version(); ++version) {
    CAPTURE(version);
    TemporaryFolder folder;
    {
      Database db;
      REQUIRE(db.open(folder / "tidewatch.db"));
      REQUIRE(migrate(db, version));
      REQUIRE(*read_schema_version(db) == version);
      // What every version so far has; columns that came later are filled by their migrations.
      REQUIRE(
          db.run("INSERT INTO inputs(kind, at, stream, source, batch_id, body) VALUES(1, 5, 's', 'h', '', x'');"
                 "INSERT INTO journal(at, monitor, labels, kind, from_state, to_state, severity_from, severity_to, "
                 "reason, evidence) VALUES(5, 'p/m', '{}', 'transition', 'ok', 'firing', '', 'info', 'fired', '{}');"
                 "INSERT INTO outbox(key, notifier, payload, state, attempts, next_at, created_at, give_up_at, "
                 "last_result) VALUES('k', 'slack', '{}', 'queued', 0, 7, 1, 9, '');"
                 "INSERT INTO batch_ids(stream, batch_id, at) VALUES('s', 'b1', 5);"
                 "INSERT INTO settings VALUES('a', 'b')"));
      if (version < 3) REQUIRE(db.run("INSERT INTO offsets(key, offset) VALUES('/var/log/a.csv#66:7', 1234)"));
    }
    auto store = opened(folder.path());
    CHECK(store->schema_version() == newest_schema_version());
    CHECK(store->check_sound());
    REQUIRE(store->inputs_after(0, 10)->size() == 1);
    CHECK(store->inputs_after(0, 10)->front().at == Instant{5});
    CHECK(store->journal("p/m", 10)->front().reason == "fired");
    CHECK(store->due_notifications(Instant{7}, 10)->front().key == "k");
    CHECK(store->has_batch("s", "b1"));
    CHECK(*store->setting("a") == "b");
    if (version < 3) {
      const auto offsets = *store->offsets("/var/log/a.csv");
      REQUIRE(offsets.size() == 1);
      CHECK(offsets[0].key == "/var/log/a.csv#66:7");
      CHECK(offsets[0].offset == 1234);
    }
    Store::Commit next;
    next.inputs = {batch("b2", at_second(1)), tick(at_second(2))};
    next.inputs[0].offset = {"/var/log/a.csv#66:7", 2000, "3:abc"};
    next.checkpoint = StoredCheckpoint{0, at_second(2), "p", "core"};
    REQUIRE(store->commit(next));
    CHECK(store->offsets("/var/log/a.csv")->front().offset == 2000);
    CHECK((*store->newest_checkpoint())->seq == next.inputs[1].seq);
  }
}

TEST_CASE("a commit with a checkpoint is one: both are there or neither") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  Store::Commit first;
  first.inputs = {batch("b1", at_second(1))};
  first.checkpoint = StoredCheckpoint{0, at_second(1), "p", "one"};
  REQUIRE(store->commit(first));
  Store::Commit second;
  second.inputs = {tick(at_second(2)), batch("b1", at_second(2))};
  second.checkpoint = StoredCheckpoint{0, at_second(2), "p", "two"};
  REQUIRE_FALSE(store->commit(second));
  CHECK((*store->newest_checkpoint())->body == "one");
  CHECK(store->inputs_after(0, 10)->size() == 1);
  CHECK(store->drop_taken_ids(second) == 1);
  REQUIRE(store->commit(second));
  CHECK((*store->newest_checkpoint())->body == "two");
  CHECK((*store->newest_checkpoint())->seq == 3);
}

TEST_CASE("messages that are over and old journal rows go with their time; what waits and what is young stays") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  Store::Commit commit;
  for (int day = 0; day < 200; ++day) {
    StoredJournalRow row;
    row.at = Instant{} + days(day);
    row.monitor = "p/m";
    commit.journal.push_back(row);
    StoredNotification n;
    n.key = std::to_string(day);
    n.created_at = Instant{} + days(day);
    n.state = day % 2 ? "accepted" : "queued";
    commit.notifications.push_back(n);
  }
  commit.inputs = {tick(Instant{})};
  REQUIRE(store->commit(commit));
  const Instant now = Instant{} + days(200);
  for (std::uint64_t seq = 1; seq <= 2; ++seq) REQUIRE(store->checkpoint({seq, now, "p", "a"}, Retention{}));
  const auto journal = store->journal("", 1000);
  CHECK(journal->size() == 90);
  for (const auto& row : *journal) CHECK(row.at >= now - days(90));
  std::size_t over = 0, waiting = 0;
  const auto left = store->notifications(1000);
  for (const auto& n : *left) {
    (n.state == "queued" ? waiting : over) += 1;
    if (n.state != "queued") CHECK(n.created_at >= now - days(7));
  }
  CHECK(waiting == 100);
  CHECK(over == 4);
}

TEST_CASE("a key that a replay may offer again is not trimmed, however old") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  Store::Commit commit;
  StoredNotification n;
  n.key = "page";
  n.state = "accepted";
  n.created_at = Instant{} + days(5);
  commit.notifications.push_back(n);
  REQUIRE(store->commit(commit));
  REQUIRE(store->checkpoint({1, Instant{} + days(4), "p", "a"}, Retention{}));
  REQUIRE(store->checkpoint({2, Instant{} + days(100), "p", "b"}, Retention{}));
  CHECK(store->notifications(10)->size() == 1);  // a restart may fall back to the checkpoint before the page
  REQUIRE(store->checkpoint({3, Instant{} + days(101), "p", "c"}, Retention{}));
  CHECK(store->notifications(10)->empty());
}

TEST_CASE("migration numbers are 1, 2, 3 without gaps") {
  int expected = 1;
  for (const Migration& step : migrations()) CHECK(step.version == expected++);
  CHECK(newest_schema_version() == expected - 1);
  CHECK(newest_schema_version() >= 2);
}

TEST_CASE("a newer database is refused and left as it is") {
  TemporaryFolder folder;
  opened(folder.path()).reset();
  run_sql(folder / "tidewatch.db", "PRAGMA user_version = 99");
  const auto got = Store::open(folder.path());
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ErrorCode::conflict);
  CHECK(got.error().text.find("has schema version 99") != std::string::npos);
  CHECK(got.error().text.find("start a newer tidewatch") != std::string::npos);
}

TEST_CASE("a second opener is told the holder's pid, and may open once it has gone") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  const auto second = Store::open(folder.path());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(second.error().text.find("process " + std::to_string(getpid()) + " holds") != std::string::npos);
  store.reset();
  CHECK(Store::open(folder.path()));
}

TEST_CASE("a damaged file is named with its cure") {
  TemporaryFolder folder;
  SECTION("not a database at all") { std::ofstream(folder / "tidewatch.db") << std::string(8192, 'x'); }
  SECTION("pages overwritten") {
    {
      auto store = opened(folder.path());
      Store::Commit commit;
      for (int i = 0; i < 2000; ++i) commit.inputs.push_back(batch("id" + std::to_string(i), at_second(i)));
      REQUIRE(store->commit(commit));
    }
    std::fstream file(folder / "tidewatch.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096 * 30, '\x55');
  }
  const auto store = Store::open(folder.path());
  const Done got = store ? (*store)->check_sound() : Done(store.error());
  REQUIRE_FALSE(got);
  INFO(got.error().text);
  CHECK(got.error().code == ErrorCode::io);
  CHECK(got.error().text.find("tidewatch.db") != std::string::npos);
  CHECK(got.error().text.find("is damaged") != std::string::npos);
}

TEST_CASE("a folder that cannot be made or written is named") {
  CHECK(Store::open("/nonexistent/parent/state").error().text.find("creating the state folder") != std::string::npos);
  CHECK_FALSE(Store::open("/proc"));
}

TEST_CASE("settings are kept and replaced") {
  TemporaryFolder folder;
  auto store = opened(folder.path());
  CHECK(store->setting("pause")->empty());
  REQUIRE(store->set_setting("pause", "yes"));
  REQUIRE(store->set_setting("pause", "no"));
  CHECK(*store->setting("pause") == "no");
}

TEST_CASE("a frame with a flipped bit is an error, never other data") {
  std::string plain;
  for (int i = 0; i < 3000; ++i) plain += std::to_string(i * i);
  const std::string packed = compress(plain);
  CHECK(*decompress(packed) == plain);
  for (std::size_t i = 0; i < packed.size() * 8; i += 13) {
    std::string damaged = packed;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    const auto got = decompress(damaged);
    if (got && *got != plain) FAIL("bit " << i);
  }
  CHECK_FALSE(decompress("not a frame"));
}

TEST_CASE("versions of baselines are kept in order, and what is the newest already is not written again") {
  TemporaryFolder folder;
  CHECK(Store::open_beside(folder.path()).error().code == ErrorCode::not_found);
  auto store = opened(folder.path());
  StoredBaseline one;
  one.pack = "shop";
  one.name = "train";
  one.definition = "orders|train.csv";
  one.hash = "aa";
  one.rows = 630;
  one.from = at_second(1);
  one.to = at_second(9);
  one.at = at_second(100);
  one.how = "first seen";
  one.body = std::string(100'000, 'x');
  StoredBaseline other = one;
  other.hash = "bb";
  other.how = "pinned";
  const auto write = [](Store& to, StoredBaseline row) {
    Store::Commit commit;
    commit.baselines = {std::move(row)};
    REQUIRE(to.commit(commit));
    return commit.baselines[0].id;
  };
  const auto first = write(*store, one);
  CHECK(write(*store, one) == first);
  // Beside the engine that holds the lock.
  auto beside = Store::open_beside(folder.path());
  REQUIRE(beside);
  const auto second = write(**beside, other);
  CHECK(second > first);
  CHECK(write(*store, one) > second);  // back to the rows of before: a version of its own
  StoredBaseline elsewhere = one;
  elsewhere.definition = "orders|other.csv";
  CHECK(write(*store, elsewhere) > second);
  const auto all = *store->baselines("shop");
  REQUIRE(all.size() == 4);
  CHECK(all[0].definition == "orders|other.csv");
  CHECK(all[2].hash == "bb");
  CHECK(all[3].hash == "aa");
  CHECK(all[3].body.empty());
  CHECK(store->baselines("")->size() == 4);
  CHECK(store->baselines("other")->empty());
  const auto whole = *store->baseline(first);
  CHECK(whole.name == "train");
  CHECK(whole.rows == 630);
  CHECK(whole.from == at_second(1));
  CHECK(whole.to == at_second(9));
  CHECK(whole.at == at_second(100));
  CHECK(whole.how == "first seen");
  CHECK(whole.body == one.body);
  CHECK_FALSE(store->baseline(99));
  store.reset();
  run_sql(folder / "tidewatch.db", "PRAGMA user_version = 3");
  CHECK(Store::open_beside(folder.path()).error().text.find("schema version 3") != std::string::npos);
}
