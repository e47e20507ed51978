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

// Return the 97.5% quantile of Student's t; fractional degrees of freedom are rounded down.
function tQuantile(degrees, quantiles) {
  return quantiles[Math.floor(degrees) - 1] ?? 1.96;
}

// Return the mean over blocks with equal weights, [[value of each run], ...], and its 95% t interval over runs, with
// Satterthwaite's degrees of freedom. Without repeated runs, the bounds equal the mean.
function estimate(blocks, quantiles = DATA.tQuantiles) {
  if (!blocks.length) return null;
  const centre = mean(blocks.map(mean));
  if (blocks.some((values) => values.length < 2)) return { mean: centre, low: centre, high: centre };
  const parts = blocks.map((values) => [variance(values) / values.length / blocks.length ** 2, values.length - 1]);
  const total = parts.reduce((sum, [part]) => sum + part, 0);
  const squares = parts.reduce((sum, [part, degrees]) => sum + part ** 2 / degrees, 0);
  const half = total ? tQuantile(total ** 2 / squares, quantiles) * Math.sqrt(total) : 0;
  return { mean: centre, low: centre - half, high: centre + half };
}

// Return true if the 95% t interval of paired differences contains zero, and null for fewer than two pairs.
function containsZero(differences, quantiles) {
  const count = differences.length;
  if (count < 2) return null;
  return Math.abs(mean(differences)) <= tQuantile(count - 1, quantiles) * Math.sqrt(variance(differences) / count);
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
