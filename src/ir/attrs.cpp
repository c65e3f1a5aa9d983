#include "ir/attrs.h"

namespace vitro {
namespace {

constexpr std::array kPadModes{"constant", "reflect", "edge", "wrap"};
constexpr std::array kResizeModes{"nearest", "linear", "cubic"};
constexpr std::array kResizeCoordinates{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                        "align_corners", "asymmetric"};
constexpr std::array kResizeNearest{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};

}  // namespace

Attrs::Attrs() noexcept = default;
Attrs::Attrs(const Attrs& other) = default;
Attrs::Attrs(Attrs&& other) noexcept = default;
Attrs& Attrs::operator=(const Attrs& other) = default;
Attrs& Attrs::operator=(Attrs&& other) noexcept = default;
Attrs::~Attrs() = default;

std::span<const char* const> enum_names(PadMode) { return kPadModes; }
std::span<const char* const> enum_names(ResizeMode) { return kResizeModes; }
std::span<const char* const> enum_names(ResizeCoordinates) { return kResizeCoordinates; }
std::span<const char* const> enum_names(ResizeNearest) { return kResizeNearest; }

}  // namespace vitro
