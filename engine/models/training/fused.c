/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels that PyTorch 1.13 runs slowly in bf16 on the CPU; called through ctypes by nets.py and common.py.
 * Matrices are row major; pictures are channels last: B samples of P pixels of C channels. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint16_t bf16;

static inline float
up (bf16 v)
{
  union { uint32_t u; float f; } c = { (uint32_t) v << 16 };
  return c.f;
}

static inline bf16
down (float f)
{
  union { float f; uint32_t u; } c = { f };
  return (bf16) ((c.u + 0x7fff + ((c.u >> 16) & 1)) >> 16);
}

/* y = silu? (group_norm (x)); stats: B x 2 x C (mean, 1 / deviation). */
void
group_norm (const bf16 *x, const bf16 *gamma, const bf16 *beta, bf16 *y, float *stats, long B, long P, long C,
            long groups, float eps, int silu)
{
  const long K = C / groups;
#pragma omp parallel for
  for (long n = 0; n < B; n++)
    {
      float s[C], q[C], a[C], b[C];
      const bf16 *xp = x + n * P * C;
      bf16 *yp = y + n * P * C;
      float *mean = stats + n * 2 * C, *rstd = mean + C;
      memset (s, 0, sizeof s);
      memset (q, 0, sizeof q);
      for (long p = 0; p < P; p++)
        for (long c = 0; c < C; c++)
          {
            float v = up (xp[p * C + c]);
            s[c] += v;
            q[c] += v * v;
          }
      for (long g = 0; g < groups; g++)
        {
          double m = 0, v = 0;
          for (long c = g * K; c < (g + 1) * K; c++)
            m += s[c], v += q[c];
          m /= P * K;
          v = fmax (v / (P * K) - m * m, 0.0);
          for (long c = g * K; c < (g + 1) * K; c++)
            mean[c] = m, rstd[c] = 1 / sqrt (v + eps);
        }
      for (long c = 0; c < C; c++)
        {
          a[c] = rstd[c] * up (gamma[c]);
          b[c] = up (beta[c]) - mean[c] * a[c];
        }
      for (long p = 0; p < P; p++)
        {
          const bf16 *i = xp + p * C;
          bf16 *o = yp + p * C;
          if (silu)
            for (long c = 0; c < C; c++)
              {
                float v = up (i[c]) * a[c] + b[c];
                o[c] = down (v / (1 + expf (-v)));
              }
          else
            for (long c = 0; c < C; c++)
              o[c] = down (up (i[c]) * a[c] + b[c]);
        }
    }
}

/* part: B x 2 x C, the sums that give the gradients of beta and gamma. */
void
group_norm_backward (const bf16 *dy, const bf16 *x, const bf16 *gamma, const bf16 *beta, const float *stats, bf16 *dx,
                     float *part, long B, long P, long C, long groups, int silu)
{
  const long K = C / groups;
#pragma omp parallel for
  for (long n = 0; n < B; n++)
    {
      float a[C], b[C], k1[C], k2[C], ga[C], s1[C], s2[C];
      float *d = malloc (P * C * sizeof (float));
      const bf16 *xp = x + n * P * C, *gp = dy + n * P * C;
      bf16 *op = dx + n * P * C;
      const float *mean = stats + n * 2 * C, *rstd = mean + C;
      memset (s1, 0, sizeof s1);
      memset (s2, 0, sizeof s2);
      for (long c = 0; c < C; c++)
        {
          ga[c] = up (gamma[c]);
          a[c] = rstd[c] * ga[c];
          b[c] = up (beta[c]) - mean[c] * a[c];
        }
      for (long p = 0; p < P; p++)
        {
          const bf16 *i = xp + p * C, *g = gp + p * C;
          float *t = d + p * C;
          if (silu)
            for (long c = 0; c < C; c++)
              {
                float v = up (i[c]) * a[c] + b[c], s = 1 / (1 + expf (-v));
                t[c] = up (g[c]) * s * (1 + v * (1 - s));
              }
          else
            for (long c = 0; c < C; c++)
              t[c] = up (g[c]);
          for (long c = 0; c < C; c++)
            {
              s1[c] += t[c];
              s2[c] += t[c] * (up (i[c]) - mean[c]) * rstd[c];
            }
        }
      for (long g = 0; g < groups; g++)
        {
          double m1 = 0, m2 = 0;
          for (long c = g * K; c < (g + 1) * K; c++)
            m1 += ga[c] * s1[c], m2 += ga[c] * s2[c];
          for (long c = g * K; c < (g + 1) * K; c++)
            {
              float r = rstd[c], w = r * r * m2 / (P * K);
              k1[c] = w; /* dx = a t - w x + (w mean - r m1 / N) */
              k2[c] = w * mean[c] - r * m1 / (P * K);
            }
        }
      for (long p = 0; p < P; p++)
        {
          const bf16 *i = xp + p * C;
          const float *t = d + p * C;
          for (long c = 0; c < C; c++)
            op[p * C + c] = down (a[c] * t[c] - k1[c] * up (i[c]) + k2[c]);
        }
      memcpy (part + n * 2 * C, s1, sizeof s1);
      memcpy (part + n * 2 * C + C, s2, sizeof s2);
      free (d);
    }
}

/* Rows of C; stats: N x 2. */
void
layer_norm (const bf16 *x, const bf16 *gamma, const bf16 *beta, bf16 *y, float *stats, long N, long C, float eps)
{
#pragma omp parallel for
  for (long n = 0; n < N; n++)
    {
      const bf16 *i = x + n * C;
      float s = 0, q = 0;
      for (long c = 0; c < C; c++)
        {
          float v = up (i[c]);
          s += v;
          q += v * v;
        }
      float m = s / C, r = 1 / sqrtf (fmaxf (q / C - m * m, 0) + eps);
      stats[2 * n] = m, stats[2 * n + 1] = r;
      for (long c = 0; c < C; c++)
        y[n * C + c] = down ((up (i[c]) - m) * r * up (gamma[c]) + up (beta[c]));
    }
}

/* part: T x 2 x C, sums per block of rows, which give the gradients of beta and gamma. */
void
layer_norm_backward (const bf16 *dy, const bf16 *x, const bf16 *gamma, const float *stats, bf16 *dx, float *part,
                     long T, long N, long C)
{
#pragma omp parallel for
  for (long t = 0; t < T; t++)
    {
      float s1[C], s2[C];
      memset (s1, 0, sizeof s1);
      memset (s2, 0, sizeof s2);
      for (long n = N * t / T; n < N * (t + 1) / T; n++)
        {
          const bf16 *i = x + n * C, *g = dy + n * C;
          const float m = stats[2 * n], r = stats[2 * n + 1];
          float m1 = 0, m2 = 0;
          for (long c = 0; c < C; c++)
            {
              float d = up (g[c]), h = (up (i[c]) - m) * r, w = d * up (gamma[c]);
              s1[c] += d;
              s2[c] += d * h;
              m1 += w;
              m2 += w * h;
            }
          m1 /= C, m2 /= C;
          for (long c = 0; c < C; c++)
            dx[n * C + c] = down (r * (up (g[c]) * up (gamma[c]) - m1 - (up (i[c]) - m) * r * m2));
        }
      memcpy (part + t * 2 * C, s1, sizeof s1);
      memcpy (part + t * 2 * C + C, s2, sizeof s2);
    }
}

/* y = a gelu (g), where each row of x holds a and g, I values each. */
void
geglu (const bf16 *x, bf16 *y, long N, long I)
{
#pragma omp parallel for
  for (long n = 0; n < N; n++)
    for (long c = 0; c < I; c++)
      {
        float a = up (x[2 * n * I + c]), g = up (x[2 * n * I + I + c]);
        y[n * I + c] = down (a * 0.5f * g * (1 + erff (g * 0.70710678f)));
      }
}

void
geglu_backward (const bf16 *dy, const bf16 *x, bf16 *dx, long N, long I)
{
#pragma omp parallel for
  for (long n = 0; n < N; n++)
    for (long c = 0; c < I; c++)
      {
        float a = up (x[2 * n * I + c]), g = up (x[2 * n * I + I + c]), d = up (dy[n * I + c]);
        float phi = 0.5f * (1 + erff (g * 0.70710678f));
        dx[2 * n * I + c] = down (d * g * phi);
        dx[2 * n * I + I + c] = down (d * a * (phi + g * 0.39894228f * expf (-0.5f * g * g)));
      }
}

/* In place on rows of C: softmax (scale x); causal > 0: row n sees columns 0 .. n % causal. */
void
softmax (bf16 *x, long N, long C, float scale, long causal)
{
#pragma omp parallel for
  for (long n = 0; n < N; n++)
    {
      bf16 *i = x + n * C;
      const long end = causal ? n % causal + 1 : C;
      float e[C], m = -1e30f, s = 0;
      for (long c = 0; c < end; c++)
        m = fmaxf (m, up (i[c]));
      for (long c = 0; c < end; c++)
        {
          e[c] = expf ((up (i[c]) - m) * scale);
          s += e[c];
        }
      s = 1 / s;
      for (long c = 0; c < end; c++)
        i[c] = down (e[c] * s);
      for (long c = end; c < C; c++)
        i[c] = 0;
    }
}

/* In place on dw: dx = scale w (dw - sum (w dw)). */
void
softmax_backward (bf16 *dw, const bf16 *w, long N, long C, float scale)
{
#pragma omp parallel for
  for (long n = 0; n < N; n++)
    {
      bf16 *d = dw + n * C;
      const bf16 *p = w + n * C;
      float s = 0;
      for (long c = 0; c < C; c++)
        s += up (d[c]) * up (p[c]);
      for (long c = 0; c < C; c++)
        d[c] = down (scale * up (p[c]) * (up (d[c]) - s));
    }
}

double
square_sum (const bf16 *x, long n)
{
  double sum = 0;
#pragma omp parallel for reduction(+ : sum)
  for (long k = 0; k < n; k += 4096)
    {
      float s = 0;
      for (long c = k; c < (k + 4096 < n ? k + 4096 : n); c++)
        s += up (x[c]) * up (x[c]);
      sum += s;
    }
  return sum;
}

/* AdamW on the fp32 master weights, their running average and their bf16 copy; c1, c2: bias corrections. */
void
adamw (bf16 *param, const bf16 *grad, float *master, float *m, float *v, float *ema, long n, float lr, float decay,
       float b1, float b2, float c1, float c2, float scale, float ema_decay)
{
#pragma omp parallel for simd
  for (long k = 0; k < n; k++)
    {
      float g = up (grad[k]) * scale;
      m[k] = b1 * m[k] + (1 - b1) * g;
      v[k] = b2 * v[k] + (1 - b2) * g * g;
      float w = master[k] * (1 - lr * decay) - lr * (m[k] * c1) / (sqrtf (v[k] * c2) + 1e-13f);
      master[k] = w;
      ema[k] += (1 - ema_decay) * (w - ema[k]);
      param[k] = down (w);
    }
}
