// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/host-plan.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/pictures/storage.h"
#include "engine/request/mode.h"
#include "engine/run/style.h"
#include "engine/tiles/anchors.h"
#include "engine/tiles/statistics.h"

enum
{
  COLORS = 3,
  PICTURE_BYTES = 6, /* of a pixel of a level's picture, 16 bits a colour */
  RIM_CELLS = 4 << 20,
  RIM_BYTES = 40, /* of a cell, with those of the coarser grids */
  ROWS = 64,      /* of pictures, read at once */
};

/* Arrays of the latent's size that are there at once: latent, prediction and noise of the steps,
 * the solver's, and what the mode keeps. */
static double
count_arrays (
    const PdSession *session, gboolean rises, gboolean masked, gboolean journal, guint solver)
{
  const PdRequest *request = session->request;
  double plane = 1.0 / session->channels, n = 3 + plane + solver;

  if (masked)
    n += 4 + plane; /* the original and its noise, and both cut to the canvas; the mask */
  else if (rises)
    n += 1 + plane; /* the level before; its low frequencies */
  if (rises && pd_mode_enlarges (request->mode) && request->inversion > 0)
    n += 2;
  if (journal)
    n +=
        solver + (masked || rises ? 1 : 0); /* copies of the states; the latent between two steps */
  if (request->guidance != 1.0 && request->guidance_rescale > 0)
    n += 1;
  return n;
}

/* Of the members' batches, and those that wait for their turn. */
static guint64
count_images (const PdCanvasOptions *options, guint n_tiles)
{
  guint64 images = MIN (options->batch, n_tiles);

  for (guint i = 0; i < options->helpers.n; i++)
    images += MIN (options->helpers.list[i].batch, n_tiles);
  return images + pd_team_window (options->batch, &options->helpers, n_tiles) / 3;
}

/* What the devices give each other of @n anchors. */
static guint64
bank_bytes (const PdCanvasOptions *options, const PdGrid *grid, guint n)
{
  g_autoptr (GArray) survey = pd_denoiser_survey (options->denoiser, grid->y.tile, grid->x.tile);
  const PdBackend *backend = options->denoiser->backend;
  const PdBankOptions bank = pd_anchors_bank (backend, survey, options->branches, n);

  return pd_bank_measure (backend, survey, &bank);
}

/* What is kept of the tiles, and how much of that a journal has. */
static gboolean
add_tiles (PdSession *session, guint64 *memory, guint64 *journal, GError **error)
{
  PdCanvasOptions options = pd_session_canvas_options (session);
  guint prompts = 1 + (session->regions != NULL ? pd_regions_count (session->regions) : 0);
  PdStyle style;
  const PdStyle *styled = pd_style_plan (session, &style);
  guint64 parts, images, tile, blocks;
  guint anchors[PD_ANCHORS_MAX], n_anchors = 0;
  PdGrid grid;

  pd_denoise_cut_tile (&options);
  if (!pd_grid_init (&grid, (PdSize){ options.height, options.width }, options.tile,
                     options.overlap, options.wrap, error))
    return FALSE;
  blocks = options.branches + (styled != NULL && styled->content != NULL);
  parts = (guint64) pd_grid_n_tiles (&grid) * prompts;
  images = count_images (&options, pd_grid_n_tiles (&grid));
  /* Anchors have a pass of one tile, and their predictions are kept. */
  if (options.sync == PD_SYNC_ATTENTION && styled == NULL)
    n_anchors = pd_anchors_choose (&grid, anchors);
  if (n_anchors > 0)
    images += 1 + options.helpers.n + n_anchors;
  if (n_anchors > 0 && options.helpers.n > 0)
    *memory += bank_bytes (&options, &grid, n_anchors);
  tile = (guint64) session->channels * grid.y.tile * grid.x.tile * sizeof (float);
  *memory +=
      parts * sizeof (guint64) + 3 * images * blocks * tile + prompts * tile / session->channels;
  *memory += (guint64) (prompts - 1) * session->h * session->w * sizeof (float);
  if (options.sync != PD_SYNC_NONE && pd_grid_n_tiles (&grid) > 1)
    {
      g_autoptr (GArray) survey = pd_denoiser_survey (options.denoiser, grid.y.tile, grid.x.tile);
      guint64 statistics = pd_statistics_bytes (parts, blocks * pd_norm_exchange_count (survey));

      *memory += statistics;
      *journal += statistics / 2;
    }
  return TRUE;
}

/* A window of the autoencoder on each device, twice as pixels, as what goes to it and as what
 * comes. */
static guint64
window_bytes (const PdSession *session)
{
  PdCoderOptions options = pd_session_coder_options (session, TRUE);
  guint64 h = MIN (options.tile, session->h), w = MIN (options.tile, session->w);
  guint64 scale = session->model->autoencoder->info.scale;

  return (1 + options.helpers.n) * h * w * sizeof (float) *
         (4 * scale * scale * COLORS + 3 * session->channels);
}

static gboolean
add_level (PdSession *session, const PdStage *level, PdHostPlan *plan, GError **error)
{
  gboolean journal = session->request->sync != PD_SYNC_NONE;
  gboolean rises = level->start == PD_START_ENLARGED, masked = level->masked;
  guint64 memory = 0, states = 0, latent, pixels;
  PdStyle style;
  const PdStyle *styled = pd_style_plan (session, &style);
  /* The clean latent, its noise and that of the step, and that of all steps in f16. */
  gboolean content = styled != NULL && styled->content != NULL;
  guint solver;

  if (!pd_session_set_stage (session, level, error))
    return FALSE;
  solver = pd_solver_n_arrays (session->schedule);
  latent = (guint64) session->n_elements * sizeof (float);
  pixels = (guint64) level->width * level->height;
  if (!add_tiles (session, &memory, &states, error))
    return FALSE;
  memory += (guint64) (latent * count_arrays (session, rises, masked, journal, solver));
  if (content)
    memory += (guint64) (latent * (3 + level->steps * level->strength / 2));
  memory += MAX (window_bytes (session), (guint64) level->width * ROWS * COLORS * sizeof (float));
  if (masked)
    memory += MIN (RIM_CELLS, pixels / 4 + 1) * RIM_BYTES +
              (guint64) level->width * ROWS * (2 * COLORS + 1) * sizeof (float);
  if (journal)
    {
      memory += states;
      plan->journal = MAX (plan->journal, states + latent * (1 + solver));
    }
  plan->memory = MAX (plan->memory, memory);
  return TRUE;
}

gboolean
pd_host_plan (PdSession *session, const PdStage *stages, guint n, PdHostPlan *plan, GError **error)
{
  guint64 pictures = 0, cache = 0;

  *plan = (PdHostPlan){ 0 };
  session->branches = pd_session_count_branches (session);
  for (guint i = 0; i < n; i++)
    {
      if (!add_level (session, &stages[i], plan, error))
        return FALSE;
      pictures =
          MAX (pictures, (guint64) stages[i].width * stages[i].height * PICTURE_BYTES +
                             (i > 0 && !stages[i].masked ? (guint64) stages[i - 1].width *
                                                               stages[i - 1].height * PICTURE_BYTES
                                                         : 0));
    }
  if (stages[0].masked)
    pictures *= 4;
  g_object_get (gegl_config (), "tile-cache-size", &cache, NULL);
  plan->memory += MIN (pictures, cache);
  plan->swap = pictures - MIN (pictures, cache);
  return TRUE;
}

gboolean
pd_host_plan_check (const PdHostPlan *plan, GError **error)
{
  guint64 available = pd_host_memory_available ();
  g_autofree char *needed = g_format_size_full (plan->memory, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *there = g_format_size_full (available, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *swap = NULL;

  if (plan->memory > available)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
          _ ("The run needs %s of memory, %s are there; choose a smaller picture or larger "
             "tiles, or close other programs"),
          needed, there);
      return FALSE;
    }
  g_object_get (gegl_config (), "swap", &swap, NULL);
  return plan->swap == 0 || swap == NULL ||
         pd_storage_check_space (swap, plan->swap, _ ("pixels that do not fit the memory"), error);
}
