#include "base/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace convolith {

#if defined(__linux__)

namespace {

/** A quota over a period as whole CPUs. Rounded down: threads beyond it would be throttled together, mid-run.
 */
int whole_cpus(double quota, double period, int unlimited) {
  if (!(quota > 0) || !(period > 0)) return unlimited;
  const double cpus = quota / period;
  return cpus >= unlimited ? unlimited : std::max(1, static_cast<int>(cpus));
}

/** `cpu.max` of version 2: "max 100000" or "200000 100000". */
int quota_v2(const std::string& folder, int unlimited) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max") return unlimited;
  std::istringstream number(quota);
  double value = 0;
  number >> value;
  return whole_cpus(value, period, unlimited);
}

/** Version 1 has a file for each of the two numbers, and a quota of -1 for none. */
int quota_v1(const std::string& folder, int unlimited) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (!(quota_file >> quota) || !(period_file >> period)) return unlimited;
  return whole_cpus(quota, period, unlimited);
}

/** The least quota from `path` up to the root: a parent's quota binds its children too. */
template <typename Quota>
int least_quota(const std::string& mount, std::string path, int unlimited, Quota quota) {
  int cpus = quota(mount, unlimited);
  while (path.size() > 1) {
    cpus = std::min(cpus, quota(mount + path, unlimited));
    path.erase(path.rfind('/'));
  }
  return cpus;
}

bool lists_cpu(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

int cgroup_cpus(int unlimited) {
  int cpus = unlimited;
  std::ifstream membership("/proc/self/cgroup");
  // Lines are "id:controllers:path"; version 2 has an empty list of controllers.
  for (std::string line; std::getline(membership, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (controllers.empty()) {
      cpus = std::min(cpus, least_quota("/sys/fs/cgroup", path, unlimited, quota_v2));
    } else if (lists_cpu(controllers)) {
      cpus = std::min(cpus, least_quota("/sys/fs/cgroup/cpu", path, unlimited, quota_v1));
      cpus = std::min(cpus, least_quota("/sys/fs/cgroup/cpu,cpuacct", path, unlimited, quota_v1));
    }
  }
  return cpus;
}

#else

int cgroup_cpus(int unlimited) { return unlimited; }

#endif

}  // namespace convolith
