// SPDX-License-Identifier: GPL-3.0-or-later
// Mean and sum of squared deviations (m2) of count values, merged pairwise (Chan, Golub and LeVeque
// 1979): no cancellation, whatever the mean.
struct Moments
{
  float count;
  float mean;
  float m2;
};

struct Moments4
{
  float count;
  vec4 mean;
  vec4 m2;
};

Moments
merged (Moments a, Moments b)
{
  float count = a.count + b.count;
  float part = count > 0.0 ? b.count / count : 0.0;
  float delta = b.mean - a.mean;

  return Moments (count, a.mean + delta * part, a.m2 + b.m2 + delta * delta * part * a.count);
}

// b holds at least one value.
Moments4
merged (Moments4 a, Moments4 b)
{
  float count = a.count + b.count;
  float part = b.count / count;
  vec4 delta = b.mean - a.mean;

  return Moments4 (count, a.mean + delta * part, a.m2 + b.m2 + delta * delta * (part * a.count));
}

Moments4
moments_of (vec4 a, vec4 b, vec4 c, vec4 d)
{
  vec4 mean = 0.25 * ((a + b) + (c + d));

  a -= mean;
  b -= mean;
  c -= mean;
  d -= mean;
  return Moments4 (4.0, mean, (a * a + b * b) + (c * c + d * d));
}
