// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/model-fixture.h"

/* However slow the machine. */
static const guint64 MIN_INPUTS = 100;

/* Adds @delta to every number of the list that is open at @at, or replaces them by @delta. */
static void
change_list (GByteArray *input, guint at, gint64 delta, gboolean replace)
{
  g_autoptr (GString) text = g_string_new_len ((char *) input->data, input->len);
  while (at > 0 && text->str[at] != '[')
    at--;
  g_autoptr (GString) changed = g_string_new_len (text->str, at);
  while (at < text->len && text->str[at] != ']')
    {
      if (!g_ascii_isdigit (text->str[at]))
        {
          g_string_append_c (changed, text->str[at++]);
          continue;
        }
      char *end;
      guint64 value = g_ascii_strtoull (text->str + at, &end, 10);
      g_string_append_printf (changed, "%" G_GUINT64_FORMAT,
                              replace ? (guint64) delta : value + delta);
      at = end - text->str;
    }
  g_string_append_len (changed, text->str + at, text->len - at);
  g_byte_array_set_size (input, 0);
  g_byte_array_append (input, (guint8 *) changed->str, changed->len);
}

/* Keeps the length at the input's start true. */
static void
repair_length (GByteArray *input, guint old_length)
{
  guint64 header;
  if (input->len < 8 || input->len == old_length)
    return;
  memcpy (&header, input->data, 8);
  header = GUINT64_TO_LE (GUINT64_FROM_LE (header) + input->len - old_length);
  memcpy (input->data, &header, 8);
}

static void
mutate_once (const PdFuzz *self, GByteArray *input, GRand *rand)
{
  static const guint8 bytes[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '\\', '{', '}', '[', ',', '9', '-' };
  static const gint64 deltas[] = { 1, -1, 2, 8, -8, 4096, 1 << 20, G_MAXINT32, G_MAXINT64 };
  guint length = input->len;
  guint at = length > 0 ? g_rand_int_range (rand, 0, length) : 0;
  guint count = length > at ? g_rand_int_range (rand, 1, MIN (length - at, 64) + 1) : 0;
  guint n_pieces = g_strv_length ((char **) self->pieces);
  switch (g_rand_int_range (rand, 0, 13))
    {
    case 0:
    case 1:
      if (length > 0)
        input->data[at] ^= 1 << g_rand_int_range (rand, 0, 8);
      break;
    case 2:
      if (length > 0)
        input->data[at] = bytes[g_rand_int_range (rand, 0, G_N_ELEMENTS (bytes))];
      break;
    case 3:
      if (count > 0)
        g_byte_array_remove_range (input, at, count);
      break;
    case 4: /* truncate */
      g_byte_array_set_size (input, at);
      break;
    case 5: /* repeat a stretch at the end */
      if (count > 0)
        {
          guint8 stretch[64];
          memcpy (stretch, input->data + at, count);
          g_byte_array_append (input, stretch, count);
        }
      break;
    case 6: /* copy a stretch over another place */
      if (count > 0)
        memmove (input->data + g_rand_int_range (rand, 0, length - count + 1), input->data + at,
                 count);
      break;
    case 7:
    case 8:
    case 9:
      if (length > 0)
        change_list (input, at, deltas[g_rand_int_range (rand, 0, G_N_ELEMENTS (deltas))],
                     g_rand_boolean (rand));
      break;
    default: /* insert or overwrite with a piece */
      if (n_pieces > 0)
        {
          const char *piece = self->pieces[g_rand_int_range (rand, 0, n_pieces)];
          guint size = strlen (piece), end = length;
          gboolean insert = g_rand_boolean (rand);
          if (!insert && at + size > length)
            break;
          if (insert)
            {
              g_byte_array_set_size (input, length + size);
              memmove (input->data + at + size, input->data + at, end - at);
            }
          memcpy (input->data + at, piece, size);
        }
    }
}

void
pd_fuzz_run (const PdFuzz *self, double seconds)
{
  const char *wanted = g_getenv ("PD_FUZZ_SECONDS");
  if (wanted != NULL)
    seconds = g_ascii_strtod (wanted, NULL);
  gint64 end = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);
  char *folder = pd_fixture_folder ();
  guint64 number = 0;
  for (; number < MIN_INPUTS || g_get_monotonic_time () < end; number++)
    {
      const guint32 seed[] = { 0x5eed, (guint32) number, (guint32) (number >> 32) };
      g_autoptr (GRand) rand = g_rand_new_with_seed_array (seed, G_N_ELEMENTS (seed));
      gsize length;
      const void *data = g_bytes_get_data ((GBytes *) self->seeds[number % self->n_seeds], &length);
      g_autoptr (GByteArray) input = g_byte_array_new ();
      g_byte_array_append (input, data, length);
      if (number >= self->n_seeds) /* the seeds themselves come first */
        for (int n = g_rand_int_range (rand, 1, 6); n > 0; n--)
          {
            guint old_length = input->len;
            mutate_once (self, input, rand);
            if (self->has_length && g_rand_boolean (rand))
              repair_length (input, old_length);
          }
      g_autofree char *path = pd_fixture_write (
          folder, self->file_name, input->data != NULL ? input->data : (guint8 *) "", input->len);
      self->run (path, self->data);
    }
  pd_fixture_remove (folder);
  g_print ("# %s: %" G_GUINT64_FORMAT " inputs\n", self->name, number);
}

void
pd_fuzz_check (gboolean succeeded, const GError *error)
{
  g_assert_true (succeeded == (error == NULL));
  if (error == NULL)
    return;
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_null (strpbrk (error->message, "\n\r\t"));
  g_assert_cmpuint (strlen (error->message), >, 0);
}
