#include "isa/isa.h"

#include <atomic>

#include "base/check.h"
#include "base/cpu.h"
#include "kernels/table.h"

namespace convolith {

#define ISA(name, runs) const KernelTable* name##_table();
#include "isa/isas.inc"
#undef ISA

namespace {

struct Isa {
  const char* name;
  /** Null where this binary has no kernels for it or the CPU does not run them. */
  const KernelTable* table;
};

const std::vector<Isa>& isas() {
  // The CPU is asked first: building a table already runs code of its region.
  static const std::vector<Isa> list = {
#define ISA(name, runs) {#name, (runs) ? name##_table() : nullptr},
#include "isa/isas.inc"
#undef ISA
  };
  return list;
}

const KernelTable* best() {
  for (const Isa& isa : isas()) {
    if (isa.table != nullptr) return isa.table;
  }
  return nullptr;
}

std::atomic<const KernelTable*>& selected() {
  static std::atomic<const KernelTable*> table{best()};
  return table;
}

template <class List, class Name>
std::string join(const List& list, Name name) {
  std::string text;
  for (const auto& entry : list) text += (text.empty() ? "" : ", ") + std::string(name(entry));
  return text;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas()) {
    if (isa.table != nullptr) names.emplace_back(isa.name);
  }
  return names;
}

const KernelTable& current_kernels() { return *selected().load(std::memory_order_acquire); }

void select_isa(const std::string& name) {
  for (const Isa& isa : isas()) {
    if (name != isa.name) continue;
    if (isa.table == nullptr) {
      throw Error(ErrorCode::unsupported, "Expected an instruction set that this CPU runs (" +
                                              join(available_isas(), [](const std::string& s) { return s; }) +
                                              ") for isa but received \"" + name + "\"");
    }
    selected().store(isa.table, std::memory_order_release);
    return;
  }
  throw Error(ErrorCode::option, "Expected one of " + join(isas(), [](const Isa& isa) { return isa.name; }) +
                                     " for isa but received \"" + name + "\"");
}

}  // namespace convolith
