// The C++ core without Node: `core_test CASES SEED [ISA]`. Random layers between guard pages, then many
// threads on one layer and on the pool. Built for each sanitizer, and as it ships for the guard pages and
// valgrind.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/cpu.h"
#include "base/task_shares.h"
#include "base/thread_pool.h"
#include "isa/isa.h"
#include "layer_case.h"
#include "plan/plan.h"

namespace convolith::test {

namespace {

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("Expected ") + what);
}

void random_layers(int cases, unsigned seed) {
  std::mt19937 random(seed);
  int run = 0, runs = 0;
  for (int drawn = 0; drawn < cases; ++drawn) {
    std::vector<std::uint8_t> bytes(256);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    Choices choices(bytes.data(), bytes.size());
    validate_anything(choices);
    try {
      if (const auto one = read_case(choices)) runs += run_case(*one), ++run;
    } catch (const Error& error) {
      expect(error.code() == ErrorCode::shape || error.code() == ErrorCode::option,
             "a refusal of the geometry");
    }
  }
  std::printf("%d layers of %d cases, %d runs\n", run, cases, runs);
  expect(run > cases / 10, "more layers that run");
}

/** 3×3, padded, all ones: an inner output is the number of its taps. */
struct Ones {
  static constexpr Index kChannels = 8, kSize = 20;
  Layer layer{[] {
    Stage stage;
    stage.spec.in_channels = stage.spec.out_channels = kChannels;
    stage.spec.kernel = {1, 3, 3};
    stage.weight.assign(kChannels * kChannels * 9, 1.0F);
    return stage;
  }()};
  ConvGeometry geometry{1, {1, kSize, kSize}, {1, kSize, kSize}, {0, 1, 1}, {0, 1, 1}};
  std::vector<float> input = std::vector<float>(kChannels * kSize * kSize, 1.0F);

  bool right(const Plan& plan, const CancelToken* token = nullptr) const {
    std::vector<float> output(input.size());
    plan.run(input.data(), output.data(), nullptr, token);
    return output[0] == 4 * kChannels && output[kSize + 1] == 9 * kChannels;
  }
};

/** 1×1 to panels whose last channels some families of cores carry on: outputs of 2 MiB that begin as far from
 * a line as JavaScript's arrays do, all the same bits whichever the family. */
void carried_channels() {
  constexpr Index kInputs = 5, kOutputs = 192, kPixels = 2801, kFromLine = 4;
  const CpuFamily machine = cpu_family();
  const std::string best = available_isas().front();
  set_thread_limit(2);
  std::mt19937 random(7);
  const auto draw = [&](Index count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = static_cast<float>(random() % 1000) / 500.0F - 1.0F;
    return values;
  };
  Stage stage;
  stage.spec.in_channels = kInputs;
  stage.spec.out_channels = kOutputs;
  stage.spec.kernel = {1, 1, 1};
  stage.spec.channels_last = true;
  stage.weight = draw(kInputs * kOutputs);
  stage.bias = draw(kOutputs);
  const std::vector<float> input = draw(kInputs * kPixels), residual = draw(kOutputs * kPixels);
  const ConvGeometry geometry{1, {1, 1, kPixels}, {1, 1, kPixels}, {0, 0, 0}, {0, 0, 0}};
  for (const std::string& isa : available_isas()) {
    select_isa(isa);
    for (const bool adds : {false, true}) {
      std::vector<float> first;
      for (const CpuFamily family : {CpuFamily::other, CpuFamily::amd, CpuFamily::amd_by_halves}) {
        pretend_cpu_family(family);
        Layer layer{Stage(stage)};
        AlignedBuffer map(kOutputs * kPixels + 32);
        float* const output = map.data() + kFromLine;
        layer.plan(geometry)->run(input.data(), output, adds ? residual.data() : nullptr, nullptr);
        const std::vector<float> outputs(output, output + kOutputs * kPixels);
        if (first.empty()) first = outputs;
        expect(outputs == first, "the same bits for every family of cores");
        for (Index i = 0; i < map.size(); ++i) {
          const bool outside = i < kFromLine || i >= kFromLine + kOutputs * kPixels;
          expect(!outside || map.data()[i] == 0.0F, "nothing written beside the outputs");
        }
      }
    }
  }
  select_isa(best);
  pretend_cpu_family(machine);
}

void concurrent_runs() {
  set_thread_limit(3);
  Ones ones;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 25; ++round) right += ones.right(*ones.layer.plan(ones.geometry));
    });
  }
  for (auto& thread : threads) thread.join();
  expect(right == 100, "100 right runs of one layer on four threads");
}

void submitted_runs() {
  Ones ones;
  const auto plan = ones.layer.plan(ones.geometry);
  std::atomic<int> right{0}, done{0};
  for (int i = 0; i < 100; ++i) {
    submit([&] {
      right += ones.right(*plan);
      ++done;
    });
    if (i % 10 == 0) set_thread_limit(1 + i % 3);
  }
  while (done < 100) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  expect(right == 100, "100 right submitted runs while the thread limit changes");
}

void cancelled_runs() {
  set_thread_limit(2);
  Ones ones;
  const auto plan = ones.layer.plan(ones.geometry);
  for (int round = 0; round < 20; ++round) {
    CancelToken token;
    std::thread other([&] { token.cancel(); });
    bool aborted = false;
    while (!aborted) {
      // For machines of one core: the one who cancels must come to run.
      std::this_thread::yield();
      try {
        expect(ones.right(*plan, &token), "a right run where it was not stopped");
      } catch (const Error& error) {
        expect(error.code() == ErrorCode::aborted, "an abort");
        aborted = true;
      }
    }
    other.join();
    expect(ones.right(*plan), "a right run after an aborted one");
  }
}

void thrown_bodies() {
  set_thread_limit(3);
  for (int round = 0; round < 50; ++round) {
    bool thrown = false;
    try {
      parallel_for(64, [](Index task) {
        if (task == 31) throw std::runtime_error("mine");
      });
    } catch (const std::runtime_error& error) {
      thrown = std::string(error.what()) == "mine";
    }
    expect(thrown, "what a body throws to come out");
  }
}

/** Every task once, whoever claims it: threads of shares, those beyond them, and those without work left. */
void shared_tasks() {
  for (const int threads : {1, 2, 3, 16, 20}) {
    for (const Index tasks : {Index{1}, Index{2}, Index{3}, Index{17}, Index{1000}}) {
      for (const bool backward : {false, true}) {
        TaskShares shares(tasks, threads, backward);
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(tasks));
        std::vector<std::thread> claimants;
        for (int thread = 0; thread < threads; ++thread) {
          claimants.emplace_back([&, thread] {
            for (Index task; (task = shares.claim(thread)) >= 0;) ++done[static_cast<std::size_t>(task)];
          });
        }
        for (std::thread& claimant : claimants) claimant.join();
        for (const auto& times : done) expect(times == 1, "each task once");
        expect(!shares.has_tasks(), "no task left");
      }
    }
  }
  TaskShares shares(TaskShares::kMostTasks, 2, true);
  expect(shares.claim(0) == TaskShares::kMostTasks / 2 - 1, "the last task of a share first");
  expect(shares.claim(1) == TaskShares::kMostTasks - 1, "the last task of all first");
  shares.drop();
  expect(!shares.has_tasks(), "no task left of those dropped");
}

}  // namespace

}  // namespace convolith::test

int main(int count, char** arguments) {
  using namespace convolith;
  try {
    const int cases = count > 1 ? std::atoi(arguments[1]) : 200;
    const auto seed = static_cast<unsigned>(count > 2 ? std::atoi(arguments[2]) : 1);
    test::random_layers(cases, seed);
    if (count > 3 && std::string(arguments[3]) == "layers") return 0;
    test::carried_channels();
    test::concurrent_runs();
    test::submitted_runs();
    test::cancelled_runs();
    test::thrown_bodies();
    test::shared_tasks();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED: %s\n", error.what());
    return 1;
  }
  return 0;
}
