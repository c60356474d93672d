// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "tests/reference.h"

RefTensor *
ref_tensor_new (guint n, guint h, guint w, guint c)
{
  RefTensor *self = g_new0 (RefTensor, 1);

  *self = (RefTensor){ n, h, w, c, NULL };
  self->values = g_new0 (float, ref_tensor_count (self));
  return self;
}

void
ref_tensor_free (RefTensor *self)
{
  if (self == NULL)
    return;
  g_free (self->values);
  g_free (self);
}

gsize
ref_tensor_count (const RefTensor *self)
{
  return (gsize) self->n * self->h * self->w * self->c;
}

double
ref_at (const RefTensor *self, guint n, int y, int x, guint c)
{
  if (y < 0 || x < 0 || y >= (int) self->h || x >= (int) self->w)
    return 0;
  return self->values[(((gsize) n * self->h + y) * self->w + x) * self->c + c];
}

static double
activated (PdActivation activation, double x)
{
  switch (activation)
    {
    case PD_ACTIVATION_SILU:
      return x / (1 + exp (-x));
    case PD_ACTIVATION_GELU:
      return x * 0.5 * (1 + erf (x * M_SQRT1_2));
    case PD_ACTIVATION_QUICK_GELU:
      return x / (1 + exp (-1.702 * x));
    case PD_ACTIVATION_RELU:
      return MAX (x, 0);
    default:
      return x;
    }
}

/* Calls @value for every element of a new tensor. */
typedef double (*RefValue) (guint n, guint y, guint x, guint c, gconstpointer data);

static RefTensor *
ref_fill (guint n, guint h, guint w, guint c, RefValue value, gconstpointer data)
{
  RefTensor *self = ref_tensor_new (n, h, w, c);
  float *to = self->values;

  for (guint i = 0; i < n; i++)
    for (guint y = 0; y < h; y++)
      for (guint x = 0; x < w; x++)
        for (guint channel = 0; channel < c; channel++)
          *to++ = (float) value (i, y, x, channel, data);
  return self;
}

typedef struct
{
  const RefTensor *x;
  const RefProduct *product;
} ProductData;

static double
product_value (guint n, guint y, guint x, guint o, gconstpointer data)
{
  const ProductData *d = data;
  const RefProduct *p = d->product;
  double sum = p->bias ? p->bias[o] : 0;

  for (guint tap = 0; tap < p->taps; tap++)
    {
      int from_y = (int) (y * p->stride + (p->taps == 1 ? 0 : tap / 3)) - (int) p->pad;
      int from_x = (int) (x * p->stride + (p->taps == 1 ? 0 : tap % 3)) - (int) p->pad;

      for (guint i = 0; i < d->x->c; i++)
        sum += ref_at (d->x, n, from_y, from_x, i) *
               p->weight[((gsize) o * d->x->c + i) * p->taps + tap];
    }
  if (p->epilogue.image_bias)
    sum += ref_at (p->epilogue.image_bias, n, 0, 0, o);
  sum = activated (p->epilogue.activation, sum);
  if (p->epilogue.residual)
    sum += ref_at (p->epilogue.residual, n, (int) y, (int) x, o);
  return sum;
}

RefTensor *
ref_product (const RefTensor *x, const RefProduct *product)
{
  return ref_fill (x->n, product->h, product->w, product->out, product_value,
                   &(ProductData){ x, product });
}

RefTensor *
ref_attention (const RefTensor *q,
               const RefTensor *k,
               const RefTensor *v,
               guint heads,
               const RefTensor *key_bias,
               gboolean causal)
{
  RefTensor *y = ref_tensor_new (q->n, q->h, q->w, q->c);
  guint queries = q->h * q->w, keys = k->h * k->w, d = q->c / heads;
  g_autofree double *p = g_new (double, keys);

  for (guint n = 0; n < q->n; n++)
    for (guint head = 0; head < heads; head++)
      for (guint i = 0; i < queries; i++)
        {
          guint visible = causal ? MIN (keys, i + 1) : keys;
          double highest = -INFINITY, total = 0;

          for (guint j = 0; j < visible; j++)
            {
              p[j] = 0;
              for (guint c = head * d; c < (head + 1) * d; c++)
                p[j] += (double) q->values[((gsize) n * queries + i) * q->c + c] *
                        k->values[((gsize) n * keys + j) * k->c + c];
              p[j] = p[j] / sqrt (d) + (key_bias ? key_bias->values[(gsize) n * keys + j] : 0);
              highest = MAX (highest, p[j]);
            }
          for (guint j = 0; j < visible; j++)
            {
              p[j] = exp (p[j] - highest);
              total += p[j];
            }
          for (guint c = head * d; c < (head + 1) * d; c++)
            {
              double sum = 0;

              for (guint j = 0; j < visible; j++)
                sum += p[j] * v->values[((gsize) n * keys + j) * v->c + c];
              y->values[((gsize) n * queries + i) * q->c + c] = (float) (sum / total);
            }
        }
  return y;
}

/* Mean and 1 / √(variance + eps) of channels first … first + count - 1 of pixels of image @n. */
static void
statistics (const RefTensor *x,
            guint n,
            gsize first_pixel,
            gsize pixels,
            guint first,
            guint count,
            double eps,
            double *mean,
            double *scale)
{
  const float *values = x->values + ((gsize) n * x->h * x->w + first_pixel) * x->c + first;
  double sum = 0, squares = 0;

  for (gsize p = 0; p < pixels; p++)
    for (guint c = 0; c < count; c++)
      sum += values[p * x->c + c];
  *mean = sum / ((double) pixels * count);
  for (gsize p = 0; p < pixels; p++)
    for (guint c = 0; c < count; c++)
      squares += (values[p * x->c + c] - *mean) * (values[p * x->c + c] - *mean);
  *scale = 1 / sqrt (squares / ((double) pixels * count) + eps);
}

RefTensor *
ref_group_norm (const RefTensor *x,
                const float *weight,
                const float *bias,
                guint groups,
                double eps,
                PdActivation activation)
{
  RefTensor *y = ref_tensor_new (x->n, x->h, x->w, x->c);
  gsize pixels = (gsize) x->h * x->w;
  guint size = x->c / groups;

  for (guint n = 0; n < x->n; n++)
    for (guint group = 0; group < groups; group++)
      {
        double mean, scale;

        statistics (x, n, 0, pixels, group * size, size, eps, &mean, &scale);
        for (gsize p = 0; p < pixels; p++)
          for (guint c = group * size; c < (group + 1) * size; c++)
            {
              gsize at = (n * pixels + p) * x->c + c;

              y->values[at] = (float) activated (
                  activation, (x->values[at] - mean) * scale * weight[c] + bias[c]);
            }
      }
  return y;
}

RefTensor *
ref_layer_norm (const RefTensor *x, const float *weight, const float *bias, double eps)
{
  RefTensor *y = ref_tensor_new (x->n, x->h, x->w, x->c);

  for (gsize p = 0; p < (gsize) x->n * x->h * x->w; p++)
    {
      double mean, scale;

      statistics (x, 0, p, 1, 0, x->c, eps, &mean, &scale);
      for (guint c = 0; c < x->c; c++)
        y->values[p * x->c + c] =
            (float) ((x->values[p * x->c + c] - mean) * scale * weight[c] + bias[c]);
    }
  return y;
}

typedef struct
{
  const RefTensor *a, *b;
  double scale_a, scale_b;
  PdActivation activation;
  guint first, h, w;
} SmallData;

static double
sum_value (guint n, guint y, guint x, guint c, gconstpointer data)
{
  const SmallData *d = data;
  double sum = ref_at (d->a, n, (int) y, (int) x, c) * d->scale_a;

  if (d->b != NULL)
    sum += ref_at (d->b, n, (int) y, (int) x, c) * d->scale_b;
  return activated (d->activation, sum);
}

RefTensor *
ref_activate (const RefTensor *x, PdActivation activation)
{
  return ref_fill (x->n, x->h, x->w, x->c, sum_value,
                   &(SmallData){ .a = x, .scale_a = 1, .activation = activation });
}

RefTensor *
ref_add (const RefTensor *a, double scale_a, const RefTensor *b, double scale_b)
{
  return ref_fill (a->n, a->h, a->w, a->c, sum_value,
                   &(SmallData){ .a = a, .b = b, .scale_a = scale_a, .scale_b = scale_b });
}

static double
geglu_value (guint n, guint y, guint x, guint c, gconstpointer data)
{
  const SmallData *d = data;

  return ref_at (d->a, n, (int) y, (int) x, c) *
         activated (PD_ACTIVATION_GELU, ref_at (d->a, n, (int) y, (int) x, c + d->a->c / 2));
}

RefTensor *
ref_geglu (const RefTensor *x)
{
  return ref_fill (x->n, x->h, x->w, x->c / 2, geglu_value, &(SmallData){ .a = x });
}

static double
concat_value (guint n, guint y, guint x, guint c, gconstpointer data)
{
  const SmallData *d = data;

  return c < d->a->c ? ref_at (d->a, n, (int) y, (int) x, c)
                     : ref_at (d->b, n, (int) y, (int) x, c - d->a->c);
}

RefTensor *
ref_concat (const RefTensor *a, const RefTensor *b)
{
  return ref_fill (a->n, a->h, a->w, a->c + b->c, concat_value, &(SmallData){ .a = a, .b = b });
}

static double
upsample_value (guint n, guint y, guint x, guint c, gconstpointer data)
{
  const SmallData *d = data;

  return ref_at (d->a, n, (int) (y * d->a->h / d->h), (int) (x * d->a->w / d->w), c);
}

RefTensor *
ref_upsample (const RefTensor *x, guint h, guint w)
{
  return ref_fill (x->n, h, w, x->c, upsample_value, &(SmallData){ .a = x, .h = h, .w = w });
}

static double
pool_value (guint n, guint y, guint x, guint c, gconstpointer data)
{
  const SmallData *d = data;
  double sum = 0;
  guint count = 0;

  for (guint i = y * d->a->h / d->h; i * d->h < (y + 1) * d->a->h; i++)
    for (guint j = x * d->a->w / d->w; j * d->w < (x + 1) * d->a->w; j++, count++)
      sum += ref_at (d->a, n, (int) i, (int) j, c);
  return sum / count;
}

RefTensor *
ref_pool (const RefTensor *x, guint h, guint w)
{
  return ref_fill (x->n, h, w, x->c, pool_value, &(SmallData){ .a = x, .h = h, .w = w });
}

static double
concat_tokens_value (guint n, guint y, guint x, guint c, gconstpointer data)
{
  const SmallData *d = data;
  guint own = d->a->h * d->a->w, more = x - own;

  if (x < own)
    return ref_at (d->a, n, (int) (x / d->a->w), (int) (x % d->a->w), c);
  return ref_at (d->b, n * d->b->n / d->a->n, (int) (more / d->b->w), (int) (more % d->b->w), c);
}

RefTensor *
ref_concat_tokens (const RefTensor *a, const RefTensor *b)
{
  return ref_fill (a->n, 1, a->h * a->w + b->h * b->w, a->c, concat_tokens_value,
                   &(SmallData){ .a = a, .b = b });
}

static double
channels_value (guint n, guint y, guint x, guint c, gconstpointer data)
{
  const SmallData *d = data;

  return ref_at (d->a, n, (int) y, (int) x, c + d->first);
}

RefTensor *
ref_channels (const RefTensor *x, guint first, guint count)
{
  return ref_fill (x->n, x->h, x->w, count, channels_value, &(SmallData){ .a = x, .first = first });
}
