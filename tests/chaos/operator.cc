// What chaos does to the cluster as its operator would: rights taken away and given back, topics' settings changed.
//   operator BOOTSTRAP_SERVERS deny topic|group|transactional_id NAME USER write|read
//   operator BOOTSTRAP_SERVERS allow topic|group|transactional_id NAME
//   operator BOOTSTRAP_SERVERS set TOPIC [SETTING=VALUE...]
// `deny` denies one operation to one user; of transactional ids, those that begin with NAME. `allow` takes back all
// that was denied there. `set` leaves the topic with these settings of its own and no others. Exit codes: 0 done, 1
// refused or no answer (do it again), 2 impossible.
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kDone = 0, kAgain = 1, kImpossible = 2;
constexpr int kAnswerMs = 15'000;

[[noreturn]] void End(int code, const char* why) {
  std::fprintf(stderr, "operator: %s\n", why);
  std::exit(code);
}

struct Resource {
  rd_kafka_ResourceType_t type;
  rd_kafka_ResourcePatternType_t pattern;
};

Resource ResourceOf(std::string_view name) {
  if (name == "topic") return {RD_KAFKA_RESOURCE_TOPIC, RD_KAFKA_RESOURCE_PATTERN_LITERAL};
  if (name == "group") return {RD_KAFKA_RESOURCE_GROUP, RD_KAFKA_RESOURCE_PATTERN_LITERAL};
#if RD_KAFKA_VERSION >= 0x02020000
  if (name == "transactional_id") return {RD_KAFKA_RESOURCE_TRANSACTIONAL_ID, RD_KAFKA_RESOURCE_PATTERN_PREFIXED};
#endif
  End(kImpossible, "this librdkafka knows no rights on such a resource");
}

class Operator {
 public:
  explicit Operator(const char* bootstrap_servers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char error[512];
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap_servers, error, sizeof(error)) != RD_KAFKA_CONF_OK) {
      End(kImpossible, error);
    }
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (rk_ == nullptr) End(kImpossible, error);
  }

  // A resource that has any rule allows only what its rules allow, so one that allows all goes along.
  int Deny(const Resource& resource, const char* name, const std::string& user, rd_kafka_AclOperation_t operation) {
    rd_kafka_AclBinding_t* rules[] = {
        Rule(resource, name, "User:*", RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW),
        Rule(resource, name, ("User:" + user).c_str(), operation, RD_KAFKA_ACL_PERMISSION_TYPE_DENY)};
    return Call(
        RD_KAFKA_ADMIN_OP_CREATEACLS,
        [&](auto* options, auto* queue) { rd_kafka_CreateAcls(rk_, rules, 2, options, queue); },
        [](rd_kafka_event_t* event) {
          size_t count = 0;
          const rd_kafka_acl_result_t** const results =
              rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &count);
          for (size_t i = 0; i < count; ++i) {
            const rd_kafka_error_t* const refused = rd_kafka_acl_result_error(results[i]);
            if (refused != nullptr) return std::string(rd_kafka_error_string(refused));
          }
          return std::string();
        });
  }

  int Allow(const Resource& resource, const char* name) {
    char error[512];
    rd_kafka_AclBindingFilter_t* filter = rd_kafka_AclBindingFilter_new(
        resource.type, name, resource.pattern, nullptr, nullptr, RD_KAFKA_ACL_OPERATION_ANY,
        RD_KAFKA_ACL_PERMISSION_TYPE_ANY, error, sizeof(error));
    if (filter == nullptr) End(kImpossible, error);
    return Call(
        RD_KAFKA_ADMIN_OP_DELETEACLS,
        [&](auto* options, auto* queue) { rd_kafka_DeleteAcls(rk_, &filter, 1, options, queue); },
        [](rd_kafka_event_t* event) {
          size_t count = 0;
          const rd_kafka_DeleteAcls_result_response_t** const results =
              rd_kafka_DeleteAcls_result_responses(rd_kafka_event_DeleteAcls_result(event), &count);
          const rd_kafka_error_t* const refused =
              count == 0 ? nullptr : rd_kafka_DeleteAcls_result_response_error(results[0]);
          return std::string(refused == nullptr ? "" : rd_kafka_error_string(refused));
        });
  }

  int Set(const char* topic, const std::vector<std::string>& settings) {
    rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (const std::string& setting : settings) {
      const size_t at = setting.find('=');
      if (at == std::string::npos) End(kImpossible, "a setting is given as SETTING=VALUE");
      rd_kafka_ConfigResource_set_config(resource, setting.substr(0, at).c_str(), setting.substr(at + 1).c_str());
    }
    return Call(
        RD_KAFKA_ADMIN_OP_ALTERCONFIGS,
        [&](auto* options, auto* queue) { rd_kafka_AlterConfigs(rk_, &resource, 1, options, queue); },
        [](rd_kafka_event_t* event) {
          size_t count = 0;
          const rd_kafka_ConfigResource_t** const results =
              rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
          if (count == 0 || rd_kafka_ConfigResource_error(results[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return std::string();
          }
          const char* const text = rd_kafka_ConfigResource_error_string(results[0]);
          return std::string(text != nullptr ? text : rd_kafka_err2str(rd_kafka_ConfigResource_error(results[0])));
        });
  }

 private:
  using Request = std::function<void(rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>;

  static rd_kafka_AclBinding_t* Rule(const Resource& resource, const char* name, const char* user,
                                     rd_kafka_AclOperation_t operation, rd_kafka_AclPermissionType_t permission) {
    char error[512];
    rd_kafka_AclBinding_t* rule = rd_kafka_AclBinding_new(resource.type, name, resource.pattern, user, "*", operation,
                                                          permission, error, sizeof(error));
    if (rule == nullptr) End(kImpossible, error);
    return rule;
  }

  // `failure_of` finds what was refused in the answer; empty: nothing.
  int Call(rd_kafka_admin_op_t operation, const Request& request,
           const std::function<std::string(rd_kafka_event_t*)>& failure_of) {
    rd_kafka_queue_t* const queue = rd_kafka_queue_new(rk_);
    request(rd_kafka_AdminOptions_new(rk_, operation), queue);
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, kAnswerMs);
    if (event == nullptr) End(kAgain, "no answer");
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) End(kAgain, rd_kafka_event_error_string(event));
    const std::string failure = failure_of(event);
    if (!failure.empty()) End(kAgain, failure.c_str());
    return kDone;
  }

  rd_kafka_t* rk_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() >= 3) {
    Operator op(words[0].c_str());
    if (words[1] == "deny" && words.size() == 6) {
      const auto operation = words[5] == "read" ? RD_KAFKA_ACL_OPERATION_READ : RD_KAFKA_ACL_OPERATION_WRITE;
      return op.Deny(ResourceOf(words[2]), words[3].c_str(), words[4], operation);
    }
    if (words[1] == "allow" && words.size() == 4) return op.Allow(ResourceOf(words[2]), words[3].c_str());
    if (words[1] == "set") return op.Set(words[2].c_str(), {words.begin() + 3, words.end()});
  }
  End(kImpossible, "see the beginning of operator.cc for what it takes");
}
