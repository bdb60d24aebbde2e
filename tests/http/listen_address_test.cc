#include "processor/base/listen_address.h"

#include <initializer_list>
#include <string>
#include <tuple>

#include "gtest/gtest.h"

namespace once {
namespace {

TEST(ListenAddressTest, WhatIsAnAddress) {
  for (const auto& [text, shown, loopback] : std::initializer_list<std::tuple<const char*, const char*, bool>>{
           {"127.0.0.1:8080", "127.0.0.1:8080", true},
           {"127.8.0.1:0", "127.8.0.1:0", true},
           {"localhost:1", "127.0.0.1:1", true},
           {"[::1]:8080", "[::1]:8080", true},
           {"0.0.0.0:65535", "0.0.0.0:65535", false},
           {"[::]:8080", "[::]:8080", false},
           {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", false}}) {
    const auto address = ParseListenAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), shown);
    EXPECT_EQ(address->is_loopback(), loopback) << text;
  }
  for (const std::string& text :
       {std::string(), std::string(":8080"), std::string("8080"), std::string("127.0.0.1"), std::string("127.0.0.1:"),
        std::string("127.0.0.1:65536"), std::string("127.0.0.1:-1"), std::string("127.0.0.1:80x"),
        std::string("::1:80"), std::string("[::1]"), std::string("[127.0.0.1]:80"), std::string("example.com:80"),
        std::string("127.0.0.1\0:80", 13), std::string("127.0.0.1: 80"), std::string("[]:80")}) {
    EXPECT_FALSE(ParseListenAddress(text).ok()) << text;
  }
}

}  // namespace
}  // namespace once
