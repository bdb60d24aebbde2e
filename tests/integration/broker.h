// A broker of a test's own, through the script docker/kafka/broker, which $ONCE_TEST_BROKER names.
//
//   Broker broker({"--set=num.io.threads=2"});
//   ASSERT_TRUE(broker.script_found());
//   ASSERT_TRUE(broker.Start()) << broker.output();
//   Scene scene("name", broker.bootstrap_servers());
#ifndef ONCE_TESTS_INTEGRATION_BROKER_H_
#define ONCE_TESTS_INTEGRATION_BROKER_H_

#include <string>
#include <vector>

namespace once {

// Not thread-safe. One at a time in a process.
class Broker {
 public:
  // `flags` of the script's start.
  explicit Broker(std::vector<std::string> flags = {});
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker() { Run("stop"); }

  bool script_found() const;
  const std::string& script() const { return script_; }
  // Of the last command.
  const std::string& output() const { return output_; }

  // False if it did not; see output().
  bool Start() { return Run("start"); }
  bool Kill() { return Run("kill"); }

  // Of the last start; empty if it failed.
  std::string bootstrap_servers() const;

 private:
  bool Run(const std::string& command);

  const std::string dir_;
  const std::vector<std::string> flags_;
  std::string script_;
  std::string output_;
};

}  // namespace once

#endif  // ONCE_TESTS_INTEGRATION_BROKER_H_
