#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cli/subprocess.h"

namespace vitro::test {
namespace {

const std::vector<std::string> kVerbs{"classify", "build",   "run",     "bench",
                                      "eval",     "compare", "inspect", "doctor"};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(CliUsage, HelpListsEveryVerb) {
  const ProcessResult result = run_vitro({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  for (const std::string& verb : kVerbs) EXPECT_TRUE(contains(result.out, "  " + verb)) << verb;
  EXPECT_TRUE(result.err.empty()) << result.err;
}

TEST(CliUsage, HelpOfEveryVerbIsGroupedAndHasAnExample) {
  for (const std::string& verb : kVerbs) {
    const ProcessResult result = run_vitro({verb, "--help"});
    EXPECT_EQ(result.exit_code, 0) << verb;
    EXPECT_TRUE(contains(result.out, "Example:\n  vitro " + verb)) << result.out;
    EXPECT_TRUE(contains(result.out, "\nOutput:\n")) << result.out;
    EXPECT_TRUE(contains(result.out, "--json")) << result.out;
    if (verb == "doctor") continue;
    EXPECT_TRUE(contains(result.out, "MODEL")) << result.out;
    EXPECT_TRUE(contains(result.out, "\nModel:\n")) << result.out;
    if (verb == "build") continue;
    EXPECT_TRUE(contains(result.out, "\nExecution:\n")) << result.out;
    EXPECT_TRUE(contains(result.out, "auto|cuda|cpu|reference")) << result.out;
  }
}

TEST(CliUsage, HelpFitsInEightyColumns) {
  for (const std::string& verb : kVerbs) {
    std::istringstream text(run_vitro({verb, "--help"}).out);
    for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(CliUsage, Version) {
  const ProcessResult result = run_vitro({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.out.starts_with("vitro ")) << result.out;
}

struct UsageError {
  std::vector<std::string> arguments;
  std::string error;  ///< part of the first line
  std::string hint;   ///< part of the second
};

TEST(CliUsage, ErrorsExitWithTwoAndSayWhatToDo) {
  const std::vector<UsageError> cases{
      {{}, "a verb is required", "'vitro --help'"},
      {{"benhc"}, "unknown verb 'benhc'", "did you mean 'vitro bench'?"},
      {{"frobnicate"}, "unknown verb", "'vitro --help'"},
      {{"bench"}, "MODEL is required", "'vitro bench --help'"},
      {{"build", "m.safetensors"}, "--output is required", "'vitro build --help'"},
      {{"run", "m.plan", "-o", "y.npy"}, "--input is required", "'vitro run --help'"},
      {{"bench", "m.plan", "--frobnicate"}, "option '--frobnicate'", "'vitro bench --help'"},
      {{"bench", "m.plan", "--bacth", "3"}, "option '--bacth'", "did you mean '--batch'?"},
      {{"bench", "m.plan", "--thread=3"}, "option '--thread'", "did you mean '--threads'?"},
      {{"--threads", "2", "bench", "m.plan"}, "'--threads' before the verb", "vitro VERB"},
      {{"--verbose"}, "unknown option '--verbose'", "'vitro --help'"},
      {{"bench", "m.plan", "--threads", "0"}, "--threads: got '0', expected", "vitro bench"},
      {{"bench", "m.plan", "--threads", "-1"}, "--threads: got '-1', expected", "vitro bench"},
      {{"bench", "m.plan", "--threads", "two"}, "--threads: got 'two'", "vitro bench"},
      {{"bench", "m.plan", "--batch", "0"}, "--batch: got '0'", "vitro bench"},
      {{"bench", "m.plan", "--batch", "1,0"}, "--batch: got '0'", "vitro bench"},
      {{"bench", "m.plan", "--batch", "99999999999999999999"}, "more than the largest", "bench"},
      {{"bench", "m.plan", "--duration", "nan"}, "--duration: got 'nan', expected", "vitro bench"},
      {{"bench", "m.plan", "--duration", "-1"}, "a number from 0 to 86400", "vitro bench"},
      {{"bench", "m.plan", "--size", "224x"}, "--size: got '224x', expected N or", "vitro bench"},
      {{"bench", "m.plan", "--backend", "gpu"},
       "got 'gpu', expected auto|cuda|cpu|ref",
       "vitro bench"},
      {{"bench", "m.plan", "--fallback", "gpu"},
       "--fallback: got 'gpu', expected cpu",
       "vitro bench"},
      {{"run", "m.plan", "--fallback", "auto"},
       "--fallback: got 'auto', expected cpu",
       "vitro run"},
      {{"bench", "m.plan", "--iterations", "0"}, "--iterations: got '0'", "vitro bench"},
      {{"bench", "m.plan", "--batch", "1,,8"}, "--batch: got '', expected", "vitro bench"},
      {{"bench", "m.plan", "--batch", "1,8,"}, "--batch: got '', expected", "vitro bench"},
      {{"bench", "m.plan", "--batch", "a"}, "--batch: got 'a'", "vitro bench"},
      {{"bench", "m.plan", "--batch", "8,1,8"}, "'8' occurs twice in '8,1,8'", "vitro bench"},
      {{"bench", "m.plan", "--size", "224,224x224"}, "'224x224' occurs twice", "vitro bench"},
      {{"bench", "m.plan", "--threads", "1,0"}, "--threads: got '0'", "vitro bench"},
      {{"bench", "m.plan", "--backend", "cpu,gpu"}, "--backend: got 'gpu'", "vitro bench"},
      {{"bench", "m.plan", "--precision", "fp32,int4"},
       "'int4', expected fp32|tf32|fp16|bf16",
       "vitro bench"},
      {{"bench", "m.plan", "--precision", "bf16w"}, "called --weights bf16", "vitro bench"},
      {{"bench", "m.plan", "--weights", "bf16w"}, "'bf16w', expected fp32|bf16", "vitro bench"},
      {{"bench", "m.plan", "m.plan"}, "MODEL: 'm.plan' occurs twice", "vitro bench"},
      {{"bench", "m.plan", "-o", "xml"}, "--format: got 'xml', expected csv|json", "vitro bench"},
      {{"bench", "m.plan", "--json", "-o", "csv"}, "--json: contradicts", "vitro bench"},
      {{"bench", "m.plan", "--hint", "speed"}, "got 'speed', expected latency", "vitro bench"},
      {{"bench", "m.plan", "--hint", "latency", "--streams", "2"}, "no --streams", "vitro bench"},
      {{"bench", "m.plan", "--streams", "2", "--threads", "3"}, "share 3 threads", "vitro bench"},
      {{"bench", "m.plan", "--compare"}, "exactly two combinations, got 1", "vitro bench"},
      {{"bench", "m.plan", "--compare", "--batch", "1,2,3"}, "two combinations, got 3", "bench"},
      {{"bench", "a.plan", "b.plan", "--compare", "--streams", "2"}, "takes turns", "vitro bench"},
      {{"bench", "m.plan", "--report", "r.txt"}, "with .json, .csv or .md", "vitro bench"},
      {{"bench", "m.plan", "--exportTimes", "t", "--batch", "1,2"}, "one combination", "bench"},
      {{"bench", "m.plan", "--exportTimes", "t.md", "--report", "t.md"}, "too", "vitro bench"},
      {{"eval", "m.plan", "f", "--min-top1", "101"}, "--min-top1", "'vitro eval --help'"},
      {{"eval", "m.plan", "f", "--min-top1", "nan"}, "--min-top1", "'vitro eval --help'"},
      {{"eval", "m.plan", "f", "--min-top1", "0.65"}, "write 65 for 65 %", "'vitro eval --help'"},
      {{"eval", "m.plan", "f", "--min-top1", "101%"}, "such as 65 or 65%", "'vitro eval --help'"},
      {{"bench", "m.plan", "-hint", "throughput"}, "unknown option '-hint'", "'--hint'"},
      {{"bench", "m.plan", "-half"}, "unknown option '-half'", "'vitro bench --help'"},
      {{"build", "m", "-output=p"}, "unknown option '-output'", "'--output'"},
      {{"eval", "m.plan", "f", "--batch", "0"}, "--batch: got '0'", "'vitro eval --help'"},
      {{"classify", "m.plan", "-", "-"}, "only once", "'vitro classify --help'"},
      {{"classify", "m.plan"}, "IMAGE is required", "'vitro classify --help'"},
      {{"classify", "m.plan", "a.png", "--top", "0"}, "--top: got '0'", "vitro classify"},
      {{"compare"}, "MODEL is required", "'vitro compare --help'"},
      {{"compare", "m.plan"}, "nothing to compare with", "'vitro compare --help'"},
      {{"compare", "a.plan", "b.plan", "--bound", "-1"}, "--bound: got '-1'", "vitro compare"},
      {{"compare", "a.plan", "--backend-b", "gpu"}, "got 'gpu', expected auto|", "vitro compare"},
      {{"compare", "a.plan", "b.plan", "--input", "x.npy", "--size", "64"}, "--size", "compare"},
      {{"run", "m.plan", "--verbose", "frobnicate"}, "expected dispatch or passes", "vitro run"},
      {{"inspect", "m.plan", "--verbose"}, "--verbose", "'vitro inspect --help'"},
      {{"build", "m", "-o", "p", "--threads", "2"}, "--tune", "a plan is for any backend"},
      {{"build", "m", "-o", "p", "--backend", "cpu"}, "--tune", "a plan is for any backend"},
      {{"build", "m", "-o", "p", "--tune", "--tune-batch", "0"}, "got '0'", "'vitro build --help'"},
      {{"build", "m", "-o", "p", "--tune", "--time-budget", "x"}, "'x'", "'vitro build --help'"},
      {{"doctor", "extra"}, "extra", "'vitro doctor --help'"},
      // An unknown option is what is told, whatever else is wrong.
      {{"bench", "--frobnicate"}, "unknown option '--frobnicate'", "'vitro bench --help'"},
      {{"build", "m", "--bacth", "0", "--size", "x"}, "unknown option '--bacth'", "build --help"},
      {{"classify", "-x"}, "unknown option '-x'", "'vitro classify --help'"},
      // Words of other tools.
      {{"run", "m", "--saveEngine=p"}, "'--saveEngine'", "trtexec's --saveEngine is -o of"},
      {{"run", "--onnx=m"}, "unknown option '--onnx'", "trtexec's --onnx is the argument MODEL"},
      {{"bench", "--onnx=m", "--int8"}, "unknown option '--int8'", "vitro build"},
      {{"bench", "--onnx=m", "--best"}, "unknown option '--best'", "--fp16 of what runs it"},
      {{"build", "--onnx=m", "--iterations=9"}, "'--iterations'", "an option of 'vitro bench'"},
      {{"build", "--onnx=m", "--dumpProfile"}, "'--dumpProfile'", "an option of 'vitro bench'"},
      {{"build", "--onnx"}, "--onnx", "the argument MODEL"},
      {{"bench", "m", "--shapes=x:1x"}, "--shapes: got 'x:1x'", "vitro bench"},
      {{"bench", "m", "--shapes=x:1x3", "--batch", "2"}, "--shapes", "vitro bench"},
      {{"build", "m", "-o", "p", "--shapes=1x3", "--minShapes=1x3"}, "--shapes", "vitro build"},
      {{"bench", "m", "--batch", "1,2", "--dumpProfile"}, "--dumpProfile", "vitro bench"},
      {{"bench", "m", "-nstreams", "2"}, "'-nstreams'", "benchmark_app's -nstreams is --streams"},
      {{"bench", "m", "-niter", "2"}, "'-niter'", "is --iterations"},
      {{"bench", "m", "--img-size", "9"}, "'--img-size'", "timm's --img-size is --size"},
      {{"bench", "m", "--img_size", "9"}, "'--img_size'", "timm's --img_size is --size"},
      {{"bench", "m", "-d", "CPU"}, "--device: got 'CPU'", "'vitro bench --help'"},
      {{"bench", "m", "-batch", "8"}, "unknown option '-batch'", "'--batch'"},
      {{"classify", "-m"}, "-m: a value is missing", "'vitro classify --help'"},
      {{"help", "benhc"}, "unknown verb 'benhc'", "did you mean 'vitro bench'?"},
      {{"help", "bench", "foo"}, "unexpected argument 'foo' behind 'help'", "'vitro help bench'"},
      {{"help", "bench", "--json"}, "unknown option '--json' behind 'help'", "vitro help bench"},
      {{"help", "--verison"}, "unknown option '--verison' behind 'help'", "'vitro help'"},
      // None of the words of the library that parses.
      {{"bench", "m", "--batch"}, "--batch: a value is missing, expected N,...", "vitro bench"},
      {{"inspect", "m", "--batch"}, "--batch: a value is missing, expected N\n", "inspect"},
      {{"classify", "m", "x", "--top", "3", "--top", "4"}, "--top: given 2 times", "classify"},
      {{"run", "m", "-i", "x", "-o", "y", "--fp16", "--fp32"}, "cannot be given together", "run"},
      {{"bench", "m", "--compare=no"}, "--compare takes no value, got 'no'", "vitro bench"},
  };
  for (const UsageError& usage : cases) {
    const ProcessResult result = run_vitro(usage.arguments);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    const auto& words = usage.arguments;
    const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
    EXPECT_EQ(result.out.empty(), !json) << result.out;
    EXPECT_TRUE(result.err.starts_with("error: ")) << result.err;
    EXPECT_TRUE(contains(result.err, usage.error)) << usage.error << " in: " << result.err;
    const size_t hint = result.err.find("\nhint: ");
    ASSERT_NE(hint, std::string::npos) << result.err;
    EXPECT_TRUE(contains(result.err.substr(hint), usage.hint)) << result.err;
  }
}

TEST(CliUsage, HelpIsAVerbToo) {
  EXPECT_EQ(run_vitro({"help"}).out, run_vitro({"--help"}).out);
  EXPECT_EQ(run_vitro({"help", "bench"}).out, run_vitro({"bench", "--help"}).out);
  EXPECT_EQ(run_vitro({"help", "bench", "--help"}).out, run_vitro({"bench", "--help"}).out);
  EXPECT_EQ(run_vitro({"-v"}).out, run_vitro({"--version"}).out);
  EXPECT_TRUE(contains(run_vitro({"help"}).out, "  130  interrupted"));
}

TEST(CliUsage, NamesOfOtherToolsMeanTheSame) {
  const ProcessResult named =
      run_vitro({"bench", "-b", "2", "-t", "1", "--niter", "2", "-m", small_plan(), "--json"});
  ASSERT_EQ(named.exit_code, 0) << named.err;
  const nlohmann::json row = named.json().at(0);
  EXPECT_EQ(row["model"], small_plan());
  EXPECT_EQ(row["batch"], 2);
  EXPECT_EQ(row["threads"], 1);
  EXPECT_EQ(row["iterations"], 2);
  const nlohmann::json top = run_vitro({"classify", model_file("photos/coffee.png"), "--topk", "2",
                                        "--model=" + small_plan(), "--json"})
                                 .json();
  EXPECT_EQ(top["model"], small_plan());
  EXPECT_EQ(top["images"][0]["predictions"].size(), 2u);
}

TEST(CliUsage, JsonIsOneValueOnFailureToo) {
  struct Failure {
    std::vector<std::string> arguments;
    int exit_code;
    std::string code, message;
  };
  const std::vector<Failure> failures{
      {{"inspect", "missing.plan", "--json"}, 1, "NotFound", "missing.plan"},
      {{"inspect", "--json"}, 2, "Usage", "MODEL is required"},
      {{"bench", "--json", "--frob"}, 2, "Usage", "unknown option '--frob'"},
      {{"bench", "m.plan", "-o", "json", "--batch", "0"}, 2, "Usage", "--batch: got '0'"},
      {{"classify", "missing.plan", "x", "--json"}, 1, "NotFound", "missing.plan"}};
  for (const Failure& failure : failures) {
    const ProcessResult result = run_vitro(failure.arguments);
    EXPECT_EQ(result.exit_code, failure.exit_code) << result.err;
    EXPECT_TRUE(result.err.starts_with("error: ")) << result.err;
    const nlohmann::json error = result.json().at("error");
    EXPECT_EQ(error["code"], failure.code);
    EXPECT_TRUE(contains(error["message"], failure.message)) << error.dump();
    EXPECT_TRUE(error["hint"].is_string());
  }
  EXPECT_TRUE(run_vitro({"inspect", "missing.plan"}).out.empty());
}

TEST(CliUsage, MoreThreadsThanCoresAreAWarning) {
  const std::vector<std::string> arguments{"classify", small_plan(),
                                           model_file("photos/coffee.png"), "--threads", "999"};
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "warning: 999 threads on ")) << result.err;
}

TEST(CliUsage, TablesFitInEightyColumns) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"inspect", plan(), "--weights"},
        {"inspect", plan(), "--memory"},
        {"inspect", plan()},
        {"doctor"},
        {"profile", small_plan(), "--iterations", "1", "--group", "impl"},
        {"compare", small_plan(), "--threads-b", "1", "--no-latency"},
        {"bench", small_plan(), "--batch", "1,2", "--size", "64,96", "--iterations", "1"}}) {
    const ProcessResult result = run_vitro(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::istringstream text(result.out);
    for (std::string line; std::getline(text, line);)
      EXPECT_TRUE(line.size() <= 80 || line.find(' ') == std::string::npos) << line;
  }
  const std::vector<std::string> weights{"inspect", plan(), "--weights"};
  EXPECT_TRUE(contains(run_vitro(weights).out, "all: dtype F16\n"));
  EXPECT_TRUE(contains(run_vitro(weights, {.environment = {"COLUMNS=70"}}).out,
                       "checksum left out to fit 70 columns; COLUMNS="));
  const std::string wide = run_vitro(weights, {.environment = {"COLUMNS=200"}}).out;
  EXPECT_TRUE(contains(wide, "dtype") && contains(wide, "checksum\n") && !contains(wide, "all:"));
}

TEST(CliUsage, OutputThatCannotBeWrittenIsAnError) {
  for (Stdout out : {Stdout::FullDisk, Stdout::Closed}) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--help"}, {"--version"}, {"doctor", "--json"}}) {
      const ProcessResult result = run_vitro(arguments, {.out = out});
      EXPECT_EQ(result.exit_code, 1) << arguments.front();
      EXPECT_TRUE(contains(result.err, "error: cannot write to standard output")) << result.err;
    }
  }
}

TEST(CliUsage, AReaderThatWentAwayEndsItQuietly) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"doctor"}, {"inspect", small_plan(), "--weights"}}) {
    const ProcessResult result = run_vitro(arguments, {.out = Stdout::BrokenPipe});
    EXPECT_EQ(result.exit_code, 141) << arguments.front();
    EXPECT_TRUE(result.err.empty()) << result.err;
  }
}

TEST(CliUsage, DoctorDescribesTheMachine) {
  const ProcessResult text = run_vitro({"doctor"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(contains(text.out, "backend cpu")) << text.out;
  const nlohmann::json json = run_vitro({"doctor", "--json"}).json();
  for (const char* key : {"version", "compiler", "cpu", "threads", "memory_bytes", "isa_available",
                          "isa_selected", "backends", "problems"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_GE(json["backends"].size(), 2u);
}

TEST(CliUsage, DoctorNamesAWrongInstructionSet) {
  const ProcessResult result =
      run_vitro({"doctor", "--json"}, {.environment = {"VITRO_CPU_ISA=mmx"}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(contains(result.err, "mmx")) << result.err;
  EXPECT_EQ(result.json()["problems"].size(), 1u);
}

}  // namespace
}  // namespace vitro::test
