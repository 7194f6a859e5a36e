/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks functions whose loops are worth a second copy for wider vectors, chosen when the program starts. AVX2 alone
 * brings no fused multiply-add, so both copies give the same bits. Private to src/synth.
 */
#ifndef JIG_SYNTH_FAST_H
#define JIG_SYNTH_FAST_H

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define SYNTH_FAST __attribute__((target_clones("avx2", "default")))
#else
#define SYNTH_FAST
#endif
#define SYNTH_INLINE static inline __attribute__((always_inline))

#endif
