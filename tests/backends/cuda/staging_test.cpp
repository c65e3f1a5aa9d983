#include "backends/cuda/staging.h"

#include <numeric>

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

TEST(Staging, SmallTensorsAreCopiedInFourPiecesAndLargeOnesByTheMegabyte) {
  EXPECT_EQ(Staging::piece_bytes(1), 64 * 1024u);
  EXPECT_EQ(Staging::piece_bytes(3 * 224 * 224 * 4), 192 * 1024u);
  EXPECT_EQ(Staging::piece_bytes(100 * kMegabyte), kMegabyte);
}

TEST(Staging, LocksABoundedPieceOfMemory) {
  EXPECT_EQ(Staging::locked_bytes(0), 0u);
  EXPECT_EQ(Staging::locked_bytes(4), kMegabyte);
  EXPECT_EQ(Staging::locked_bytes(4 * kMegabyte), 4 * kMegabyte);
  EXPECT_EQ(Staging::locked_bytes(1000 * kMegabyte), 16 * kMegabyte);
}

class StagingCopies : public DeviceTest {};

std::vector<uint32_t> numbers(size_t bytes, uint32_t first) {
  std::vector<uint32_t> values(bytes / sizeof(uint32_t));
  std::iota(values.begin(), values.end(), first);
  return values;
}

TEST_F(StagingCopies, BringEveryByteToTheGpuAndBack) {
  const Stream stream;
  for (const int threads : {1, 6}) {
    Staging staging({.threads = threads});
    // Larger than all page-locked memory, so that its pieces are used again, and odd sizes.
    for (const size_t bytes :
         {size_t{4}, kMegabyte / 10 * 4 + 4, 3 * kMegabyte, 50 * kMegabyte + 12}) {
      const DeviceMemory device(bytes);
      for (uint32_t turn = 0; turn < 3; ++turn) {
        std::vector<uint32_t> src = numbers(bytes, turn * 77), dst(src.size());
        const std::vector<uint32_t> expected = src;
        staging.copy(device.data(), src.data(), bytes, stream.get());
        std::fill(src.begin(), src.end(), 0);  // it has been read
        staging.copy(dst.data(), device.data(), bytes, stream.get());
        ASSERT_EQ(dst, expected) << bytes << " bytes, " << threads << " threads, turn " << turn;
      }
    }
  }
}

TEST_F(StagingCopies, GoStraightToPageLockedMemory) {
  const size_t bytes = 5 * kMegabyte;
  const Stream stream;
  Staging staging({.threads = 2});
  void* locked = nullptr;
  check_cuda(cudaHostAlloc(&locked, bytes, cudaHostAllocDefault), "page-locked memory");
  const std::vector<uint32_t> expected = numbers(bytes, 5);
  const DeviceMemory device(bytes), other(bytes);
  staging.copy(device.data(), expected.data(), bytes, stream.get());
  staging.copy(other.data(), device.data(), bytes, stream.get());
  staging.copy(locked, other.data(), bytes, stream.get());
  stream.wait();
  EXPECT_EQ(std::memcmp(locked, expected.data(), bytes), 0);
  cudaFreeHost(locked);
}

TEST_F(StagingCopies, FromPageableToPageableNeedNoGpu) {
  const std::vector<uint32_t> src = numbers(kMegabyte, 1);
  std::vector<uint32_t> dst(src.size());
  Staging({.threads = 2}).copy(dst.data(), src.data(), kMegabyte, nullptr);
  EXPECT_EQ(dst, src);
}

}  // namespace
}  // namespace vitro::cuda
