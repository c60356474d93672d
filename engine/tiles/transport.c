// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/transport.h"

#include <math.h>
#include <string.h>

enum
{
  MAX_ROUNDS = 100, /* of Newton's; 10 to 30 do */
};

/* Added to variances, of their mean: what hardly varies is not made as large as a picture's. */
static const double LEAST_VARIANCE = 1e-3;

/* A channel's means and, row by row, their covariances. */
typedef struct
{
  guint n;
  double *mean, *covariance;
  double contrast; /* sum of the variances */
} Moments;

static void
moments_clear (Moments *self)
{
  g_free (self->mean);
  g_free (self->covariance);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Moments, moments_clear)

static double
weight_of (const PdRecolorFrom *self, gsize pixel)
{
  return self->weights != NULL ? self->weights[pixel] : 1;
}

static double
covary (const PdRecolorFrom *self, const Moments *moments, guint a, guint b)
{
  const float *x = self->values + a * self->pixels, *y = self->values + b * self->pixels;
  double sum = 0;

  for (gsize i = 0; i < self->pixels; i++)
    sum += weight_of (self, i) * (x[i] - moments->mean[a]) * (y[i] - moments->mean[b]);
  return sum;
}

/* FALSE if too few pixels count. */
static gboolean
measure (const PdRecolorFrom *self, Moments *moments)
{
  const guint n = moments->n;
  double count = 0;

  moments->mean = g_new0 (double, n);
  moments->covariance = g_new (double, n *n);
  for (gsize i = 0; i < self->pixels; i++)
    count += weight_of (self, i);
  if (count <= 1)
    return FALSE;
  for (guint a = 0; a < n; a++)
    {
      for (gsize i = 0; i < self->pixels; i++)
        moments->mean[a] += weight_of (self, i) * self->values[a * self->pixels + i];
      moments->mean[a] /= count;
    }
  for (guint a = 0; a < n; a++)
    for (guint b = a; b < n; b++)
      moments->covariance[a * n + b] = moments->covariance[b * n + a] =
          covary (self, moments, a, b) / count;
  for (guint a = 0; a < n; a++)
    moments->contrast += moments->covariance[a * n + a];
  for (guint a = 0; a < n; a++)
    moments->covariance[a * n + a] += LEAST_VARIANCE * moments->contrast / n;
  return moments->contrast > 0;
}

/* Square matrices of @n rows. */
static void
multiply (guint n, const double *a, const double *b, double *product)
{
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < n; j++)
      {
        double sum = 0;

        for (guint k = 0; k < n; k++)
          sum += a[i * n + k] * b[k * n + j];
        product[i * n + j] = sum;
      }
}

/* Square root of @a, which is symmetric and positive, and the inverse of that, by the coupled
 * iteration of Newton and Schulz (Higham 2008, section 6.7). */
static void
find_roots (guint n, const double *a, double *root, double *inverse)
{
  const gsize bytes = (gsize) n * n * sizeof (double);
  g_autofree double *factor = g_malloc (bytes), *product = g_malloc (bytes);
  double norm = 0, off = 1;

  for (guint i = 0; i < n * n; i++)
    norm += a[i] * a[i];
  norm = sqrt (norm);
  for (guint i = 0; i < n * n; i++)
    {
      root[i] = a[i] / norm;
      inverse[i] = i % (n + 1) == 0;
    }
  for (guint round = 0; round < MAX_ROUNDS && off > 1e-10; round++)
    {
      multiply (n, inverse, root, factor);
      off = 0;
      for (guint i = 0; i < n * n; i++)
        {
          const double lack = (i % (n + 1) == 0) - factor[i];

          off = MAX (off, fabs (lack));
          factor[i] = (i % (n + 1) == 0) + lack / 2;
        }
      multiply (n, root, factor, product);
      memcpy (root, product, bytes);
      multiply (n, factor, inverse, product);
      memcpy (inverse, product, bytes);
    }
  for (guint i = 0; i < n * n; i++)
    {
      root[i] *= sqrt (norm);
      inverse[i] /= sqrt (norm);
    }
}

/* A^-½ (A^½ B A^½)^½ A^-½ */
static double *
find_map (const Moments *from, const Moments *to)
{
  const guint n = from->n;
  g_autofree double *root = g_new (double, n *n), *inverse = g_new (double, n *n);
  g_autofree double *inner = g_new (double, n *n), *other = g_new (double, n *n);
  double *map = g_new (double, n *n);

  find_roots (n, from->covariance, root, inverse);
  multiply (n, root, to->covariance, other);
  multiply (n, other, root, inner);
  find_roots (n, inner, root, other);
  multiply (n, inverse, root, other);
  multiply (n, other, inverse, map);
  return map;
}

/* What has f times more than @limit times the contrast of @has gets f times less than that. */
static void
limit_contrast (const Moments *has, double limit, Moments *gets)
{
  const double ratio = gets->contrast / has->contrast;
  const double kept = ratio > limit ? MAX (1, limit * limit / ratio) / ratio : 1;

  for (guint i = 0; i < gets->n * gets->n; i++)
    gets->covariance[i] *= kept;
}

void
pd_transport (guint channels,
              const PdRecolorFrom *from,
              const PdRecolorFrom *to,
              double share,
              double limit,
              float *latent)
{
  g_auto (Moments) has = { channels }, gets = { channels };
  g_autofree double *map = NULL, *off = g_new (double, channels);

  if (!measure (from, &has) || !measure (to, &gets))
    return;
  limit_contrast (&has, limit, &gets);
  map = find_map (&has, &gets);
  for (gsize i = 0; i < from->pixels; i++)
    {
      for (guint c = 0; c < channels; c++)
        off[c] = latent[c * from->pixels + i] - has.mean[c];
      for (guint c = 0; c < channels; c++)
        {
          float *value = &latent[c * from->pixels + i];
          double moved = gets.mean[c];

          for (guint k = 0; k < channels; k++)
            moved += map[c * channels + k] * off[k];
          *value = (float) (share * moved + (1 - share) * *value);
        }
    }
}
