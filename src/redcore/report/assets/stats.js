// Statistics of the selected records, computed as in redcore.benchmark.

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

function variance(values) {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}

// Return the 97.5% quantile of Student's t; between whole degrees of freedom, it is interpolated in their reciprocals.
function tQuantile(degrees, quantiles) {
  const whole = Math.floor(degrees);
  if (whole >= quantiles.length) return 1.96;
  const [low, high] = [quantiles[whole - 1], quantiles[whole]];
  return low + (high - low) * (1 - whole / degrees) * (whole + 1);
}

// Return the mean of some runs, the variance of this mean and its degrees of freedom. For runs on different random
// splits, `shared` is the ratio of test to training samples (Nadeau and Bengio 2003), else 0.
function moments(values, shared = 0) {
  const count = values.length;
  return {
    mean: mean(values),
    variance: count < 2 ? null : variance(values) * (1 / count + shared),
    degrees: count - 1,
  };
}

// Return the mean of independent means and its 95% t interval with Satterthwaite's degrees of freedom. If one of them
// has a single run, the bounds equal the mean.
function average(parts, quantiles = DATA.tQuantiles) {
  if (!parts.length) return null;
  const centre = mean(parts.map((part) => part.mean));
  if (parts.some((part) => part.variance === null)) return { mean: centre, low: centre, high: centre };
  const scaled = parts.map((part) => [part.variance / parts.length ** 2, part.degrees]);
  const total = scaled.reduce((sum, [part]) => sum + part, 0);
  const squares = scaled.reduce((sum, [part, degrees]) => sum + part ** 2 / degrees, 0);
  const half = total ? tQuantile(total ** 2 / squares, quantiles) * Math.sqrt(total) : 0;
  return { mean: centre, low: centre - half, high: centre + half };
}

// Return the moments of the mean over protocols. Runs with the same seed share test samples and are averaged first.
// blocks: [Map(seed => value), ...]. A run may be missing under some protocols.
function overProtocols(blocks, shared = 0) {
  const means = blocks.map((bySeed) => mean([...bySeed.values()]));
  const centre = mean(means);
  const seeds = new Set(blocks.flatMap((bySeed) => [...bySeed.keys()]));
  const values = [...seeds].map((seed) => {
    const deviations = blocks.flatMap((bySeed, index) => (bySeed.has(seed) ? [bySeed.get(seed) - means[index]] : []));
    return centre + mean(deviations);
  });
  return { ...moments(values, shared), mean: centre };
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
