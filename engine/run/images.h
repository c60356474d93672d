// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

#include "engine/request/given.h"

/* The pictures that go into a run and come out of it, from 0, 0 on; borrowed but where
 * pd_images_clear() is called. They are read and written window by window and may be larger than
 * memory. */
typedef struct
{
  union
  {
    struct
    {
      /* All but generate: request->width × height, any format. What is transparent or not finite is
       * grey for the model, see original.h. */
      GeglBuffer *input;
      /* Inpaint, and restyle if not NULL: "Y float" of the input's size, 1: repainted, 0: kept. */
      GeglBuffer *mask;
      /* Style, and generate and inpaint if not NULL: of any size from 32 × 32 on, any format. What
       * is transparent or not finite is grey for the model here, too. */
      GeglBuffer *style;
    };
    GeglBuffer *given[PD_N_GIVEN]; /* the same by PdGiven; NULL: none */
  };
  /* Request->width × height; gets R'G'B', as it is decoded, and alpha if it
   * has that and the input too. With a mask the new pixels are
   * laid over the input, and those whose mask is 0 are the input's. */
  GeglBuffer *output;
  gboolean apart; /* with a mask: all pixels of the output whose mask is not 0 are new ones, for
                     someone who lays them over the input with the mask */
} PdImages;

/* Gives all of them back, for whoever owns them. */
void pd_images_clear (PdImages *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdImages, pd_images_clear)

/* Whether @picture, which is given as @given, is as large as the request. Errors:
 * PD_ERROR_BAD_REQUEST. */
gboolean
pd_images_check_size (GeglBuffer *picture, PdGiven given, const PdRequest *request, GError **error);

/* What the request's mode needs is there, and everything that is given fits the request.
 * Errors: PD_ERROR_BAD_REQUEST. */
gboolean pd_images_check (const PdImages *self, const PdRequest *request, GError **error);
