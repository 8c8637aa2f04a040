// Versions of baselines: what was pinned, learnt or first seen, and when. The newest version of a name and definition
// is the one in force; the others stay, because evidence names them by hash.
#include "store/compress.h"
#include "store/store_state.h"

namespace tidewatch {
namespace {

StoredBaseline read_baseline(const Statement& query) {
  StoredBaseline out;
  out.id = static_cast<std::uint64_t>(query.integer(0));
  out.pack = query.string(1);
  out.name = query.string(2);
  out.definition = query.string(3);
  out.hash = query.string(4);
  out.rows = static_cast<std::uint64_t>(query.integer(5));
  out.from = {query.integer(6)};
  out.to = {query.integer(7)};
  out.at = {query.integer(8)};
  out.how = query.string(9);
  return out;
}

}  // namespace

Done Store::write_baselines(std::vector<StoredBaseline>& baselines) {
  Statement newest(state_->database,
                   "SELECT id, hash FROM baselines WHERE pack = ? AND name = ? AND definition = ? ORDER BY id DESC");
  Statement insert(state_->database,
                   "INSERT INTO baselines(pack, name, definition, hash, rows, from_at, to_at, at, how, body) "
                   "VALUES(?,?,?,?,?,?,?,?,?,?)");
  for (StoredBaseline& b : baselines) {
    newest.text(1, b.pack).text(2, b.name).text(3, b.definition);
    auto row = newest.step();
    if (!row) return row.error();
    const bool is_known = *row && newest.string(1) == b.hash;
    if (is_known) b.id = static_cast<std::uint64_t>(newest.integer(0));
    newest.reset();
    if (is_known) continue;
    const std::string body = compress(b.body);
    insert.text(1, b.pack).text(2, b.name).text(3, b.definition).text(4, b.hash);
    insert.bind(5, static_cast<std::int64_t>(b.rows)).bind(6, b.from.ns).bind(7, b.to.ns).bind(8, b.at.ns);
    if (Done ran = insert.text(9, b.how).blob(10, body).run(); !ran) return ran;
    b.id = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(state_->database.handle()));
  }
  return done();
}

Result<std::vector<StoredBaseline>> Store::baselines(std::string_view pack) const {
  Statement query(state_->database,
                  "SELECT id, pack, name, definition, hash, rows, from_at, to_at, at, how FROM baselines "
                  "WHERE ?1 = '' OR pack = ?1 ORDER BY id DESC");
  query.text(1, pack);
  std::vector<StoredBaseline> out;
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return out;
    out.push_back(read_baseline(query));
  }
}

Result<StoredBaseline> Store::baseline(std::uint64_t id) const {
  Statement query(state_->database,
                  "SELECT id, pack, name, definition, hash, rows, from_at, to_at, at, how, body FROM baselines "
                  "WHERE id = ?");
  query.bind(1, static_cast<std::int64_t>(id));
  auto row = query.step();
  if (!row) return row.error();
  if (!*row) return not_found("there is no baseline version " + std::to_string(id));
  StoredBaseline out = read_baseline(query);
  auto body = decompress(query.string(10));
  if (!body) return body.error().within("reading baseline " + out.name);
  out.body = std::move(*body);
  return out;
}

}  // namespace tidewatch
