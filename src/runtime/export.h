#pragma once

#include "export/onnx_export.h"
#include "runtime/same_results.h"
#include "vitro/build.h"

namespace vitro {

struct ExportReport {
  int64_t opset = 0;
  std::map<std::string, int64_t> before;  ///< nodes of an ONNX model by op, without constants
  std::map<std::string, int64_t> after;   ///< of the file that was written
  std::vector<std::string> transposes;    ///< nodes of the file that change the layout
  std::vector<ResultsAt> checks;          ///< the model and the file on the same inputs
  std::vector<std::string> notes;         ///< how the model was read
  uint64_t bytes = 0;                     ///< of the file
  /// The file beside it that has the weights, where they are too many for one file; else empty.
  std::filesystem::path data_file;
  uint64_t data_bytes = 0;
};

/// The most that a written model may differ from the one that was read (ResultsAt::error): sums in
/// another order, and weights that were folded in double.
inline constexpr double kMostExportError = 1e-4;

/// The same of products in 8 bits: where an input lies half-way between two codes, the other one.
inline constexpr double kMostQuantizedExportError = 0.05;

struct ExportOptions {
  int64_t opset = kUsualOnnxOpset;
  BuildOptions build{};
  bool quantized = false;                      ///< refuse a model without products in 8 bits
  uint64_t most_bytes = onnx::kMaxModelBytes;  ///< of one file
};

/// Reads a checkpoint, a plan or an ONNX model, optimises it as build() does and writes it as ONNX:
/// the same inputs and outputs with the same open extents, ops of standard ONNX alone. What was
/// written is read back and compared with the model as it was read before it is put in place of
/// `file`. Throws what build() does, InvalidArgument where `quantized` is not kept, Unsupported for
/// what the opset cannot say, Internal when the results differ by more than these bounds, and
/// DeviceError when the file cannot be written. Nothing is written then.
///
/// More weights than one file of ONNX may have lie in `file` + ".data". Each of the two files
/// appears whole or not at all, the weights first.
ExportReport export_model(const std::filesystem::path& model, const std::filesystem::path& file,
                          const ExportOptions& options = {});

}  // namespace vitro
