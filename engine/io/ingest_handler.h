// What a delivery of records looks like from outside: which format a request is in, what its answer says, and how a
// repeated delivery is recognised. The engine does the applying; nothing here touches the core.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/http_message.h"
#include "records/decode.h"

namespace tidewatch {

struct Delivery {
  std::string stream;    // as in the path
  std::string source;    // `?source=`, default "http"
  std::string batch_id;  // Idempotency-Key header or `?batch=`; "" when none
  BodyFormat format = BodyFormat::ndjson;
  std::string body;  // unpacked
};

// The request of POST /api/v1/records/STREAM as a delivery, or the 4xx to answer: 415 for an unknown type or encoding,
// 413 for a body that unfolds beyond `most`, 400 for a batch id above 200 bytes or two different ones.
struct DeliveryOrRefusal {
  Delivery delivery;
  std::optional<HttpResponse> refusal;
};
DeliveryOrRefusal read_delivery(HttpRequest request, std::size_t most);

// {"accepted", "rejected", "rejected_by": {reason: n}, "first_rejects": [{line, reason, detail}] (10 at most),
// "duplicate"}.
struct IngestAnswer {
  std::uint64_t accepted = 0, rejected = 0;
  std::map<std::string, std::uint64_t> rejected_by;
  std::vector<Rejected> first_rejects;
  bool duplicate = false;
  std::string json() const;
};

// Deliveries that were applied and are not known to be on disk. A sender who was told 503 sends again: with the same
// batch id, or with nothing but the same bytes. Either finds its ticket here and is answered for the first application
// instead of being applied again. A body without an id redeems its ticket once: sent a third time it is new data.
class IngestTickets {
 public:
  enum class State { committing, failed, committed };
  struct Ticket {
    State state = State::committing;
    IngestAnswer answer;
    bool has_id = false;
  };
  // By batch id when there is one, else by the bytes.
  static std::string key(const std::string& stream, const std::string& batch_id, const std::string& body);

  Ticket& put(const std::string& key, IngestAnswer answer, bool has_id);
  Ticket* find(const std::string& key);
  // False nearly always: the bytes of a body without an id need then not be hashed.
  bool holds_bodies() const { return bodies_ > 0; }
  void erase(const std::string& key);
  // Every failed ticket is on disk now.
  void all_committed();

 private:
  static constexpr std::size_t most_ = 10'000;
  std::map<std::string, Ticket> tickets_;
  std::size_t bodies_ = 0;  // tickets without an id
  std::deque<std::string> order_;
};

}  // namespace tidewatch
