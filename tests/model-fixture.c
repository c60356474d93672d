// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/model-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"

char *
pd_fixture_shared (const char *relative)
{
  const char *shared = g_getenv ("PD_SHARED");
  g_autofree char *path =
      g_build_filename (shared != NULL ? shared : PD_SOURCE_ROOT "/../shared", relative, NULL);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&path);
  g_test_skip ("the shared folder is not there; PD_SHARED names it");
  return NULL;
}

char *
pd_fixture_folder (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("pd-test-XXXXXX", &error);
  g_assert_no_error (error);
  return folder;
}

void
pd_fixture_remove (char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
        pd_fixture_remove (g_steal_pointer (&path));
      else
        g_unlink (path);
    }
  g_rmdir (folder);
  g_free (folder);
}

char *
pd_fixture_write (const char *folder, const char *name, const void *data, gssize length)
{
  g_autoptr (GError) error = NULL;
  char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  /* Neither renamed nor emptied first, which many file systems answer with a slow flush. */
  gsize size = length < 0 ? strlen (data) : (gsize) length;
  g_file_set_contents_full (path, data, size, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
  g_assert_cmpint (truncate (path, size), ==, 0);
  return path;
}

char *
pd_fixture_write_safetensors (const char *folder,
                              const char *name,
                              const char *header,
                              guint64 data_size,
                              const void *bytes,
                              gsize n_bytes)
{
  g_autoptr (GByteArray) start = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE ((guint64) strlen (header));
  g_byte_array_append (start, (const guint8 *) &length, 8);
  g_byte_array_append (start, (const guint8 *) header, strlen (header));
  g_byte_array_append (start, bytes, n_bytes);
  char *path = pd_fixture_write (folder, name, start->data, start->len);
  g_assert_cmpint (truncate (path, 8 + strlen (header) + data_size), ==, 0);
  return path;
}

void
pd_fixture_header_init (PdFixtureHeader *self)
{
  self->header = g_string_new ("{\"__metadata__\":{\"format\":\"pt\"}");
  self->data_size = 0;
}

void
pd_fixture_header_add (PdFixtureHeader *self, const char *name, const char *shape)
{
  g_auto (GStrv) sizes = g_strsplit (shape, ",", -1);
  guint64 bytes = 2;
  for (guint i = 0; sizes[i] != NULL; i++)
    bytes *= g_ascii_strtoull (sizes[i], NULL, 10);
  g_string_append_printf (self->header,
                          ",\"%s\":{\"dtype\":\"F16\",\"shape\":[%s],\"data_offsets\":"
                          "[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}",
                          name, shape, self->data_size, self->data_size + bytes);
  self->data_size += bytes;
}

void
pd_fixture_header_add_ldm (PdFixtureHeader *self)
{
  static const struct
  {
    const char *name, *shape;
  } tensors[] = {
    { "model.diffusion_model.input_blocks.0.0.weight", "64,9,3,3" },
    { "model.diffusion_model.time_embed.0.weight", "256,64" },
    { "model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "64,64,3,3" },
    { "model.diffusion_model.input_blocks.1.1.proj_in.weight", "64,64,1,1" },
    { "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.norm1.weight", "64" },
    { "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", "64,128" },
    { "model.diffusion_model.input_blocks.2.0.op.weight", "64,64,3,3" },
    { "model.diffusion_model.input_blocks.3.0.in_layers.2.weight", "96,64,3,3" },
    { "model.diffusion_model.middle_block.1.proj_in.weight", "96,96,1,1" },
    { "model.diffusion_model.middle_block.1.transformer_blocks.0.norm1.weight", "96" },
    { "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight", "96,128" },
    { "model.diffusion_model.output_blocks.1.1.conv.weight", "96,96,3,3" },
    { "model.diffusion_model.output_blocks.2.1.proj_in.weight", "64,64,1,1" },
    { "model.diffusion_model.out.2.weight", "4,64,3,3" },
    { "first_stage_model.decoder.conv_in.weight", "64,4,3,3" },
    { "first_stage_model.decoder.conv_out.weight", "3,32,3,3" },
    { "first_stage_model.decoder.up.0.block.0.conv1.weight", "32,64,3,3" },
    { "first_stage_model.decoder.up.0.block.1.conv1.weight", "32,32,3,3" },
    { "first_stage_model.decoder.up.1.block.0.conv1.weight", "64,64,3,3" },
    { "first_stage_model.decoder.up.1.block.1.conv1.weight", "64,64,3,3" },
    { "first_stage_model.decoder.up.1.upsample.conv.weight", "64,64,3,3" },
    { "first_stage_model.decoder.mid.attn_1.q.weight", "64,64,1,1" },
    { "first_stage_model.post_quant_conv.weight", "4,4,1,1" },
    { "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", "49408,128" },
    { "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight", "77,128" },
    { "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "512,128" },
    { "cond_stage_model.transformer.text_model.encoder.layers.0.layer_norm1.weight", "128" },
    { "model_ema.decay", "1" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
    pd_fixture_header_add (self, tensors[i].name, tensors[i].shape);
}

char *
pd_fixture_header_write (PdFixtureHeader *self, const char *folder, const char *name)
{
  g_string_append_c (self->header, '}');
  char *path =
      pd_fixture_write_safetensors (folder, name, self->header->str, self->data_size, NULL, 0);
  g_string_free (self->header, TRUE);
  return path;
}

void
pd_fixture_expect (GError **error, int code, const char *fragments)
{
  g_assert_error (*error, PD_ERROR, code);
  g_assert_null (strchr ((*error)->message, '\n'));
  g_auto (GStrv) parts = g_strsplit (fragments, " ", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    if (strstr ((*error)->message, parts[i]) == NULL)
      g_error ("\"%s\" lacks \"%s\"", (*error)->message, parts[i]);
  g_clear_error (error);
}
