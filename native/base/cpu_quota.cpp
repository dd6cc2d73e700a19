#include "base/cpu_quota.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
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

/**
 * The text of a file of the kernel's, empty where there is none. By C's streams: C++'s bring the locales of
 * the standard library along, which are a tenth of an addon that carries its own.
 */
std::string read_text(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  std::string text;
  if (file == nullptr) return text;
  char part[512];
  for (std::size_t count; (count = std::fread(part, 1, sizeof(part), file.get())) > 0;) {
    text.append(part, count);
  }
  return text;
}

/** The number at the start of a text; 0, which is no quota, where there is none. */
double number_of(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

/** `cpu.max` of version 2: "max 100000" or "200000 100000". */
int quota_v2(const std::string& folder, int unlimited) {
  const std::string text = read_text(folder + "/cpu.max");
  const auto space = text.find(' ');
  if (space == std::string::npos) return unlimited;
  return whole_cpus(number_of(text), number_of(text.substr(space)), unlimited);
}

/** Version 1 has a file for each of the two numbers, and a quota of -1 for none. */
int quota_v1(const std::string& folder, int unlimited) {
  const std::string quota = read_text(folder + "/cpu.cfs_quota_us");
  return whole_cpus(number_of(quota), number_of(read_text(folder + "/cpu.cfs_period_us")), unlimited);
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

/** The part of `text` from `at` to the next `mark`; `at` moves past it, and to the end after the last. */
std::string next_part(const std::string& text, std::size_t& at, char mark) {
  const std::size_t end = std::min(text.find(mark, at), text.size());
  std::string part = text.substr(at, end - at);
  at = std::min(end + 1, text.size());
  return part;
}

bool lists_cpu(const std::string& controllers) {
  for (std::size_t at = 0; at < controllers.size();) {
    if (next_part(controllers, at, ',') == "cpu") return true;
  }
  return false;
}

}  // namespace

int cgroup_cpus(int unlimited) {
  int cpus = unlimited;
  const std::string membership = read_text("/proc/self/cgroup");
  // Lines are "id:controllers:path"; version 2 has an empty list of controllers.
  for (std::size_t at = 0; at < membership.size();) {
    const std::string line = next_part(membership, at, '\n');
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
