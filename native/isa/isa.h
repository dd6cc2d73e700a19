#pragma once

#include <string>
#include <vector>

namespace convolith {

struct KernelTable;

/** Instruction sets that this CPU runs and this binary has kernels for, best first. */
std::vector<std::string> available_isas();

/** The table in use for layers made from now on; at the start the best of `available_isas()`. */
const KernelTable& current_kernels();

/** Throws `Error(option)` where the name is unknown and `Error(unsupported)` where this CPU or binary lacks
 * it. */
void select_isa(const std::string& name);

}  // namespace convolith
