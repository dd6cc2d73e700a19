#pragma once

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace convolith {

/** `total` cut into pieces as even as whole numbers are. For a loop over many pieces: 64-bit divisions for
 * each were a tenth of the time of 32 to 64 channels. */
class EvenPieces {
 public:
  constexpr EvenPieces(Index total, Index pieces) : each_(total / pieces), larger_(total % pieces) {}
  constexpr Index begin(Index i) const { return each_ * i + std::min(i, larger_); }
  constexpr int size(Index i) const { return static_cast<int>(each_ + (i < larger_ ? 1 : 0)); }

 private:
  Index each_, larger_;
};

/** `total` cut into as few pieces of at most `most` as there can be: full ones, and at the end one or two
 * even ones, so that one call multiplies a stretch of tiles. */
class FullPieces {
 public:
  constexpr FullPieces(Index total, int most)
      : most_(most),
        full_(total % most == 0 ? total / most : std::max<Index>(total / most - 1, 0)),
        rest_(total - full_ * most),
        count_(ceil_div(total, most)) {}
  constexpr Index count() const { return count_; }
  /** Full ones come first. */
  constexpr Index full() const { return full_; }
  constexpr Index begin(Index i) const { return i <= full_ ? i * most_ : full_ * most_ + half(); }
  constexpr int size(Index i) const {
    if (i < full_) return most_;
    if (count_ - full_ == 1) return static_cast<int>(rest_);
    return static_cast<int>(i == full_ ? half() : rest_ - half());
  }

 private:
  constexpr Index half() const { return count_ - full_ == 1 ? rest_ : (rest_ + 1) / 2; }

  int most_;
  Index full_, rest_, count_;
};

/** `total` cut into as few pieces of `most` and of one less as there can be: all from (most - 1)(most - 2)
 * on, and some smaller ones. */
class NearFullPieces {
 public:
  constexpr NearFullPieces(Index total, int most)
      : count_(ceil_div(total, most)), full_(total - count_ * (most - 1)) {}
  constexpr bool exist() const { return full_ >= 0; }
  constexpr Index count() const { return count_; }
  /** Of `most`, which come first. */
  constexpr Index full() const { return full_; }

 private:
  Index count_, full_;
};

/** Where piece `i` of `pieces` begins, of pieces as even as whole numbers are. So are equal numbers of
 * neighbouring ones, which are a thread's share: 14 rows in 6 pieces are 3 + 2 + 2 and 3 + 2 + 2. Of an odd
 * number the first share has one piece more, and so smaller ones: 7 rows in 3 are 2 + 2 and 3. */
constexpr Index piece_begin(Index total, Index pieces, Index i) {
  return pieces % 2 == 0 ? ceil_div(total * i, pieces) : total * i / pieces;
}

/** `total` cut into `count` such pieces of whole units; the last unit may be a part of one. */
class UnitPieces {
 public:
  constexpr UnitPieces(Index total, Index unit, Index count)
      : total_(total), unit_(unit), count_(count), units_(ceil_div(total, unit)) {}
  constexpr Index count() const { return count_; }
  constexpr Index begin(Index i) const { return std::min(piece_begin(units_, count_, i) * unit_, total_); }
  constexpr Index size(Index i) const { return begin(i + 1) - begin(i); }
  constexpr Index largest() const { return std::min(ceil_div(units_, count_) * unit_, total_); }

 private:
  Index total_, unit_, count_, units_;
};

/** From so many tasks a thread on, one more or less of them no longer matters. */
inline constexpr Index kManyTasks = 16;

/**
 * Strips that each of `maps` maps of `rows` rows is cut into, in units of `unit` rows and at most `most` rows
 * each: as many as give `threads` threads even shares, or all of them one, where that leaves each at least
 * `least` rows.
 */
constexpr Index fitting_strips(Index maps, Index rows, Index unit, Index most, Index least, int threads) {
  const Index units = std::max<Index>(ceil_div(rows, unit), 1);
  const Index count = std::min(units, ceil_div(units, std::max<Index>(most / unit, 1)));
  if (threads == 1 || maps * count >= kManyTasks * threads) return count;
  const Index even = round_up(count, threads / std::gcd(maps, Index{threads}));
  if (even * least <= rows) return even;
  return maps * count < threads ? std::max(count, rows / least) : count;
}

/** The same where strips are planned for any number of threads: even shares for four, or for two. */
constexpr Index even_strips(Index maps, Index rows, Index unit, Index most, Index least) {
  const Index count = fitting_strips(maps, rows, unit, most, least, 4);
  return maps * count % 4 == 0 ? count : fitting_strips(maps, rows, unit, most, least, 2);
}

/**
 * Into how many parts each of `tasks` equal tasks is cut, for the last thread to end soonest: from `least` to
 * one for each of its `units`, and the fewest that do. `again`: of a task, what each of its parts does anew.
 */
inline Index fitting_parts(Index tasks, Index units, int threads, double again, Index least = 1) {
  if (threads == 1 || tasks >= kManyTasks * threads) return 1;
  Index best = std::min(least, units);
  double soonest = 0;
  for (Index parts = best; parts <= std::min<Index>(units, kManyTasks * threads); ++parts) {
    const auto turns = static_cast<double>(ceil_div(tasks * parts, threads));
    const double share = static_cast<double>(ceil_div(units, parts)) / static_cast<double>(units);
    const double longest = turns * (share + again);
    if (soonest > 0 && longest >= soonest) continue;
    best = parts;
    soonest = longest;
  }
  return best;
}

/**
 * Which of `parts` parts of which block a task is. A thread's tasks are neighbours. `by_parts`: the same
 * panels of all blocks before other panels, so that each thread keeps to its own; 1024 to 256 channels of
 * 14x14 on two threads take 0.9 of the time so. Otherwise all parts of a block before the next one: 64 to 256
 * channels of 56x56, whose weights are few and whose panels share the lines of their outputs, take 0.8.
 */
struct PartOfBlock {
  Index block, part;

  constexpr PartOfBlock(Index task, Index blocks, Index parts, bool by_parts)
      : block(by_parts ? task % blocks : task / parts), part(by_parts ? task / blocks : task % parts) {}
};

}  // namespace convolith
