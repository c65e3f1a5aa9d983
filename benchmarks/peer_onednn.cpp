#include <omp.h>

#include <dnnl.hpp>
#include <memory>
#include <unordered_map>

#include "peer.h"

namespace vitro::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

struct Primitive {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;

  void bind(int id, const memory::desc& desc) {
    memory m(desc, engine);
    auto* data = static_cast<float*>(m.get_data_handle());
    for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i)
      data[i] = static_cast<float>(i * 7919 % 1000) * 1e-3f - 0.5f;
    arguments.emplace(id, m);
  }
};

PeerRun runner(std::shared_ptr<Primitive> p) {
  omp_set_num_threads(1);  // of this thread, which will also run it
  return [p] {
    p->primitive.execute(p->stream, p->arguments);
    p->stream.wait();
  };
}

memory::desc floats(const memory::dims& dims, Tag tag) {
  return {dims, memory::data_type::f32, tag};
}

PeerRun convolution(const memory::desc& src, const memory::desc& weights, int64_t out_c,
                    const memory::dims& out, int64_t stride, int64_t padding) {
  auto p = std::make_shared<Primitive>();
  const memory::desc bias = floats({out_c}, Tag::a);
  const dnnl::convolution_forward::desc desc(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weights, bias,
      floats(out, Tag::acdb), {stride, stride}, {padding, padding}, {padding, padding});
  const dnnl::convolution_forward::primitive_desc chosen(desc, p->engine);
  p->primitive = dnnl::convolution_forward(chosen);
  p->bind(DNNL_ARG_SRC, chosen.src_desc());
  p->bind(DNNL_ARG_WEIGHTS, chosen.weights_desc());
  p->bind(DNNL_ARG_BIAS, chosen.bias_desc());
  p->bind(DNNL_ARG_DST, chosen.dst_desc());
  return runner(p);
}

}  // namespace

const char* peer_name() {
  static const std::string kName = "oneDNN " + std::to_string(dnnl_version()->major) + "." +
                                   std::to_string(dnnl_version()->minor) + "." +
                                   std::to_string(dnnl_version()->patch);
  return kName.c_str();
}

PeerRun peer_matmul(int64_t m, int64_t n, int64_t k, bool gelu, bool packed) {
  auto p = std::make_shared<Primitive>();
  dnnl::primitive_attr attr;
  if (gelu) {
    dnnl::post_ops ops;
    ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_gelu_erf, 0, 0);
    attr.set_post_ops(ops);
  }
  const dnnl::matmul::desc desc(floats({m, k}, Tag::ab),
                                floats({k, n}, packed ? Tag::any : Tag::ab),
                                floats({1, n}, Tag::ab), floats({m, n}, Tag::ab));
  const dnnl::matmul::primitive_desc chosen(desc, attr, p->engine);
  p->primitive = dnnl::matmul(chosen);
  p->bind(DNNL_ARG_SRC, chosen.src_desc());
  p->bind(DNNL_ARG_WEIGHTS, chosen.weights_desc());
  p->bind(DNNL_ARG_BIAS, chosen.bias_desc());
  p->bind(DNNL_ARG_DST, chosen.dst_desc());
  return runner(p);
}

PeerRun peer_depthwise(int64_t h, int64_t w, int64_t c, int64_t kernel) {
  return convolution(floats({1, c, h, w}, Tag::acdb), floats({c, 1, 1, kernel, kernel}, Tag::any),
                     c, {1, c, h, w}, 1, kernel / 2);
}

PeerRun peer_patches(int64_t h, int64_t w, int64_t c, int64_t kernel, int64_t out_c) {
  return convolution(floats({1, c, h, w}, Tag::acdb), floats({out_c, c, kernel, kernel}, Tag::any),
                     out_c, {1, out_c, h / kernel, w / kernel}, kernel, 0);
}

}  // namespace vitro::bench
