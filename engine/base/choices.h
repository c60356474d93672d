// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* Choices that a request offers and that other folders act upon: one enum each, so that a value
 * goes from the request to where it is used as it is. engine/request gives them their words, as
 * GEnum types. What only the request and its users know is in engine/request/request.h. */

typedef enum
{
  PD_SOLVER_DDIM,      /* Song et al. 2021 */
  PD_SOLVER_EULER,     /* Karras et al. 2022, without churn */
  PD_SOLVER_EULER_A,   /* Euler with ancestral noise */
  PD_SOLVER_HEUN,      /* Karras et al. 2022; two model calls per step but the last */
  PD_SOLVER_DPMPP_2M,  /* DPM-Solver++, multistep (Lu et al. 2022), order config.solver_order */
  PD_SOLVER_DPMPP_SDE, /* the same for the SDE */
  PD_SOLVER_UNIPC,     /* Zhao et al. 2023, data prediction */
  PD_SOLVER_LCM,       /* Luo et al. 2023 */
  PD_SOLVER_DDPM,      /* Ho et al. 2020 */
  PD_SOLVER_PNDM,      /* Liu et al. 2022, linear multistep only; one model call more than steps */
  PD_SOLVER_AUTO,      /* what the model's scheduler_config.json asks for; last: their number */
} PdSolverType;

/* What tiles know of each other while they are denoised. */
typedef enum
{
  PD_SYNC_NONE,      /* nothing: each is a picture of its own, blended when all are done */
  PD_SYNC_FUSION,    /* their fused latents, the canvas's norms and its mean colour */
  PD_SYNC_ATTENTION, /* and keys and values of some of them, in every self-attention */
} PdSync;

/* How much a tile's prediction counts at its pixels. */
typedef enum
{
  PD_BLEND_UNIFORM,  /* the same everywhere; not offered by requests */
  PD_BLEND_RAMP,     /* 1 in the middle, raised cosine over the overlap */
  PD_BLEND_GAUSSIAN, /* Mixture of Diffusers (Barbero Jiménez 2023): variance 0.01 tile² */
} PdBlend;

/* The axes along which a picture is a torus: its last row or column is followed by the first. */
typedef enum
{
  PD_TORUS_NONE = 0,
  PD_TORUS_X = 1,
  PD_TORUS_Y = 2,
  PD_TORUS_XY = PD_TORUS_X | PD_TORUS_Y,
} PdTorus;

/* When to work in levels. */
typedef enum
{
  PD_PROGRESSIVE_AUTO, /* above twice the native size, by area */
  PD_PROGRESSIVE_OFF,
  PD_PROGRESSIVE_ON, /* wherever the base picture is smaller than the target */
} PdProgressive;

typedef enum
{
  PD_PRECISION_AUTO, /* f16 where the device stores it, else f32 */
  PD_PRECISION_F32,
  PD_PRECISION_F16,
} PdPrecision;

/* The variants of the heavy kernels (matmul, convolution, attention). */
typedef enum
{
  PD_KERNELS_AUTO,        /* by device */
  PD_KERNELS_GENERAL,     /* shared-memory tiles, any Vulkan 1.2 device */
  PD_KERNELS_UNIFORM,     /* straight-line code for lavapipe */
  PD_KERNELS_COOPERATIVE, /* general, with VK_KHR_cooperative_matrix for f16 products */
} PdKernels;
