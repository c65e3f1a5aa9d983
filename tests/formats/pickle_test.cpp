#include "formats/pickle.h"

#include <gtest/gtest.h>

#include "core/byte_reader.h"
#include "core/temporary_directory.h"
#include "formats/hostile.h"

namespace vitro {
namespace {

using Kind = PickleValue::Kind;
using test::expect_error;

PickleTree parse(std::string_view pickle) { return parse_pickle(as_byte_span(pickle), "x"); }

void expect_refused(ErrorCode code, const std::string& text, std::string_view pickle) {
  SCOPED_TRACE(pickle.substr(0, 80));
  expect_error(code, text, [&] { parse(pickle); });
}

/// A string literal with its NULs.
template <size_t kSize>
std::string_view bytes(const char (&literal)[kSize]) {
  return {literal, kSize - 1};
}

TEST(Pickle, ReadsNumbers) {
  const auto integer = [](std::string_view pickle) { return parse(pickle).root->integer; };
  EXPECT_EQ(integer("K\xff."), 255);
  EXPECT_EQ(integer(bytes("M\x00\x01.")), 256);
  EXPECT_EQ(integer("J\xfe\xff\xff\xff."), -2);
  EXPECT_EQ(integer(bytes("\x8a\x00.")), 0);
  EXPECT_EQ(integer("\x8a\x01\xff."), -1);
  EXPECT_EQ(integer(bytes("\x8a\x02\xff\x00.")), 255);
  EXPECT_EQ(integer(bytes("\x8b\x01\x00\x00\x00\x80.")), -128);
  EXPECT_EQ(integer("I-12\n."), -12);
  EXPECT_EQ(integer("L12L\n."), 12);
  EXPECT_EQ(integer("\x88."), 1);
  EXPECT_EQ(integer("I01\n."), 1);
  EXPECT_EQ(parse(bytes("G\x3f\xf8\x00\x00\x00\x00\x00\x00.")).root->real, 1.5);
  EXPECT_TRUE(parse("N.").root->is(Kind::None));
  EXPECT_TRUE(parse("\x8a\x09"
                    "123456789.")
                  .root->is(Kind::Opaque));
}

TEST(Pickle, ReadsTextAndContainers) {
  EXPECT_EQ(parse(bytes("X\x02\x00\x00\x00hi.")).root->text, "hi");
  EXPECT_EQ(parse("\x8c\x02hi.").root->text, "hi");
  EXPECT_EQ(parse("S'hi'\n.").root->text, "hi");
  EXPECT_TRUE(parse("C\x02hi.").root->is(Kind::Bytes));
  EXPECT_EQ(parse("(K\x01K\x02t.").root->items.size(), 2u);
  EXPECT_EQ(parse("]K\x01"
                  "a(K\x02K\x03"
                  "e.")
                .root->items.size(),
            3u);
  EXPECT_EQ(parse("(K\x01K\x02l.").root->items.size(), 2u);
  EXPECT_EQ(parse("\x8f(K\x01\x90.").root->items.size(), 1u);
  EXPECT_EQ(parse("K\x01K\x02K\x03\x87.").root->items[0]->integer, 1);

  const PickleTree tree = parse(
      "}(\x8c\x01"
      "aK\x01\x8c\x01"
      "bK\x02u\x8c\x01"
      "aK\x03s.");
  ASSERT_TRUE(tree.root->is(Kind::Dict));
  EXPECT_EQ(tree.root->find("a")->integer, 3);  // the last one wins
  EXPECT_EQ(tree.root->find("b")->integer, 2);
  EXPECT_EQ(tree.root->find("c"), nullptr);
}

TEST(Pickle, UsesTheMemoAndMayBeCyclic) {
  const PickleTree tree =
      parse(bytes("]q\x00h\x00"
                  "a."));  // a list that holds itself
  EXPECT_EQ(tree.root->items[0], tree.root);
  EXPECT_EQ(parse(bytes("K\x05\x94\x30h\x00.")).root->integer, 5);  // MEMOIZE, POP, BINGET
  expect_refused(ErrorCode::CorruptFile, "was not stored", "h\x07.");
}

TEST(Pickle, KeepsClassesInert) {
  const PickleTree tree = parse("cargparse\nNamespace\n)\x81}\x8c\x02lrK\x01sb.");
  EXPECT_TRUE(tree.root->is(Kind::Call));
  EXPECT_EQ(tree.root->text, "argparse.Namespace");
  EXPECT_TRUE(parse("ccollections\nOrderedDict\n)R.").root->is(Kind::Dict));
  EXPECT_TRUE(parse("(K\x01imodule\nClass\n.").root->is(Kind::Call));
  EXPECT_TRUE(parse("(cmodule\nClass\nK\x01o.").root->is(Kind::Call));
  EXPECT_TRUE(parse("cmodule\nClass\n)}\x92.").root->is(Kind::Call));
  EXPECT_TRUE(parse("cmodule\nmake\n)R)R.").root->is(Kind::Opaque));  // a call of a call's result
  EXPECT_TRUE(parse("cbuiltins\nset\n]\x85R.").root->is(Kind::Call));
  EXPECT_TRUE(parse("cos\nsystem\n.").root->is(Kind::Global));  // named, but not called
}

TEST(Pickle, RefusesToRunCode) {
  for (const char* global :
       {"posix\nsystem", "os\nsystem", "nt\nsystem", "os.path\njoin", "subprocess\nPopen",
        "builtins\neval", "builtins\nexec", "__builtin__\neval", "builtins\n__import__",
        "sys\nexit", "shutil\nrmtree", "importlib\nimport_module", "torch.hub\nload",
        "runpy\nrun_path", "socket\ncreate_connection", "os\npath.join"}) {
    std::string name = global;
    name[name.find('\n')] = '.';
    const std::string load = std::string("c") + global + "\n";
    const std::string argument = "S'touch x'\n";
    const std::string refusal = "refuses to run '" + name + "'";
    expect_refused(ErrorCode::Unsupported, refusal, load + "(" + argument + "tR.");
    expect_refused(ErrorCode::Unsupported, refusal, load + "(" + argument + "t\x81.");
    expect_refused(ErrorCode::Unsupported, refusal, load + "(" + argument + "t}\x92.");
    expect_refused(ErrorCode::Unsupported, refusal, "(" + load + argument + "o.");
    expect_refused(ErrorCode::Unsupported, refusal, "(" + argument + "i" + global + "\n.");
  }
  expect_refused(ErrorCode::Unsupported, "refuses to run 'posix.system'",
                 "\x8c\x05posix\x8c\x06system\x93\x8c\x01x\x85R.");
}

TEST(Pickle, RefusesMalformedPrograms) {
  const auto code = ErrorCode::CorruptFile;
  for (const char* pickle : {".",
                             "0.",
                             "(.",
                             "t.",
                             "(K\x01.",
                             "a.",
                             "]K\x01s.",
                             "NK\x01"
                             "a.",
                             "2.",
                             "R.",
                             "NNR.",
                             "N\x93.",
                             "NN\x93.",
                             "}(K\x01u.",
                             "(K\x01"
                             "d.",
                             "(o.",
                             "b.",
                             "q",
                             "Ix\n.",
                             "I99999999999999999999\n.",
                             "Shi\n.",
                             "Q."}) {
    expect_refused(code, "x", pickle);
  }
  expect_refused(ErrorCode::Unsupported, "opcode 0x7e at byte 1", "N~.");
  expect_refused(ErrorCode::Unsupported, "protocol 6", "\x80\x06N.");
  expect_refused(code, "truncated", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffx.");
  expect_refused(code, "truncated", "B\xff\xff\xff\xffx.");
  expect_refused(code, "truncated", "");
}

TEST(Pickle, BoundsItsMemory) {
  expect_refused(ErrorCode::OutOfMemory, "more than 2000000 values",
                 std::string(2'000'001, ']') + ".");
  // A long memoized name, doubled by every global.
  const std::string name(2000, 'n');
  expect_refused(ErrorCode::CorruptFile, "huge name", "c" + name + "\n" + name + "\n.");
}

TEST(Pickle, SurvivesHostileBytes) {
  const test::Parse parse_bytes = [](std::span<const std::byte> data) { parse_pickle(data, "x"); };
  const std::string_view valid = bytes(
      "\x80\x02}q\x00(X\x01\x00\x00\x00"
      "aq\x01"
      "ccollections\nOrderedDict\n)Rq\x02X\x01\x00\x00\x00"
      "b"
      "cargparse\nNamespace\n)\x81q\x03}X\x01\x00\x00\x00"
      "cK\x01sb\x8c\x01"
      "d](K\x01J\x01\x02\x03\x04"
      "\x88NG\x00\x00\x00\x00\x00\x00\x00\x00"
      "e\x85\x8c\x01"
      "e(\x8c\x07storage\x8c\x01"
      "0tQu.");
  test::expect_all_truncations_fail(parse_bytes, as_byte_span(valid));
  test::expect_mutations_are_harmless(parse_bytes, as_byte_span(valid), 20000);
  test::expect_garbage_fails(parse_bytes);
}

}  // namespace
}  // namespace vitro
