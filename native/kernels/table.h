#pragma once

#include "kernels/depthwise.h"
#include "kernels/dot.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/gemv.h"
#include "kernels/product_rows.h"
#include "kernels/reduce.h"
#include "kernels/resample.h"
#include "kernels/strassen.h"
#include "kernels/transpose.h"
#include "kernels/weight_grad.h"
#include "kernels/window.h"
#include "kernels/winograd.h"

namespace convolith {

/** All that one instruction set has: the only thing between the algorithms and the kernels. */
struct KernelTable {
  const char* name = nullptr;
  int lanes = 0;
  GemmKernels gemm;
  ProductKernels product;
  StrassenSumsKernel strassen_sums = nullptr;
  DepthwiseKernels depthwise;
  DotKernels dot;
  WinogradKernels winograd;
  WeightGradKernels weight_grad;
  ElementwiseKernels elementwise;
  WindowKernels window;
  ReduceKernels reduce;
  ResampleKernels resample;
  GemvKernels gemv;
  TransposeKernel transpose = nullptr;
  /** Runs `rounds` of `fma_probe_flops` operations each, for the peak that benchmarks are measured against.
   */
  float (*fma_probe)(Index rounds) = nullptr;
  Index fma_probe_flops = 0;
};

}  // namespace convolith
