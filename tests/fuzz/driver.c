// SPDX-License-Identifier: GPL-3.0-or-later
/* Runs a target (fuzz.h) without libFuzzer.
 *   fuzz-NAME                  all seeds, what is kept in corpus/NAME, then mutations of those
 *   fuzz-NAME FILE…            these inputs, such as what libFuzzer found
 *   fuzz-NAME --seeds FOLDER   writes the seeds there, and FOLDER.dict, for libFuzzer */
#include <gio/gio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fixtures/model-fixture.h"

/* However slow the machine. */
static const guint64 MIN_MUTATIONS = 100;
static const double SECONDS = 0.7;

enum
{
  MAX_SECONDS = 60,     /* of one input, with sanitizers on a busy machine */
  MAX_MEMORY = 1 << 20, /* KiB, of the process */
};

static GPtrArray *inputs; /* of GBytes */
static char *folder;      /* with the input that is run; kept if the process dies */

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

/* Puts @size bytes of @piece at @at, in place of others or between them. */
static void
put (GByteArray *input, guint at, const void *piece, guint size, gboolean insert)
{
  const guint length = input->len;

  if (!insert && at + size > length)
    return;
  if (insert)
    {
      g_byte_array_set_size (input, length + size);
      memmove (input->data + at + size, input->data + at, length - at);
    }
  memcpy (input->data + at, piece, size);
}

static void
mutate (GByteArray *input, GRand *rand)
{
  static const guint8 bytes[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '\\', '{', '}', '[', ',', '9', '-' };
  static const gint64 deltas[] = { 1, -1, 2, 8, -8, 4096, 1 << 20, G_MAXINT32, G_MAXINT64 };
  const char *const *words = pd_fuzz_target.words;
  const guint length = input->len;
  const guint at = length > 0 ? (guint) g_rand_int_range (rand, 0, (gint32) length) : 0;
  const guint count =
      length > 0 ? (guint) g_rand_int_range (rand, 1, (gint32) MIN (length - at, 64) + 1) : 0;
  guint8 stretch[64];

  if (length == 0)
    {
      put (input, 0, bytes, 1, TRUE);
      return;
    }
  switch (g_rand_int_range (rand, 0, 13))
    {
    case 0:
    case 1:
      input->data[at] ^= (guint8) (1 << g_rand_int_range (rand, 0, 8));
      return;
    case 2:
      input->data[at] = bytes[g_rand_int_range (rand, 0, G_N_ELEMENTS (bytes))];
      return;
    case 3:
      g_byte_array_remove_range (input, at, count);
      return;
    case 4: /* truncate */
      g_byte_array_set_size (input, at);
      return;
    case 5: /* repeat a stretch at the end */
      memcpy (stretch, input->data + at, count);
      g_byte_array_append (input, stretch, count);
      return;
    case 6: /* copy a stretch over another place */
      memmove (input->data + g_rand_int_range (rand, 0, (gint32) (length - count) + 1),
               input->data + at, count);
      return;
    case 7:
    case 8:
    case 9:
      change_list (input, at, deltas[g_rand_int_range (rand, 0, G_N_ELEMENTS (deltas))],
                   g_rand_boolean (rand));
      return;
    default:
      {
        const char *word =
            words[g_rand_int_range (rand, 0, (gint32) g_strv_length ((char **) words))];

        put (input, at, word, (guint) strlen (word), g_rand_boolean (rand));
      }
    }
}

static void
run (gconstpointer data, gsize size)
{
  struct rusage usage;

  g_free (pd_fixture_write (folder, PD_FUZZ_NAME, size > 0 ? data : "", (gssize) size));
  alarm (MAX_SECONDS);
  g_assert_cmpint (LLVMFuzzerTestOneInput (data, size), ==, 0);
  alarm (0);
  getrusage (RUSAGE_SELF, &usage);
  g_assert_cmpint (usage.ru_maxrss, <, MAX_MEMORY);
}

/* Mutation number N is always the same. */
static void
run_mutation (guint64 number)
{
  const guint32 seed[] = { 0x5eed, (guint32) number, (guint32) (number >> 32) };
  g_autoptr (GRand) rand = g_rand_new_with_seed_array (seed, G_N_ELEMENTS (seed));
  g_autoptr (GByteArray) input = g_byte_array_new ();
  gsize size;
  const void *data = g_bytes_get_data (inputs->pdata[number % inputs->len], &size);

  g_byte_array_append (input, data, (guint) size);
  for (int n = g_rand_int_range (rand, 1, 6); n > 0; n--)
    mutate (input, rand);
  run (input->data, input->len);
}

static void
add_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *data;
  gsize size;

  g_file_get_contents (path, &data, &size, &error);
  g_assert_no_error (error);
  g_ptr_array_add (inputs, g_bytes_new_take (data, size));
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* In the order of their names, so that mutations stay the same. */
static void
add_corpus (void)
{
  static const char path[] = PD_SOURCE_ROOT "/tests/fuzz/corpus/" PD_FUZZ_NAME;
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_build_filename (path, name, NULL));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    add_file (names->pdata[i]);
}

static void
write_seeds (const char *path)
{
  g_autoptr (GString) words = g_string_new (NULL);
  g_autofree char *list = g_strconcat (path, ".dict", NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < inputs->len; i++)
    {
      g_autofree char *name = g_strdup_printf ("seed-%02u", i);
      gsize size;
      const void *data = g_bytes_get_data (inputs->pdata[i], &size);

      g_free (pd_fixture_write (path, name, data != NULL ? data : "", (gssize) size));
    }
  for (const char *const *word = pd_fuzz_target.words; *word != NULL; word++)
    {
      g_string_append_c (words, '"');
      for (const char *at = *word; *at != '\0'; at++)
        g_string_append_printf (words, "\\x%02x", (guchar) *at);
      g_string_append (words, "\"\n");
    }
  g_file_set_contents (list, words->str, -1, &error);
  g_assert_no_error (error);
}

static void
run_all (double seconds)
{
  const gint64 end = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);
  guint64 n = 0;

  for (guint i = 0; i < inputs->len; i++)
    {
      gsize size;
      const void *data = g_bytes_get_data (inputs->pdata[i], &size);

      run (data, size);
    }
  for (; seconds > 0 && (n < MIN_MUTATIONS || g_get_monotonic_time () < end); n++)
    run_mutation (n);
  g_print ("# %u inputs, %" G_GUINT64_FORMAT " mutations\n", inputs->len, n);
}

int
main (int argc, char **argv)
{
  const char *wanted = g_getenv ("PD_FUZZ_SECONDS");

  LLVMFuzzerInitialize (&argc, &argv);
  inputs = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  folder = pd_fixture_folder ();
  g_print ("TAP version 13\n");
  if (argc > 1 && !g_str_equal (argv[1], "--seeds"))
    for (int i = 1; i < argc; i++)
      add_file (argv[i]);
  else
    pd_fuzz_target.add_seeds (inputs);
  if (argc > 2 && g_str_equal (argv[1], "--seeds"))
    write_seeds (argv[2]);
  else if (argc > 1)
    run_all (0);
  else
    {
      add_corpus ();
      run_all (wanted != NULL ? g_ascii_strtod (wanted, NULL) : SECONDS);
    }
  g_print ("1..1\nok 1 fuzz-" PD_FUZZ_NAME "\n");
  pd_fixture_remove (folder);
  g_ptr_array_unref (inputs);
  return 0;
}
