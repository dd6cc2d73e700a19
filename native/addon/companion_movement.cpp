// The addon's face of the companions that move values: copies and resizing.

#include <string>
#include <vector>

#include "addon/companion_arguments.h"
#include "addon/export_function.h"
#include "companions/copy.h"
#include "companions/resize.h"

namespace convolith {

namespace {

/** Regions of one call: any movement has fewer, and a wrong count must not ask for all memory. */
constexpr Index kMaxRegions = Index{1} << 20;

/** The least and the last offset that a region touches, from `offset` on. */
struct Reach {
  Index least, last;

  explicit Reach(Index offset) : least(offset), last(offset) {}
  void extend(Index size, Index step) { (step < 0 ? least : last) += (size - 1) * step; }
  bool inside(Index length) const { return least >= 0 && last < length; }
};

/** Reads blocks as `CompanionKernels.copy` lays them out, and checks every bound. */
class RegionReader {
 public:
  RegionReader(const TypedView& block, const TypedView& out, const std::vector<TypedView>& sources)
      : block_(block), out_(out), sources_(sources) {}

  std::vector<CopyRegion> read() {
    const Index count = next();
    if (count < 0 || count > kMaxRegions) {
      throw expected(ErrorCode::shape, "a count of regions", "block", std::to_string(count));
    }
    std::vector<CopyRegion> regions;
    for (Index i = 0; i < count; ++i) {
      const CopyRegion region = read_region();
      if (region.count() > 0) regions.push_back(region);
    }
    return regions;
  }

 private:
  Index next() {
    if (at_ >= block_.length) expect_at_least(block_, at_ + 1, "block");
    return block_.integers()[at_++];
  }

  CopyRegion read_region() {
    CopyRegion region;
    const Index source = next();
    if (source < 0 || source >= static_cast<Index>(sources_.size())) {
      throw expected(ErrorCode::shape, "the place of a source", "block", std::to_string(source));
    }
    const TypedView& from = sources_[static_cast<std::size_t>(source)];
    const Index offset = next();
    region.to = next();
    const Index rank = next();
    if (rank < 0 || rank > kMaxCopyRank) {
      throw expected(ErrorCode::shape, "0 to 8 axes", "block", std::to_string(rank));
    }
    region.rank = static_cast<int>(rank);
    Reach read(offset);
    Reach written(region.to);
    Index total = 1;
    for (int i = 0; i < region.rank; ++i) {
      CopyAxis& axis = region.axis[i];
      axis = {next(), next(), next()};
      total = product_of(total, axis.size);
      if (axis.size == 0) continue;
      read.extend(axis.size, axis.from_step);
      written.extend(axis.size, axis.to_step);
    }
    if (total > 0 && (total > kMaxElements || !read.inside(from.length) || !written.inside(out_.length))) {
      throw expected(ErrorCode::buffer, "regions inside of source and out", "block", "one beyond");
    }
    if (total > 0) region.from = from.data + offset * from.element_bytes;
    return region;
  }

  const TypedView& block_;
  const TypedView& out_;
  const std::vector<TypedView>& sources_;
  Index at_ = 0;
};

Napi::Value copy(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) throw expected(ErrorCode::option, "an array", "sources", show(info[0]));
  const auto list = info[0].As<Napi::Array>();
  const std::uint32_t count = list.Length();
  if (count > kMaxRegions) {
    throw expected(ErrorCode::shape, "fewer sources", "sources", std::to_string(count));
  }
  // All values are taken before any is looked at: an array's getters may run JavaScript.
  std::vector<Napi::Value> values;
  for (std::uint32_t i = 0; i < count; ++i) values.push_back(list.Get(i));
  TypedView out = typed_view(info[1], "out");
  std::vector<TypedView> sources;
  for (const Napi::Value& value : values) {
    sources.push_back(typed_view(value, "source"));
    if (sources.back().type != out.type) {
      throw expected(ErrorCode::dtype, "the kind of out", "source", "another kind");
    }
    expect_apart(out, sources.back(), "source");
  }
  const TypedView block = int_array(info[2], "block");
  run_copy(RegionReader(block, out, sources).read(), out.data, out.element_bytes);
  return info.Env().Undefined();
}

ResizeShape read_resize(const Napi::Value& value) {
  const std::int32_t* b = read_block(value, 6);
  for (int i = 0; i < 6; ++i) product_of(b[i]);
  return {b[0], b[1], b[2], b[3], b[4], b[5]};
}

void expect_maps(const ResizeShape& s, const TypedView& x, const TypedView& out) {
  expect_count(x, product_of(s.batch, s.input_height, s.input_width, s.channels), "x");
  expect_count(out, product_of(s.batch, s.height, s.width, s.channels), "out");
  expect_apart(out, x, "x");
}

/** Rows, and then columns, that lie on the map. */
void expect_places(const ResizeShape& s, const TypedView& places, const char* name) {
  expect_at_least(places, s.height + s.width, name);
  for (Index i = 0; i < s.height + s.width; ++i) {
    const Index place = places.integers()[i];
    if (place < 0 || place >= (i < s.height ? s.input_height : s.input_width)) {
      throw expected(ErrorCode::shape, "places on the map", name, std::to_string(place));
    }
  }
}

Napi::Value resize_bilinear(const Napi::CallbackInfo& info) {
  const TypedView x = float_array(info[0], "x");
  TypedView out = float_array(info[1], "out");
  const TypedView low = int_array(info[2], "low");
  const TypedView high = int_array(info[3], "high");
  const TypedView fraction = float_array(info[4], "fraction");
  const ResizeShape shape = read_resize(info[5]);
  expect_maps(shape, x, out);
  if (out.length == 0) return info.Env().Undefined();
  expect_places(shape, low, "low");
  expect_places(shape, high, "high");
  expect_at_least(fraction, shape.height + shape.width, "fraction");
  expect_apart(out, low, "low");
  expect_apart(out, high, "high");
  expect_apart(out, fraction, "fraction");
  run_resize_bilinear(shape, x.floats(), {low.integers(), high.integers(), fraction.floats()}, out.floats());
  return info.Env().Undefined();
}

Napi::Value resize_nearest(const Napi::CallbackInfo& info) {
  const TypedView x = float_array(info[0], "x");
  TypedView out = float_array(info[1], "out");
  const TypedView places = int_array(info[2], "places");
  const ResizeShape shape = read_resize(info[3]);
  expect_maps(shape, x, out);
  if (out.length == 0) return info.Env().Undefined();
  expect_places(shape, places, "places");
  expect_apart(out, places, "places");
  run_resize_nearest(shape, x.floats(), places.integers(), out.floats());
  return info.Env().Undefined();
}

}  // namespace

void export_movement(Napi::Env env, Napi::Object companions) {
  export_function<copy>(env, companions, "copy");
  export_function<resize_bilinear>(env, companions, "resizeBilinear");
  export_function<resize_nearest>(env, companions, "resizeNearest");
}

}  // namespace convolith
