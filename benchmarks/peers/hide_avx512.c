// Preloaded into a process, makes CPUID deny AVX-512 and AMX, so that every library in it that
// chooses kernels by CPUID takes those for AVX2. It needs CPUID faulting ("cpuid_fault" in
// /proc/cpuinfo): the instruction raises SIGSEGV, and the handler below answers in its place.
// Libraries ask once, at start, so that nothing which is timed becomes slower.
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static struct sigaction previous;

static long allow_cpuid(int allowed) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, allowed); }

static void clear_bits(unsigned* value, const int* bits, int count) {
  for (int i = 0; i < count; ++i) *value &= ~(1u << bits[i]);
}

// The numbers of the bits are those of Intel's manual, volume 2A, CPUID; [eax, ebx, ecx, edx].
static void hide(unsigned leaf, unsigned subleaf, unsigned regs[4]) {
  static const int kAvx512Ebx[] = {16, 17, 21, 26, 27, 28, 30, 31};  // F DQ IFMA PF ER CD BW VL
  static const int kAvx512Ecx[] = {1, 6, 11, 12, 14};         // VBMI VBMI2 VNNI BITALG VPOPCNTDQ
  static const int kAvx512Edx[] = {2, 3, 8, 22, 23, 24, 25};  // 4VNNIW 4FMAPS VP2INTERSECT AMX FP16
  static const int kFormatsEax[] = {5, 21};                   // AVX512_BF16 AMX_FP16
  static const int kAvx10Edx[] = {19};
  static const int kStateEax[] = {5, 6, 7, 17, 18};  // XCR0: opmasks, zmm, tiles
  if (leaf == 7 && subleaf == 0) {
    clear_bits(&regs[1], kAvx512Ebx, 8);
    clear_bits(&regs[2], kAvx512Ecx, 5);
    clear_bits(&regs[3], kAvx512Edx, 7);
  } else if (leaf == 7 && subleaf == 1) {
    clear_bits(&regs[0], kFormatsEax, 2);
    clear_bits(&regs[3], kAvx10Edx, 1);
  } else if (leaf == 0xd && subleaf == 0) {
    clear_bits(&regs[0], kStateEax, 5);
  }
}

static void on_fault(int signal_number, siginfo_t* info, void* context) {
  greg_t* gregs = ((ucontext_t*)context)->uc_mcontext.gregs;
  const unsigned char* code = (const unsigned char*)gregs[REG_RIP];
  // SI_KERNEL: a general protection fault, so that `code` itself is readable.
  if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2) {
    sigaction(signal_number, &previous, NULL);  // the instruction runs again and fails for good
    return;
  }
  unsigned regs[4];
  const unsigned leaf = (unsigned)gregs[REG_RAX];
  const unsigned subleaf = (unsigned)gregs[REG_RCX];
  allow_cpuid(1);
  __cpuid_count(leaf, subleaf, regs[0], regs[1], regs[2], regs[3]);
  allow_cpuid(0);
  hide(leaf, subleaf, regs);
  gregs[REG_RAX] = regs[0];
  gregs[REG_RBX] = regs[1];
  gregs[REG_RCX] = regs[2];
  gregs[REG_RDX] = regs[3];
  gregs[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, &previous);
  if (allow_cpuid(0) != 0) {
    perror("hide_avx512: no CPUID faulting here");
    exit(1);
  }
}
