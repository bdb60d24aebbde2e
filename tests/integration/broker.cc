#include "tests/integration/broker.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"

namespace once {

Broker::Broker(std::vector<std::string> flags)
    : dir_(absl::StrCat(::testing::TempDir(), "/once-broker-", ::getpid())), flags_(std::move(flags)) {
  const char* script = std::getenv("ONCE_TEST_BROKER");
  script_ = script == nullptr ? std::filesystem::absolute("../../docker/kafka/broker").string() : script;
}

bool Broker::script_found() const { return std::filesystem::exists(script_); }

std::string Broker::bootstrap_servers() const {
  const std::string label = "bootstrap_servers=";
  const size_t found = output_.find(label);
  if (found == std::string::npos) return "";
  const size_t begin = found + label.size();
  return output_.substr(begin, output_.find('\n', begin) - begin);
}

bool Broker::Run(const std::string& command) {
  std::vector<std::string> args = {script_, command, "--dir=" + dir_, "--port=0"};
  if (command == "start") {
    args.push_back("--heap=512m");
    args.insert(args.end(), flags_.begin(), flags_.end());
  }
  Process process(args, {}, dir_ + "." + command + ".log");
  const std::optional<ExitState> ended = process.Wait(absl::Seconds(180));
  output_ = process.Log();
  return ended.has_value() && ended->code == 0;
}

}  // namespace once
