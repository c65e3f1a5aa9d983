#include "calibration/precision_search.h"

#include <algorithm>

#include "core/check.h"

namespace vitro {
namespace {

constexpr const char* kReason = "restored for --max-drop";

class Search {
 public:
  Search(QuantizationRecord& record, const PrecisionTrials& trials)
      : record_(record), trials_(trials), search_(*record.search), all_(record) {}

  SearchResult run() {
    if (!evaluate(0)) return SearchResult::Stopped;
    if (holds_) return finish(0);
    if (!measure()) return SearchResult::Stopped;
    order_ = by_sensitivity(all_);
    return restore();
  }

 private:
  /// Evaluates the model with the first `count` products restored; false when that was stopped.
  bool evaluate(size_t count) {
    const QuantizationRecord trial = restored(count);
    std::optional<PrecisionPoint> point = trials_.evaluate(trial);
    if (!point) return false;
    point->products = trial.num_in_8_bits();
    point->flops = trial.flops_in_8_bits();
    search_.points.push_back(*point);
    holds_ = is_at_most(search_.drop(*point), search_.max_drop);
    if (holds_) search_.chosen = search_.points.size() - 1;
    return true;
  }

  bool measure() {
    for (ProductRecord& product : all_.products) {
      if (!product.in_8_bits() || product.forced) continue;
      QuantizationRecord alone = all_;
      for (ProductRecord& other : alone.products)
        if (other.in_8_bits() && other.product != product.product) other.stays_float = kReason;
      product.divergence = trials_.divergence(alone);
      if (!product.divergence) return false;
    }
    return true;
  }

  /// Numbers of restored products up to `least` are too few. All of them are enough when none is in
  /// 8 bits then, which is no plan in 8 bits.
  SearchResult restore() {
    const QuantizationRecord float_model = restored(order_.size());
    const size_t most = order_.size() + (float_model.num_in_8_bits() > 0 ? 1 : 0);
    size_t least = 0, enough = most;
    for (size_t step = 1; least + 1 < enough; step *= 2) {
      const bool found = enough < most;
      const size_t count = found ? least + (enough - least) / 2 : std::min(step, most - 1);
      if (!evaluate(count)) return SearchResult::Stopped;
      (holds_ ? enough : least) = count;
    }
    if (enough < most) return finish(enough);
    record_ = all_;
    record_.search = search_;
    return SearchResult::OutOfReach;
  }

  SearchResult finish(size_t count) {
    record_ = restored(count);
    record_.search = search_;
    return SearchResult::Within;
  }

  QuantizationRecord restored(size_t count) const {
    QuantizationRecord result = all_;
    for (size_t i = 0; i < count; ++i) result.products[order_[i]].stays_float = kReason;
    return result;
  }

  QuantizationRecord& record_;
  const PrecisionTrials& trials_;
  PrecisionSearch search_;
  QuantizationRecord all_;  ///< as many in 8 bits as may be
  std::vector<size_t> order_;
  bool holds_ = false;  ///< the point that was evaluated last
};

/// What is lost for what is won: divergence per FLOP.
double sensitivity(const ProductRecord& product) {
  return *product.divergence / std::max(product.flops, 1.0);
}

}  // namespace

SearchResult search_precisions(QuantizationRecord& record, const PrecisionTrials& trials) {
  check(record.search && record.search->points.empty(), ErrorCode::Internal,
        "a search for precisions without a bound, or one that was run");
  return Search(record, trials).run();
}

std::vector<size_t> by_sensitivity(const QuantizationRecord& record) {
  std::vector<size_t> order;
  for (size_t i = 0; i < record.products.size(); ++i)
    if (record.products[i].divergence) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return sensitivity(record.products[a]) > sensitivity(record.products[b]);
  });
  return order;
}

bool is_pareto(const PrecisionSearch& search, size_t point) {
  const PrecisionPoint& own = search.points[point];
  const double own_drop = search.drop(own).value;
  return std::none_of(search.points.begin(), search.points.end(), [&](const PrecisionPoint& other) {
    const double drop = search.drop(other).value;
    return other.flops >= own.flops && drop <= own_drop &&
           (other.flops > own.flops || drop < own_drop);
  });
}

}  // namespace vitro
