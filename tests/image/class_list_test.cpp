#include "image/class_list.h"

#include <gtest/gtest.h>

#include "image/test_support.h"
#include "vitro/error.h"

namespace vitro::test {
namespace {

using Strings = std::vector<std::string>;

void expect_names(const Strings& ids, const Strings& labels, std::string_view text) {
  try {
    const ClassNames names = parse_class_list(text, "list");
    EXPECT_EQ(names.ids, ids) << text;
    EXPECT_EQ(names.labels, labels) << text;
  } catch (const Error& error) {
    ADD_FAILURE() << text << "\n" << error.what();
  }
}

void expect_refused(ErrorCode code, const std::string& part, std::string_view text) {
  try {
    parse_class_list(text, "list");
    ADD_FAILURE() << "no error for: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_LT(std::string(error.what()).size(), 200u) << error.what();
  }
}

const Strings kSynsets{"n02124075", "n07920052"}, kNames{"Egyptian cat", "espresso"};

TEST(ClassList, IdsAndLabels) {
  expect_names({"n02124075", "espresso", "n01"}, {"Egyptian cat", "espresso", "a, b\tc"},
               "\xef\xbb\xbfn02124075\tEgyptian cat\r\nespresso\nn01\ta, b\tc\n\n\n");
  expect_names(kSynsets, kSynsets, "n02124075\nn07920052");
  expect_names(kNames, kNames, "Egyptian cat\nespresso\n");
  expect_names(kNames, kNames, " Egyptian cat \nespresso  \n");
  expect_names(kSynsets, kNames, "n02124075 Egyptian cat\nn07920052 espresso\n");
  expect_names(kSynsets, kNames, "n02124075,Egyptian cat\nn07920052, \"espresso\"\n");
  expect_names(kSynsets, {"4 wheeler", "espresso"}, "n02124075 4 wheeler\nn07920052 espresso\n");
}

TEST(ClassList, NumbersCountInTheirOwnOrder) {
  expect_names(kSynsets, kSynsets, "1 n07920052\n0 n02124075\n");
  expect_names(kSynsets, kSynsets, "n07920052,1\nn02124075,0\n");
  expect_names(kSynsets, kSynsets, "n07920052\t1\nn02124075\t0\n");
  expect_names(kSynsets, kNames, "1\tn07920052\tespresso\n0\tn02124075\tEgyptian cat\n");
  expect_names(kSynsets, kNames, "1,n07920052,espresso\n0,n02124075,\"Egyptian cat\"\n");
  expect_names(kSynsets, kNames, "n07920052 1 espresso\nn02124075 0 Egyptian cat\n");
  expect_names(kNames, kNames, "1,espresso\n0,Egyptian cat\n");
  expect_names(kNames, kNames, "1: espresso\n0: Egyptian cat\n");
  expect_names(kNames, kNames, "espresso,1\nEgyptian cat,0\n");
  expect_names(kNames, kNames, "index,name\n1,espresso\n0,Egyptian cat\n");
  expect_names({"\"a\", b", "c"}, {"\"a\", b", "c"}, "0,\"\"\"a\"\", b\"\n1,c\n");
}

TEST(ClassList, NamesMayHaveNumbersAndCommas) {
  const Strings euros{"5 euro", "10 euro", "20 euro"}, digits{"1", "0", "2"},
      commas{"goldfish, Carassius auratus", "bullfrog, Rana catesbeiana"};
  expect_names(euros, euros, "5 euro\n10 euro\n20 euro\n");
  expect_names(digits, digits, "1\n0\n2\n");
  expect_names(commas, commas, "goldfish, Carassius auratus\nbullfrog, Rana catesbeiana\n");
  expect_names({"0", "1"}, {"cat", "dog"}, "0\tcat\n1\tdog\n");
}

TEST(ClassList, Json) {
  expect_names(kSynsets, kNames,
               R"({"0": ["n02124075", "Egyptian cat"], "1": ["n07920052", "espresso"]})");
  expect_names(kNames, kNames, R"({"1": "espresso", "0": "Egyptian cat"})");
  expect_names(kNames, kNames, R"({"espresso": 1, "Egyptian cat": 0})");
  expect_names(kNames, kNames, "\xef\xbb\xbf\n[\"Egyptian cat\", \"espresso\"]");
  expect_names(kSynsets, kNames, R"([["n02124075", "Egyptian cat"], ["n07920052", "espresso"]])");
}

TEST(ClassList, LinesEndInAnyWay) {
  for (const char* text :
       {"a\nb\nc", "a\r\nb\r\nc\r\n", "a\rb\rc\r", "a\nb\r\nc\r\r", "a\nb\nc\n \n\t"})
    expect_names({"a", "b", "c"}, {"a", "b", "c"}, text);
}

TEST(ClassList, RefusesWhatCannotBeTold) {
  using enum ErrorCode;
  expect_refused(CorruptFile, "empty", "");
  expect_refused(CorruptFile, "empty", "\n\n");
  expect_refused(CorruptFile, "line 2 is blank", "x\n\ny\n");
  expect_refused(CorruptFile, "line 1 has no name", "\tlabel\n");
  expect_refused(CorruptFile, "UTF-16",
                 std::string_view("\xff\xfe"
                                  "a\0b\0",
                                  6));
  expect_refused(CorruptFile, "bytes of 0", std::string_view("a\0b", 3));
  expect_refused(CorruptFile, "not UTF-8", "p\xe2te\n");
  expect_refused(CorruptFile, "a name of 5000 bytes", std::string(5000, 'a'));
  expect_refused(CorruptFile, "2 classes with the numbers 1 to 2, expected 0 to 1",
                 "1 n02124075\n2 n07920052\n");
  expect_refused(CorruptFile, "numbers 0 to 0", "0,cat\n0,dog\n");
  expect_refused(CorruptFile, "numbers 0 to 9", R"({"0": "cat", "9": "dog"})");
  expect_refused(CorruptFile, "begins like JSON and is none", "{0: 'tench',\n 1: 'goldfish'}");
  expect_refused(CorruptFile, "'cat' has no number", R"({"cat": "dog"})");
  expect_refused(CorruptFile, "a class is 3", "[3]");
  expect_refused(CorruptFile, "no classes", "[]");
  expect_refused(CorruptFile, "begins like JSON", std::string(1'000'000, '['));
}

TEST(ClassList, NamesTheClassThatStandsTwice) {
  expect_refused(ErrorCode::InvalidArgument,
                 "'list': 'n02124075' stands twice, as class 0 and as class 2",
                 "n02124075\nn07920052\nn02124075\n");
  expect_refused(ErrorCode::InvalidArgument, "'a' stands twice", "a\tcat\na\tdog\n");
  expect_names({"crane", "crane"}, {"crane", "crane"}, "crane\ncrane\n");
  EXPECT_THROW(check_unique({"crane", "crane"}, "list"), Error);
}

TEST(ClassList, SaysThatTheOrderIsAnother) {
  const ClassNames model{{"n1", "n2", "n3"}, {"cat", "dog", "crane"}};
  EXPECT_FALSE(order_contradiction(model, model));
  EXPECT_FALSE(order_contradiction({{"a", "b", "c"}, {}}, model)) << "nothing in common";
  const auto said = order_contradiction({{"n1", "dog", "n2"}, {}}, model);
  ASSERT_TRUE(said);
  EXPECT_NE(said->find("1 of 3 common names stand elsewhere"), std::string::npos) << *said;
  EXPECT_NE(said->find("'n2' is class 2 here and class 1 there"), std::string::npos) << *said;
  EXPECT_FALSE(order_contradiction({{"x", "crane", "crane"}, {}},
                                   {{"a", "b", "c"}, {"cat", "crane", "crane"}}))
      << "a name of two classes tells nothing";
}

TEST(ClassList, Files) {
  const TempDirectory root;
  EXPECT_EQ(read_class_list(root.write("a.txt", "a\nb\n")).ids, (Strings{"a", "b"}));
  EXPECT_THROW(read_class_list(root.path() / "none.txt"), Error);
  EXPECT_THROW(read_class_list(root.path()), Error);
}

}  // namespace
}  // namespace vitro::test
