#pragma once

namespace convolith {

/** Whole CPUs that the cgroup's quota (v1 or v2) leaves this process, at least 1; `unlimited` where there is
 * none. */
int cgroup_cpus(int unlimited);

}  // namespace convolith
