#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "backends/packed_form.h"

namespace vitro {

/// What kernels made of the constants of one plan, shared by all its sessions and shapes. Losing it
/// costs time only. Threads may use it at once.
class PlanCache {
 public:
  /// `forms` are those that the constants of the plan may be stored in.
  explicit PlanCache(std::vector<const PackedForm*> forms = {}) : forms_(std::move(forms)) {}
  PlanCache(const PlanCache&) = delete;
  PlanCache& operator=(const PlanCache&) = delete;

  /// The constant in that form: itself when it is stored so, else packed when first asked for.
  Constant packed(const Constant& constant, const PackedForm& form);
  /// Its dense rows: itself, or unpacked when first asked for. Throws as form() does.
  Constant rows(const Constant& constant);
  /// The form that a constant is stored in. Throws Unsupported when this cache does not know it.
  const PackedForm& form(const Constant& constant) const;

  /// What was made, and is held beside the constants themselves.
  struct Entry {
    std::string form;  ///< "" for dense rows
    size_t count = 0;  ///< constants
    size_t bytes = 0;
  };
  /// What a backend keeps for the plan beside packed constants, for example weights in the memory
  /// of a device.
  class Kept {
   public:
    virtual ~Kept() = default;
    virtual Entry entry() const = 0;
  };
  /// Made when first asked for. The key names backend and device.
  std::shared_ptr<Kept> keep(const std::string& key,
                             const std::function<std::shared_ptr<Kept>()>& make);
  std::vector<Entry> entries() const;
  /// Of the constants that were asked for in forms with an inverse, those forms: what a plan file
  /// stores instead of the rows. By the address of the constant's bytes.
  std::map<const std::byte*, Constant> storable() const;

 private:
  using Key = std::pair<const std::byte*, std::string>;  // bytes of the constant; form and extents

  const std::vector<const PackedForm*> forms_;
  mutable std::mutex mutex_;
  std::map<Key, Constant> made_;
  std::map<Key, Constant> sources_;  // keep the addresses of the keys in use
  std::map<std::string, std::shared_ptr<Kept>> kept_;
};

}  // namespace vitro
