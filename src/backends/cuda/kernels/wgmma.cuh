#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

// Hopper's asynchronous products. Names follow the PTX ISA. What uses them is compiled for sm_90a
// alone (CMakeLists.txt); ptxas refuses them elsewhere.
namespace vitro::cuda {

/// A [rows, 64] operand of 16-bit elements in shared memory, rows of 128 bytes swizzled by 128
/// bytes.
__device__ __forceinline__ uint64_t wgmma_operand(uint32_t shared) {
  constexpr uint64_t kSwizzle128 = 1ull << 62, kEightRows = static_cast<uint64_t>(1024 >> 4) << 32;
  return kSwizzle128 | kEightRows | 1ull << 16 | (shared & 0x3ffff) >> 4;
}
__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}
/// Four warps give up registers, or take what others of their block gave up, to have kCount each.
template <int kCount>
__device__ __forceinline__ void release_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}

/// d[64, kN] = a[64, 16] b[kN, 16]^T, added to d when `accumulate` is not 0; both operands in
/// shared memory.
template <typename T, int kN>
__device__ __forceinline__ void wgmma_64x16(float (&d)[kN / 2], uint64_t a, uint64_t b,
                                            int accumulate);
/// The same with a in registers, as mma_16816 takes it from each warp's 16 rows.
template <typename T, int kN>
__device__ __forceinline__ void wgmma_64x16(float (&d)[kN / 2], const uint32_t (&a)[4], uint64_t b,
                                            int accumulate);

/// The same for b [16, kN] with rows of 128 bytes, which is transposed on its way.
template <typename T, int kN>
__device__ __forceinline__ void wgmma_64x16_transposed(float (&d)[kN / 2], const uint32_t (&a)[4],
                                                       uint64_t b, int accumulate);

/// d[64, kN] = a[64, 8] b[kN, 8]^T of tf32, as which it takes the upper bits of float32.
template <int kN>
__device__ __forceinline__ void wgmma_64x8_tf32(float (&d)[kN / 2], uint64_t a, uint64_t b,
                                                int accumulate);
/// The same with a in registers, as mma_1688_tf32 takes it from each warp's 16 rows.
template <int kN>
__device__ __forceinline__ void wgmma_64x8_tf32(float (&d)[kN / 2], const uint32_t (&a)[4],
                                                uint64_t b, int accumulate);

/// d[64, kN] = a[64, 32] b[kN, 32]^T of codes and int8, exactly; else as wgmma_64x16.
template <int kN>
__device__ __forceinline__ void wgmma_64x32_codes(int (&d)[kN / 2], uint64_t a, uint64_t b,
                                                  int accumulate);

/// The same of e4m3; sums keep some 14 bits.
template <int kN>
__device__ __forceinline__ void wgmma_64x32_e4m3(float (&d)[kN / 2], uint64_t a, uint64_t b,
                                                 int accumulate);

// The sums of a thread as PTX operands %0 and on, and as constraints of the asm statement.
// clang-format off
#define VITRO_NAMES_16 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15"
#define VITRO_NAMES_32 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define VITRO_NAMES_52 VITRO_NAMES_32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51"
#define VITRO_NAMES_64 VITRO_NAMES_32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define VITRO_SUMS_8(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define VITRO_INTS_8(i) "+r"(d[i]), "+r"(d[i + 1]), "+r"(d[i + 2]), "+r"(d[i + 3]), "+r"(d[i + 4]), "+r"(d[i + 5]), "+r"(d[i + 6]), "+r"(d[i + 7])
#define VITRO_INTS_32 VITRO_INTS_8(0), VITRO_INTS_8(8), VITRO_INTS_8(16), VITRO_INTS_8(24)
#define VITRO_INTS_64 VITRO_INTS_32, VITRO_INTS_8(32), VITRO_INTS_8(40), VITRO_INTS_8(48), VITRO_INTS_8(56)
#define VITRO_SUMS_16(i) VITRO_SUMS_8(i), VITRO_SUMS_8(i + 8)
#define VITRO_SUMS_32(i) VITRO_SUMS_8(i), VITRO_SUMS_8(i + 8), VITRO_SUMS_8(i + 16), VITRO_SUMS_8(i + 24)
#define VITRO_SUMS_52(i) VITRO_SUMS_32(i), VITRO_SUMS_16(i + 32), "+f"(d[i + 48]), "+f"(d[i + 49]), "+f"(d[i + 50]), "+f"(d[i + 51])
#define VITRO_SUMS_64(i) VITRO_SUMS_32(i), VITRO_SUMS_32(i + 32)
// clang-format on

// `a`, `b` and `p` are the numbers of the operands behind the sums.
#define VITRO_WGMMA_SHARED(T, type, n, sums, a_, b_, p_)                                      \
  template <>                                                                                 \
  __device__ __forceinline__ void wgmma_64x16<T, n>(float(&d)[n / 2], uint64_t a, uint64_t b, \
                                                    int accumulate) {                         \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_                                     \
                 ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type        \
                 " {" VITRO_NAMES_##sums "}, %" #a_ ", %" #b_ ", p, 1, 1, 0, 0;\n}"           \
                 : VITRO_SUMS_##sums(0)                                                       \
                 : "l"(a), "l"(b), "r"(accumulate));                                          \
  }
#define VITRO_WGMMA_REGISTERS(T, type, name, transposed, n, sums, a0, a1, a2, a3, b_, p_)         \
  template <>                                                                                     \
  __device__ __forceinline__ void name<T, n>(float(&d)[n / 2], const uint32_t(&a)[4], uint64_t b, \
                                             int accumulate) {                                    \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_                                         \
                 ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type            \
                 " {" VITRO_NAMES_##sums "}, {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3 "}, %" #b_     \
                                         ", p, 1, 1, " #transposed ";\n}"                         \
                 : VITRO_SUMS_##sums(0)                                                           \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));          \
  }
#define VITRO_WGMMA_TF32_SHARED(n, sums, a_, b_, p_)                                           \
  template <>                                                                                  \
  __device__ __forceinline__ void wgmma_64x8_tf32<n>(float(&d)[n / 2], uint64_t a, uint64_t b, \
                                                     int accumulate) {                         \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_                                      \
                 ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n                                  \
                 "k8.f32.tf32.tf32"                                                            \
                 " {" VITRO_NAMES_##sums "}, %" #a_ ", %" #b_ ", p, 1, 1;\n}"                  \
                 : VITRO_SUMS_##sums(0)                                                        \
                 : "l"(a), "l"(b), "r"(accumulate));                                           \
  }
#define VITRO_WGMMA_TF32_REGISTERS(n, sums, a0, a1, a2, a3, b_, p_)                           \
  template <>                                                                                 \
  __device__ __forceinline__ void wgmma_64x8_tf32<n>(float(&d)[n / 2], const uint32_t(&a)[4], \
                                                     uint64_t b, int accumulate) {            \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_                                     \
                 ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n                                 \
                 "k8.f32.tf32.tf32"                                                           \
                 " {" VITRO_NAMES_##sums "}, {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3 "}, %" #b_ \
                                         ", p, 1, 1;\n}"                                      \
                 : VITRO_SUMS_##sums(0)                                                       \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));      \
  }
#define VITRO_WGMMA_CODES(n, sums, a_, b_, p_)                                                 \
  template <>                                                                                  \
  __device__ __forceinline__ void wgmma_64x32_codes<n>(int(&d)[n / 2], uint64_t a, uint64_t b, \
                                                       int accumulate) {                       \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_                                      \
                 ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n                                  \
                 "k32.s32.u8.s8"                                                               \
                 " {" VITRO_NAMES_##sums "}, %" #a_ ", %" #b_ ", p;\n}"                        \
                 : VITRO_INTS_##sums                                                           \
                 : "l"(a), "l"(b), "r"(accumulate));                                           \
  }
#define VITRO_WGMMA_E4M3(n, sums, a_, b_, p_)                                                   \
  template <>                                                                                   \
  __device__ __forceinline__ void wgmma_64x32_e4m3<n>(float(&d)[n / 2], uint64_t a, uint64_t b, \
                                                      int accumulate) {                         \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #p_                                       \
                 ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n                                   \
                 "k32.f32.e4m3.e4m3"                                                            \
                 " {" VITRO_NAMES_##sums "}, %" #a_ ", %" #b_ ", p, 1, 1;\n}"                   \
                 : VITRO_SUMS_##sums(0)                                                         \
                 : "l"(a), "l"(b), "r"(accumulate));                                            \
  }
#define VITRO_WGMMA_BOTH_TYPES(form, ...) \
  form(__half, "f16", __VA_ARGS__) form(__nv_bfloat16, "bf16", __VA_ARGS__)

VITRO_WGMMA_BOTH_TYPES(VITRO_WGMMA_SHARED, 64, 32, 32, 33, 34)
VITRO_WGMMA_BOTH_TYPES(VITRO_WGMMA_SHARED, 104, 52, 52, 53, 54)
VITRO_WGMMA_BOTH_TYPES(VITRO_WGMMA_SHARED, 128, 64, 64, 65, 66)
VITRO_WGMMA_BOTH_TYPES(VITRO_WGMMA_REGISTERS, wgmma_64x16, 0, 64, 32, 32, 33, 34, 35, 36, 37)
VITRO_WGMMA_BOTH_TYPES(VITRO_WGMMA_REGISTERS, wgmma_64x16, 0, 128, 64, 64, 65, 66, 67, 68, 69)
VITRO_WGMMA_BOTH_TYPES(VITRO_WGMMA_REGISTERS, wgmma_64x16_transposed, 1, 32, 16, 16, 17, 18, 19, 20,
                       21)
VITRO_WGMMA_BOTH_TYPES(VITRO_WGMMA_REGISTERS, wgmma_64x16_transposed, 1, 64, 32, 32, 33, 34, 35, 36,
                       37)
VITRO_WGMMA_TF32_SHARED(64, 32, 32, 33, 34)
VITRO_WGMMA_TF32_REGISTERS(64, 32, 32, 33, 34, 35, 36, 37)
VITRO_WGMMA_TF32_REGISTERS(128, 64, 64, 65, 66, 67, 68, 69)
VITRO_WGMMA_CODES(64, 32, 32, 33, 34)
VITRO_WGMMA_CODES(128, 64, 64, 65, 66)
VITRO_WGMMA_E4M3(64, 32, 32, 33, 34)
VITRO_WGMMA_E4M3(128, 64, 64, 65, 66)

#undef VITRO_WGMMA_E4M3
#undef VITRO_WGMMA_CODES
#undef VITRO_WGMMA_TF32_REGISTERS
#undef VITRO_WGMMA_TF32_SHARED
#undef VITRO_WGMMA_BOTH_TYPES
#undef VITRO_WGMMA_REGISTERS
#undef VITRO_WGMMA_SHARED
#undef VITRO_SUMS_64
#undef VITRO_SUMS_52
#undef VITRO_SUMS_32
#undef VITRO_SUMS_16
#undef VITRO_SUMS_8
#undef VITRO_INTS_64
#undef VITRO_INTS_32
#undef VITRO_INTS_8
#undef VITRO_NAMES_64
#undef VITRO_NAMES_52
#undef VITRO_NAMES_32
#undef VITRO_NAMES_16

}  // namespace vitro::cuda
