#include <gtest/gtest.h>

#include "cli/options.h"
#include "cli/output.h"
#include "cli/preprocessing_options.h"
#include "cli/progress.h"
#include "cli/shapes.h"
#include "cli/table.h"
#include "cli/usage.h"

namespace vitro::cli {
namespace {

TEST(CliOptions, SizesAreSquareOrHeightByWidth) {
  EXPECT_EQ(parse_size("224")->width, 224);
  EXPECT_EQ(parse_size("288x352")->height, 288);
  EXPECT_EQ(parse_size("288x352")->width, 352);
  for (const char* bad : {"", "0", "-1", "x", "224x", "x224", "224x224x3", "65537", "2.5", "1e3",
                          "99999999999999999999"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(CliOptions, ShapesAreThoseOfTrtexec) {
  EXPECT_EQ(parse_shapes("1x3x4")->at(""), (Dims{1, 3, 4}));
  EXPECT_EQ(parse_shapes("in:0:1x3,b:7")->at("in:0"), (Dims{1, 3}));
  EXPECT_EQ(parse_shapes("in:0:1x3,b:7")->at("b"), (Dims{7}));
  for (const char* bad :
       {"", ":1", "a:", "a:1x", "a:x1", "a:0", "a:-1", "a:1,", "a:1,a:2", "a:1x2y"})
    EXPECT_FALSE(parse_shapes(bad)) << bad;
}

TEST(CliOptions, ColoursAreThreeNumbersOrOne) {
  EXPECT_EQ(parse_rgb("0.485,0.456,0.406"), (std::array{0.485f, 0.456f, 0.406f}));
  EXPECT_EQ(parse_rgb("0.485 0.456 0.406"), (std::array{0.485f, 0.456f, 0.406f}));
  EXPECT_EQ(parse_rgb("0.5"), (std::array{0.5f, 0.5f, 0.5f}));
  for (const char* bad : {"", "x", "0.5,0.5", "1,2,3,4", "1,2,3,", "1,,3", ",1,2", "1;2;3", "1e99"})
    EXPECT_FALSE(parse_rgb(bad)) << bad;
}

TEST(CliUsage, NearestAllowsTwoEdits) {
  const std::vector<std::string> known{"bench", "build"};
  EXPECT_EQ(nearest("benhc", known), "bench");
  EXPECT_EQ(nearest("biuld", known), "build");
  EXPECT_EQ(nearest("classify", known), "");
  EXPECT_EQ(nearest("bench", {}), "");
}

TEST(CliProgress, ShownOnlyForJobsOverTwoSeconds) {
  EXPECT_FALSE(progress_is_due(5, 10, 0.5));    // one second in all
  EXPECT_TRUE(progress_is_due(1, 10, 0.5));     // five
  EXPECT_FALSE(progress_is_due(1, 1000, 0.1));  // too early to know
  EXPECT_FALSE(progress_is_due(0, 10, 5));
}

TEST(CliProgress, TextHasRateAndTimeLeft) {
  EXPECT_EQ(progress_text("eval", "images", 120, 2000, 10),
            "eval 120/2000 (6 %), 12.0 images/s, 2:37 left");
}

TEST(CliTable, NumbersAreAlignedRight) {
  Table table({"name", "ms"});
  table.add_row({"stem", "1.5"});
  table.add_row({"é", "12.25"});
  EXPECT_EQ(table.text(), "name     ms\nstem    1.5\né     12.25\n");
}

TEST(CliTable, WhatIsTooWideIsMovedOutLeftOutAndShortened) {
  Table table({"backend", "name", "ms", "note"}, {"note"});
  table.add_row({"cpu", "blocks.0.attention.qkv", "1.5", "some words of no weight"});
  table.add_row({"cpu", "head", "2", "more"});
  EXPECT_EQ(table.text(100).find("left out"), std::string::npos);
  EXPECT_EQ(table.text(60),
            "all: backend cpu\n"
            "name                     ms  note\n"
            "blocks.0.attention.qkv  1.5  some words of no weight\n"
            "head                      2  more\n");
  EXPECT_EQ(table.text(40),
            "all: backend cpu\n"
            "name                     ms\n"
            "blocks.0.attention.qkv  1.5\n"
            "head                      2\n"
            "(note left out to fit 40 columns;\n"
            "COLUMNS=61 or --json shows all)\n");
  EXPECT_NE(table.text(20).find("\nblocks..ion.qkv  1.5\n"), std::string::npos) << table.text(20);
}

TEST(CliOutput, LinesBreakAtSpacesAndKeepTheirIndentation) {
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrapped("  averylongword and more", 10), "  averylongword\nand more");
  EXPECT_EQ(wrapped("a b\nc d", 3), "a b\nc d");
  EXPECT_EQ(wrapped("averylongword", 5), "averylongword");
}

TEST(CliTable, FieldsIndentFurtherLines) {
  EXPECT_EQ(fields_text({{"a", "1"}, {"bcd", "2\n3"}}), "a    1\nbcd  2\n     3\n");
}

TEST(CliOutput, ControlCharactersCannotReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\x07"), "a?[31mb?");
  EXPECT_EQ(printable("é\n"), "é\n");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "31m\xc2\xa0"),
            "a?31m\xc2\xa0")
      << "U+009B is ESC [, U+00A0 is a space";
  EXPECT_EQ(printable_line("cat\nerror: fake\t\x1b"), "cat?error: fake??");
}

TEST(CliOutput, SmallNumbersKeepTheirDigits) {
  EXPECT_EQ(decimal_text(12.3, 2), "12.30");
  EXPECT_EQ(decimal_text(0.117, 2), "0.117");
  EXPECT_EQ(decimal_text(0.000031, 3), "0.0000310");
  EXPECT_EQ(decimal_text(-0.01364, 1, 1), "-0.01");
  EXPECT_EQ(decimal_text(0, 2), "0.00");
}

TEST(CliOutput, AFewOfAList) {
  EXPECT_EQ(few_of({}), "");
  EXPECT_EQ(few_of({"a"}), "a");
  EXPECT_EQ(few_of({"a", "b"}), "a and b");
  EXPECT_EQ(few_of({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(few_of({"a", "b", "c", "d", "e"}), "a, b, c and 2 more");
}

TEST(CliOutput, BytesInDecimalUnits) {
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(42306352), "42.3 MB");
}

}  // namespace
}  // namespace vitro::cli
