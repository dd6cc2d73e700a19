// One trial of oneDNN: `onednn SECONDS RESULT <WORKLOAD`. As its documentation says to get the most of it:
// memory formats of its own choosing from layer to layer, weights reordered once, primitives and memory made
// once. Input and output stay in its formats too, so a caller with plain NCHW or NHWC data pays a reorder on
// top.
//
// WORKLOAD, in the machine's byte order: u32 chains, u32 whether ReLU follows each layer; per chain: u32
// layers, the input's dims (u32 rank, u32 each), its f32 values; per layer: u32 transposed, u32 whether in
// groups, the output's dims, the weight's dims ([out, in, …kernel], with groups [groups, out / groups, in /
// groups, …kernel]), strides, dilations, paddings before, paddings after; f32 weights, f32 bias. RESULT: f64
// milliseconds to the first run's end, u32 runs, f64 milliseconds each, the outputs' f32 values in NCHW.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <unordered_map>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

namespace {

using dnnl::memory;
using Dims = memory::dims;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

template <typename T>
std::vector<T> read_many(std::size_t count) {
  std::vector<T> values(count);
  if (std::fread(values.data(), sizeof(T), count, stdin) != count) std::exit(2);
  return values;
}

std::uint32_t read_one() { return read_many<std::uint32_t>(1)[0]; }

Dims read_dims(std::size_t rank) {
  const auto values = read_many<std::uint32_t>(rank);
  return Dims(values.begin(), values.end());
}

std::size_t volume(const Dims& dims) {
  std::size_t count = 1;
  for (const auto dim : dims) count *= static_cast<std::size_t>(dim);
  return count;
}

Dims row_major(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t axis = dims.size() - 1; axis > 0; --axis) strides[axis - 1] = strides[axis] * dims[axis];
  return strides;
}

/** The plain format of any rank. */
memory::desc plain(const Dims& dims) { return {dims, memory::data_type::f32, row_major(dims)}; }

memory::desc any(const Dims& dims) { return {dims, memory::data_type::f32, memory::format_tag::any}; }

struct Step {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
};

struct Program {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<Step> steps;

  void run() {
    for (const Step& step : steps) step.primitive.execute(stream, step.arguments);
    stream.wait();
  }

  /** A value in the wanted format: reordered here and now, or in every run. */
  memory in_format(const memory& from, const memory::desc& wanted, bool every_run) {
    if (from.get_desc() == wanted) return from;
    const memory to(wanted, engine);
    const Step step{dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}};
    if (every_run) {
      steps.push_back(step);
    } else {
      step.primitive.execute(stream, step.arguments);
      stream.wait();
    }
    return to;
  }

  /** Appends a layer, of which the first of a chain finds its input in whatever format it likes. */
  template <typename Forward>
  memory append(const typename Forward::desc& desc, const dnnl::primitive_attr& attributes, bool first,
                const memory& source, const memory& weights, const memory& bias) {
    const typename Forward::primitive_desc chosen(desc, attributes, engine);
    const memory in = in_format(source, chosen.src_desc(), !first);
    const memory kernel = in_format(weights, chosen.weights_desc(), false);
    const memory out(chosen.dst_desc(), engine);
    steps.push_back(
        {Forward(chosen),
         {{DNNL_ARG_SRC, in}, {DNNL_ARG_WEIGHTS, kernel}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, out}}});
    return out;
  }
};

struct Layer {
  bool transposed;
  Dims output, weight, stride, dilation, before, after;
  std::vector<float> weights, bias;
};

Layer read_layer(std::size_t rank) {
  Layer layer;
  layer.transposed = read_one() != 0;
  const bool grouped = read_one() != 0;
  layer.output = read_dims(rank);
  layer.weight = read_dims(rank + (grouped ? 1 : 0));
  layer.stride = read_dims(rank - 2);
  layer.dilation = read_dims(rank - 2);
  // It counts the taps left out between two.
  for (auto& dilation : layer.dilation) --dilation;
  layer.before = read_dims(rank - 2);
  layer.after = read_dims(rank - 2);
  layer.weights = read_many<float>(volume(layer.weight));
  layer.bias = read_many<float>(static_cast<std::size_t>(layer.output[1]));
  return layer;
}

/** A transposed layer's weights lie [in, out, …kernel] within their group. */
memory::desc weight_desc(const Layer& layer) {
  if (!layer.transposed) return plain(layer.weight);
  const std::size_t out = layer.weight.size() - layer.output.size();
  Dims lying = layer.weight;
  std::swap(lying[out], lying[out + 1]);
  Dims strides = row_major(lying);
  std::swap(strides[out], strides[out + 1]);
  return {layer.weight, memory::data_type::f32, strides};
}

memory append_layer(Program& program, Layer& layer, const memory& source, bool first, bool relu) {
  using dnnl::prop_kind;
  const memory weights(weight_desc(layer), program.engine, layer.weights.data());
  const memory bias(plain({layer.output[1]}), program.engine, layer.bias.data());
  const memory::desc in = any(source.get_desc().dims()), kernel = any(layer.weight), out = any(layer.output);
  dnnl::primitive_attr attributes;
  if (relu) {
    dnnl::post_ops after;
    after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
    attributes.set_post_ops(after);
  }
  if (layer.transposed)
    return program.append<dnnl::deconvolution_forward>(
        {prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct, in, kernel, bias.get_desc(),
         out, layer.stride, layer.dilation, layer.before, layer.after},
        attributes, first, source, weights, bias);
  return program.append<dnnl::convolution_forward>(
      {prop_kind::forward_inference, dnnl::algorithm::convolution_auto, in, kernel, bias.get_desc(), out,
       layer.stride, layer.dilation, layer.before, layer.after},
      attributes, first, source, weights, bias);
}

std::vector<double> time_runs(const std::function<void()>& run, double seconds) {
  constexpr int kWarmUps = 5, kLeastRuns = 5, kMostRuns = 5000;
  for (int warm = 0; warm < kWarmUps; ++warm) run();
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < kLeastRuns ||
         (times.size() < kMostRuns && milliseconds_since(start) < seconds * 1000)) {
    const auto before = Clock::now();
    run();
    times.push_back(milliseconds_since(before));
  }
  return times;
}

template <typename T>
void write_many(std::FILE* file, const std::vector<T>& values) {
  if (std::fwrite(values.data(), sizeof(T), values.size(), file) != values.size()) std::exit(2);
}

}  // namespace

int main(int, char** argv) {
  const std::uint32_t chains = read_one();
  const bool relu = read_one() != 0;
  // Weights are read in place, so the layers outlive the program.
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<Layer>> layers(chains);
  std::vector<Dims> input_dims;
  for (auto& chain : layers) {
    chain.resize(read_one());
    const std::uint32_t rank = read_one();
    input_dims.push_back(read_dims(rank));
    inputs.push_back(read_many<float>(volume(input_dims.back())));
    for (Layer& layer : chain) layer = read_layer(rank);
  }

  const auto start = Clock::now();
  Program program;
  std::vector<memory> outputs;
  for (std::size_t chain = 0; chain < chains; ++chain) {
    memory value(plain(input_dims[chain]), program.engine, inputs[chain].data());
    bool first = true;
    for (Layer& layer : layers[chain]) {
      value = append_layer(program, layer, value, first, relu);
      first = false;
    }
    outputs.push_back(value);
  }
  program.run();
  const double first = milliseconds_since(start);
  const std::vector<double> times = time_runs([&] { program.run(); }, std::atof(argv[1]));

  std::FILE* file = std::fopen(argv[2], "wb");
  if (file == nullptr) return 2;
  write_many<double>(file, {first});
  write_many<std::uint32_t>(file, {static_cast<std::uint32_t>(times.size())});
  write_many(file, times);
  for (const memory& output : outputs) {
    const Dims dims = output.get_desc().dims();
    const memory to = program.in_format(output, plain(dims), false);
    const float* data = static_cast<const float*>(to.get_data_handle());
    write_many(file, std::vector<float>(data, data + volume(dims)));
  }
  const dnnl_version_t* version = dnnl::version();
  std::printf("%d.%d.%d", version->major, version->minor, version->patch);
  return std::fclose(file);
}
