// Statistics of the selected records, computed as in redcore.benchmark.

const RESAMPLES = 2000;
const FEWER_RESAMPLES = 500; // sufficient precision for the whiskers of a figure

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (groups.has(key)) groups.get(key).push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

// mulberry32 with a fixed seed, so that the same selection always has the same intervals
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const drawn = new Map();

// Return the indices of all bootstrap resamples of `count` values (RESAMPLES x count), cached per count.
function draws(count) {
  if (!drawn.has(count)) {
    const random = generator(count);
    drawn.set(
      count,
      Uint16Array.from({ length: RESAMPLES * count }, () => Math.floor(random() * count)),
    );
  }
  return drawn.get(count);
}

// Return the bootstrap means, averaged over blocks: [[value of each seed], ...] -> Float64Array (resamples).
function resampled(blocks, resamples) {
  const means = new Float64Array(resamples);
  blocks.forEach((values, block) => {
    const count = values.length;
    const chosen = draws(count);
    const share = 1 / (count * blocks.length);
    for (let resample = 0; resample < resamples; resample++) {
      // every block starts at a different offset, so that blocks are resampled independently
      const start = ((resample + 617 * block) % RESAMPLES) * count;
      let sum = 0;
      for (let index = start; index < start + count; index++) sum += values[chosen[index]];
      means[resample] += sum * share;
    }
  });
  return means;
}

function quantile(sorted, level) {
  const position = level * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

// Return the mean over blocks with equal weights, and its 95% percentile-bootstrap interval over seeds.
function estimate(blocks, resamples = RESAMPLES) {
  if (!blocks.length) return null;
  const centre = mean(blocks.map(mean));
  if (blocks.every((values) => values.length < 2)) return { mean: centre, low: centre, high: centre };
  const sorted = resampled(blocks, resamples).sort();
  return { mean: centre, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}

// Return true if the 95% t interval of paired differences contains zero, and null for fewer than two pairs.
function containsZero(differences, quantiles) {
  const count = differences.length;
  if (count < 2) return null;
  const centre = mean(differences);
  const variance = differences.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (count - 1);
  return Math.abs(centre) <= quantiles[count - 2] * Math.sqrt(variance / count);
}

// Return ranks, 1 for the largest value; ties get their mean rank.
function ranksOf(values) {
  return values.map((value) => {
    const larger = values.filter((other) => other > value).length;
    const equal = values.filter((other) => other === value).length;
    return larger + (equal + 1) / 2;
  });
}

// Friedman's test with tie correction for rows of ranks (blocks x methods); null if it is undefined.
function friedman(rows) {
  const [blocks, methods] = [rows.length, rows[0]?.length ?? 0];
  if (blocks < 2 || methods < 3) return null;
  const expected = (methods + 1) / 2;
  const spread = rows.flat().reduce((sum, rank) => sum + (rank - expected) ** 2, 0);
  if (!spread) return null;
  const sums = rows[0].map((_, column) => rows.reduce((sum, row) => sum + row[column] - expected, 0));
  const statistic = ((methods - 1) * sums.reduce((sum, value) => sum + value ** 2, 0)) / spread;
  return { statistic, p: chiSquareTail(statistic, methods - 1) };
}

function chiSquareTail(value, degreesOfFreedom) {
  return value <= 0 ? 1 : 1 - lowerGamma(degreesOfFreedom / 2, value / 2);
}

// The regularised lower incomplete gamma function by its power series.
function lowerGamma(shape, x) {
  let term = 1 / shape;
  let sum = term;
  for (let step = 1; step < 10000 && term > sum * 1e-16; step++) {
    term *= x / (shape + step);
    sum += term;
  }
  return Math.min(1, sum * Math.exp(shape * Math.log(x) - x - logGamma(shape)));
}

// Logarithm of the gamma function for positive multiples of 1/2.
function logGamma(shape) {
  let result = shape % 1 ? Math.log(Math.sqrt(Math.PI)) : 0;
  for (let step = shape % 1 || 1; step < shape; step++) result += Math.log(step);
  return result;
}
