// A connection whose records come to grief as a broker's do: some time after they were sent, reported between calls,
// and with the transaction that they were in.
//
//   Unkindness broker;
//   options.wrap_client = [&](auto client) { return WrapUnkindly(std::move(client), &broker); };
//   TopologyTestDriver driver(Build, options);
//   broker.denied["customer-totals"] = "TOPIC_AUTHORIZATION_FAILED";
#ifndef ONCE_TESTS_DRIVER_UNKIND_CLIENT_H_
#define ONCE_TESTS_DRIVER_UNKIND_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "processor/kafka/kafka.h"

namespace once {

struct Unkindness {
  // What is done to records from now on, by topic.
  std::map<std::string, std::string> denied;  // They fail with this code; it is not the record's fault.
  std::map<std::string, size_t> max_bytes;    // Of key and value; larger ones are refused.
  // The report is there as soon as the record was sent, before a flush; further records then answer _STATE.
  bool early = false;
  // What was asked for so far.
  int64_t producers = 0;
  int64_t begun = 0;
  int64_t aborts = 0;
};

// `broker` must outlive the client and all that it made.
std::unique_ptr<kafka::Client> WrapUnkindly(std::unique_ptr<kafka::Client> client, Unkindness* broker);

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_UNKIND_CLIENT_H_
