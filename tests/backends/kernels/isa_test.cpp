#include <cstdlib>

#include "kernel_test.h"
#include "vitro/error.h"

namespace vitro::cpu {
namespace {

/// Sets VITRO_CPU_ISA for one test and restores it.
class IsaVariable {
 public:
  explicit IsaVariable(const char* value) {
    if (const char* old = std::getenv(kName)) old_ = old, was_set_ = true;
    value ? setenv(kName, value, 1) : unsetenv(kName);
  }
  ~IsaVariable() { was_set_ ? setenv(kName, old_.c_str(), 1) : unsetenv(kName); }

 private:
  static constexpr const char* kName = "VITRO_CPU_ISA";
  std::string old_;
  bool was_set_ = false;
};

TEST(Isa, DefaultsToTheBest) {
  const IsaVariable none(nullptr);
  EXPECT_EQ(select_isa(), detect_isa());
  EXPECT_EQ(available_isas().front(), Isa::Scalar);
  EXPECT_EQ(available_isas().back(), detect_isa());
}

TEST(Isa, VariableChooses) {
  for (Isa isa : available_isas()) {
    const IsaVariable chosen(isa_name(isa));
    EXPECT_EQ(select_isa(), isa);
    EXPECT_EQ(kernels(isa).isa, isa);
  }
}

TEST(Isa, UnknownValueIsNamed) {
  const IsaVariable wrong("sse9");
  try {
    select_isa();
    FAIL() << "accepted sse9";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidArgument);
    EXPECT_NE(std::string(error.what()).find("'sse9'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("scalar"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace vitro::cpu
