// A Java client's client.properties as it is written for real clusters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/app/kafka_properties.h"
#include "processor/config/config.h"
#include "processor/config/options.h"

namespace once {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class JavaFileTest : public ::testing::Test {
 protected:
  JavaFileTest() : dir_(absl::StrCat(::testing::TempDir(), "/once-java-", getpid())) {
    std::filesystem::create_directories(dir_);
  }
  ~JavaFileTest() override { std::filesystem::remove_all(dir_); }

  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }

  Config Load(const std::string& text, std::vector<std::string> args = {},
              std::map<std::string, std::string> environment = {}) {
    ConfigInputs inputs;
    inputs.args = std::move(args);
    inputs.args.push_back("--kafka_properties=" + File("client.properties", text));
    inputs.environment = std::move(environment);
    inputs.known_property = IsKafkaProperty;
    inputs.check_property = CheckKafkaProperty;
    inputs.is_secret = IsSecretKafkaProperty;
    inputs.takes_file = TakesKafkaPropertyFile;
    inputs.canonical = CanonicalKafkaProperty;
    inputs.from_java = KafkaPropertyFromJava;
    return Config::Load(inputs);
  }

  std::string Mistakes(const std::string& text) { return std::string(Load(text).CheckValues().message()); }

  const std::string dir_;
};

TEST_F(JavaFileTest, WhatLibrdkafkaSharesIsTaken) {
  const Config config = Load(
      "bootstrap.servers=k1:9093,\\\n  k2:9093\nsecurity.protocol: SASL_SSL\nsasl.mechanism SCRAM-SHA-512\n"
      "sasl.username=orders\nsasl.password=a\\u0020b\\=c\nssl.endpoint.identification.algorithm=\nlinger.ms=7\n");
  EXPECT_TRUE(config.CheckValues().ok()) << config.CheckValues();
  EXPECT_EQ(config.Get("bootstrap_servers", ""), "k1:9093,k2:9093");
  const std::map<std::string, std::string> properties = config.kafka_properties();
  EXPECT_THAT(properties, Contains(Pair("security.protocol", "SASL_SSL")));
  EXPECT_THAT(properties, Contains(Pair("sasl.mechanism", "SCRAM-SHA-512")));
  EXPECT_THAT(properties, Contains(Pair("sasl.password", "a b=c")));
  EXPECT_THAT(properties, Contains(Pair("ssl.endpoint.identification.algorithm", "none")));
  EXPECT_THAT(properties, Contains(Pair("linger.ms", "7")));
  EXPECT_FALSE(properties.contains("bootstrap.servers"));
}

TEST_F(JavaFileTest, EverythingElseCountsBeforeIt) {
  const std::string text = "bootstrap.servers=of-java:1\nlinger.ms=1\nsasl.password=of-java\nsasl.username=u\n";
  EXPECT_EQ(Load(text, {"--bootstrap_servers=of-flag:1"}).Get("bootstrap_servers", ""), "of-flag:1");
  EXPECT_EQ(Load(text, {}, {{"ONCE_BOOTSTRAP_SERVERS", "of-env:1"}}).Get("bootstrap_servers", ""), "of-env:1");
  const std::string file = File("c", "once.bootstrap.servers=of-file:1\nlinger.ms=2\n");
  const Config config = Load(text, {"--config=" + file}, {{"KAFKA_SASL_PASSWORD_FILE", File("secret", "of-secret\n")}});
  EXPECT_TRUE(config.CheckValues().ok()) << config.CheckValues();
  EXPECT_EQ(config.Get("bootstrap_servers", ""), "of-file:1");
  const std::map<std::string, std::string> properties = config.kafka_properties();
  EXPECT_EQ(properties.at("linger.ms"), "2");
  // A file of a secret is another way to say the secret.
  EXPECT_TRUE(properties.contains("sasl.password.file"));
  EXPECT_FALSE(properties.contains("sasl.password"));
}

TEST_F(JavaFileTest, AnAliasIsTheSameProperty) {
  const std::string text = "sasl.mechanism=PLAIN\ncompression.type=gzip\nlinger.ms=1\nacks=all\n";
  const std::string file =
      File("c", "sasl.mechanisms=SCRAM-SHA-256\ncompression.codec=lz4\nrequest.required.acks=-1\n");
  const Config config =
      Load(text, {"--config=" + file, "--kafka.queue.buffering.max.ms=3"}, {{"KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"}});
  EXPECT_TRUE(config.CheckValues().ok()) << config.CheckValues();
  EXPECT_THAT(config.kafka_properties(),
              UnorderedElementsAre(Pair("sasl.mechanism", "SCRAM-SHA-512"), Pair("compression.codec", "lz4"),
                                   Pair("request.required.acks", "-1"), Pair("queue.buffering.max.ms", "3")));
  EXPECT_THAT(Mistakes("sasl.mechanism=PLAIN\nsasl.mechanisms=PLAIN\n"), HasSubstr("says the same; remove one"));
}

TEST_F(JavaFileTest, SettingsReplaceWhatTheProgramBringsByWhicheverName) {
  std::map<std::string, std::string> properties = {
      {"sasl.mechanism", "PLAIN"}, {"sasl.password", "x"}, {"linger.ms", "1"}};
  MergeKafkaProperties({{"sasl.mechanisms", "SCRAM-SHA-256"}, {"sasl.password.file", "/s"}}, &properties);
  EXPECT_THAT(properties, UnorderedElementsAre(Pair("sasl.mechanisms", "SCRAM-SHA-256"),
                                               Pair("sasl.password.file", "/s"), Pair("linger.ms", "1")));
}

TEST_F(JavaFileTest, ItMayBeNamedInTheFileOfSettings) {
  const std::string java = File("j", "linger.ms=9\n");
  ConfigInputs inputs;
  inputs.args = {"--config=" + File("c", "once.kafka.properties=" + java + "\n")};
  EXPECT_THAT(Config::Load(inputs).kafka_properties(), Contains(Pair("linger.ms", "9")));
}

TEST_F(JavaFileTest, WhatOnlyJavaHasIsRefusedAllAtOnceWithWhatToWriteInstead) {
  const std::map<std::string, std::string> expected = {
      {"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required password=\"x\";",
       "sasl.password.file=FILE"},
      {"ssl.truststore.location=/t.jks", "ssl.ca.location=ca.pem, made by: keytool"},
      {"ssl.truststore.password=x", "PEM"},
      {"ssl.keystore.type=JKS", "PKCS#12"},
      {"sasl.login.callback.handler.class=a.B", "sasl.oauthbearer.method=oidc"},
      {"key.deserializer=a.B", "the topology's codecs"},
      {"value.serializer=a.B", "the topology's codecs"},
      {"max.poll.records=5", "max_epoch_records"},
      {"receive.buffer.bytes=5", "socket.receive.buffer.bytes"},
      {"num.stream.threads=5", "--workers"},
      {"max.request.size=5", "message.max.bytes"},
      {"fetch.max.wait.ms=5", "fetch.wait.max.ms"},
      {"sasl.oauthbearer.jwt.validator.class=a.B", "the brokers' to check tokens"},
      {"sasl.oauthbearer.jwt.retriever.class=a.B", "sasl.oauthbearer.method=oidc"},
      {"ssl.allow.san.changes=true", "the brokers'"},
      {"cache.max.bytes.buffering=5", "--memory_bytes"},
      {"state.cleanup.delay.ms=5", "--local_copy_retention"},
      {"interceptor.classes=", "nothing of the kind"},
      {"ssl.enabled.protocols=TLSv1.3", "OpenSSL"},
      {"once.workers=3", "the file that --config names"}};
  std::string text;
  for (const auto& [line, unused] : expected) text += line + "\n";
  const std::string mistakes = Mistakes(text);
  for (const auto& [line, fix] : expected) {
    const std::string key = line.substr(0, line.find('='));
    EXPECT_THAT(mistakes, AllOf(HasSubstr(", " + key + ": "), HasSubstr(fix))) << line;
  }
  EXPECT_EQ(std::count(mistakes.begin(), mistakes.end(), '\n') + 1, static_cast<int64_t>(expected.size())) << mistakes;
}

TEST_F(JavaFileTest, LoginModulesAreToldApart) {
  EXPECT_THAT(Mistakes("sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required;"),
              HasSubstr("sasl.kerberos.keytab"));
  EXPECT_THAT(Mistakes("sasl.jaas.config=o.a.k.c.s.oauthbearer.OAuthBearerLoginModule required;"),
              HasSubstr("sasl.oauthbearer.method=oidc"));
}

TEST_F(JavaFileTest, ValuesThatOnlyJavaUnderstandsAreRefused) {
  EXPECT_THAT(Mistakes("sasl.password=${file:/run/x:password}"), HasSubstr("sasl.password.file=FILE"));
  EXPECT_THAT(Mistakes("ssl.keystore.location=" + File("k.jks", "\xFE\xED\xFE\xED rest")),
              HasSubstr("-deststoretype PKCS12"));
  EXPECT_THAT(Mistakes("ssl.cipher.suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), HasSubstr("openssl ciphers"));
}

TEST_F(JavaFileTest, WhatBreaksExactlyOnceIsRefusedAsElsewhere) {
  EXPECT_THAT(Mistakes("group.id=g\nauto.offset.reset=earliest\nno.such.thing=1\n"),
              AllOf(HasSubstr("the group is the application_id"), HasSubstr("auto.offset.reset"),
                    HasSubstr("no property \"no.such.thing\"")));
}

TEST_F(JavaFileTest, AFileThatIsNotThereIsTold) {
  ConfigInputs inputs;
  inputs.args = {"--kafka_properties=/nowhere/client.properties"};
  EXPECT_THAT(std::string(Config::Load(inputs).CheckValues().message()),
              AllOf(HasSubstr("/nowhere/client.properties"), HasSubstr("--kafka_properties=FILE")));
}

}  // namespace
}  // namespace once
