// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/bpe.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/files/keyed-hash.h"

static const char WORD_END[] = "</w>";

enum
{
  MAX_MERGES = 512 * 1024, /* ten times CLIP's */
  LOOK_INTERVAL = 4096,    /* merges between two looks at the cancellable */
};

typedef struct
{
  guint64 pair; /* left id << 32 | right id */
  gint32 rank, merged;
} Merge;

struct _PdBpe
{
  gint32 bytes[256];      /* id of a byte within a word */
  gint32 last_bytes[256]; /* and at its end */
  GArray *merges;         /* of Merge, sorted by pair */
};

/* A symbol of the word being encoded; a merge keeps the left one. */
typedef struct
{
  gint32 id;             /* -1: merged away */
  gint32 previous, next; /* -1: none */
} Symbol;

typedef struct
{
  gint32 rank, position; /* of the left symbol: earlier ones first among equals */
  gint32 left, right, merged;
} Candidate;

/* The character that stands for @byte: itself if it is printable Latin-1, else one from U+0100 on,
 * in order. */
static gunichar
byte_symbol (guint byte)
{
  guint next = 0x100;
  for (guint b = 0; b < 256; b++)
    {
      gboolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      if (b == byte)
        return printable ? b : next;
      if (!printable)
        next++;
    }
  return 0;
}

/* @symbol gets the character for @byte, with the mark if @last. */
static void
format_symbol (guint byte, gboolean last, char symbol[16])
{
  int length = g_unichar_to_utf8 (byte_symbol (byte), symbol);
  g_strlcpy (symbol + length, last ? WORD_END : "", 16 - length);
}

static gboolean
look_up_bytes (PdBpe *self, GHashTable *vocabulary, const char *name, GError **error)
{
  for (guint i = 0; i < 512; i++)
    {
      char symbol[16];
      gpointer id;
      format_symbol (i % 256, i >= 256, symbol);
      if (!g_hash_table_lookup_extended (vocabulary, symbol, NULL, &id))
        {
          pd_error_set_bad_model (error,
                                  _ ("%s: the vocabulary lacks \"%s\", the symbol of byte %u"),
                                  name, symbol, i % 256);
          return FALSE;
        }
      (i < 256 ? self->bytes : self->last_bytes)[i % 256] = GPOINTER_TO_INT (id);
    }
  return TRUE;
}

/* The next line of *at that is neither empty nor a version, without its end; NULL after the last.
 * *line counts from 1. */
static char *
next_merge_line (const char **at, guint *line)
{
  while (**at != '\0')
    {
      gsize length = strcspn (*at, "\n");
      g_autofree char *text = g_strchomp (g_strndup (*at, length));
      *at += length + ((*at)[length] == '\n');
      ++*line;
      if (*text != '\0' && !(*line == 1 && g_str_has_prefix (text, "#version")))
        return g_steal_pointer (&text);
    }
  return NULL;
}

/* @text becomes the left part, and the right one is returned; NULL if there are not exactly two. */
static char *
split_merge (char *text)
{
  char *space = strchr (text, ' ');
  if (space == NULL || space == text || space[1] == '\0' || strchr (space + 1, ' ') != NULL)
    return NULL;
  *space = '\0';
  return space + 1;
}

static gint
compare_merges (gconstpointer a, gconstpointer b)
{
  const Merge *x = a, *y = b;
  if (x->pair != y->pair)
    return x->pair < y->pair ? -1 : 1;
  return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static gboolean
read_merges (
    PdBpe *self, GHashTable *vocabulary, const char *merges, const char *name, GError **error)
{
  guint line = 0;
  for (;;)
    {
      g_autofree char *left = next_merge_line (&merges, &line);
      if (left == NULL)
        break;
      char *right = split_merge (left);
      if (right == NULL)
        {
          pd_error_set_bad_model (error,
                                  _ ("%s: line %u of the merges is \"%.60s\", expected two tokens"),
                                  name, line, left);
          return FALSE;
        }
      g_autofree char *merged = g_strconcat (left, right, NULL);
      const char *tokens[3] = { left, right, merged };
      gpointer ids[3];
      for (guint i = 0; i < 3; i++)
        if (!g_hash_table_lookup_extended (vocabulary, tokens[i], NULL, &ids[i]))
          {
            pd_error_set_bad_model (
                error, _ ("%s: line %u of the merges: \"%.60s\" is not in the vocabulary"), name,
                line, tokens[i]);
            return FALSE;
          }
      Merge merge = { .pair = (guint64) GPOINTER_TO_UINT (ids[0]) << 32 | GPOINTER_TO_UINT (ids[1]),
                      .rank = (gint32) self->merges->len,
                      .merged = GPOINTER_TO_INT (ids[2]) };
      g_array_append_val (self->merges, merge);
      if (self->merges->len % LOOK_INTERVAL == 0 &&
          g_cancellable_set_error_if_cancelled (g_cancellable_get_current (), error))
        return FALSE;
      if (self->merges->len == MAX_MERGES)
        {
          pd_error_set_bad_model (error, _ ("%s: more than %d merges"), name, MAX_MERGES);
          return FALSE;
        }
    }
  g_array_sort (self->merges, compare_merges);
  return TRUE;
}

PdBpe *
pd_bpe_new (GHashTable *vocabulary, const char *merges, const char *name, GError **error)
{
  g_autoptr (PdBpe) self = g_new0 (PdBpe, 1);
  self->merges = g_array_new (FALSE, FALSE, sizeof (Merge));
  if (!look_up_bytes (self, vocabulary, name, error) ||
      !read_merges (self, vocabulary, merges, name, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_bpe_free (PdBpe *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->merges);
  g_free (self);
}

/* The first, hence most important, merge of the pair, or NULL. */
static const Merge *
find_merge (const PdBpe *self, gint32 left, gint32 right)
{
  guint64 pair = (guint64) (guint32) left << 32 | (guint32) right;
  guint low = 0, high = self->merges->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (self->merges, Merge, middle).pair < pair)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == self->merges->len)
    return NULL;
  const Merge *merge = &g_array_index (self->merges, Merge, low);
  return merge->pair == pair ? merge : NULL;
}

static gboolean
comes_before (const Candidate *a, const Candidate *b)
{
  return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

/* @heap is a binary heap of Candidate. */
static void
heap_push (GArray *heap, const Candidate *candidate)
{
  guint i = heap->len;
  g_array_append_vals (heap, candidate, 1);
  Candidate *entries = (Candidate *) (gpointer) heap->data;
  for (; i > 0 && comes_before (candidate, &entries[(i - 1) / 2]); i = (i - 1) / 2)
    entries[i] = entries[(i - 1) / 2];
  entries[i] = *candidate;
}

static Candidate
heap_pop (GArray *heap)
{
  Candidate *entries = (Candidate *) (gpointer) heap->data;
  Candidate first = entries[0], last = entries[heap->len - 1];
  guint i = 0, length = heap->len - 1;
  g_array_set_size (heap, length);
  for (;;)
    {
      guint child = 2 * i + 1;
      if (child + 1 < length && comes_before (&entries[child + 1], &entries[child]))
        child++;
      if (child >= length || !comes_before (&entries[child], &last))
        break;
      entries[i] = entries[child];
      i = child;
    }
  if (length > 0)
    entries[i] = last;
  return first;
}

static void
push_pair (const PdBpe *self, const Symbol *symbols, gint32 position, GArray *heap)
{
  if (position < 0 || symbols[position].next < 0)
    return;
  gint32 left = symbols[position].id, right = symbols[symbols[position].next].id;
  const Merge *merge = find_merge (self, left, right);
  if (merge == NULL)
    return;
  Candidate candidate = { merge->rank, position, left, right, merge->merged };
  heap_push (heap, &candidate);
}

void
pd_bpe_encode (const PdBpe *self, const char *word, gsize length, GArray *ids)
{
  g_autofree Symbol *symbols = g_new (Symbol, length);
  g_autoptr (GArray) heap = g_array_new (FALSE, FALSE, sizeof (Candidate));
  gint32 count = (gint32) length;
  for (gint32 i = 0; i < count; i++)
    {
      guchar byte = (guchar) word[i];
      symbols[i].id = i == count - 1 ? self->last_bytes[byte] : self->bytes[byte];
      symbols[i].previous = i - 1;
      symbols[i].next = i == count - 1 ? -1 : i + 1;
    }
  for (gint32 i = 0; i < count; i++)
    push_pair (self, symbols, i, heap);

  while (heap->len > 0)
    {
      Candidate candidate = heap_pop (heap);
      Symbol *left = &symbols[candidate.position];
      if (left->id != candidate.left || left->next < 0 || symbols[left->next].id != candidate.right)
        continue; /* one of the two was merged meanwhile */
      Symbol *right = &symbols[left->next];
      left->id = candidate.merged;
      left->next = right->next;
      right->id = -1;
      if (left->next >= 0)
        symbols[left->next].previous = candidate.position;
      push_pair (self, symbols, left->previous, heap);
      push_pair (self, symbols, candidate.position, heap);
    }
  for (gint32 i = 0; i >= 0; i = symbols[i].next)
    g_array_append_val (ids, symbols[i].id);
}

static void
add_token (GHashTable *vocabulary, char *token)
{
  g_hash_table_insert (vocabulary, token, GUINT_TO_POINTER (g_hash_table_size (vocabulary)));
}

GHashTable *
pd_bpe_vocabulary_from_merges (const char *merges)
{
  g_autoptr (GHashTable) vocabulary =
      g_hash_table_new_full (pd_keyed_hash, g_str_equal, g_free, NULL);
  guint line = 0;
  for (guint last = 0; last < 2; last++)
    for (int printable = 1; printable >= 0; printable--) /* printable bytes come first */
      for (guint byte = 0; byte < 256; byte++)
        {
          char symbol[16];
          if ((byte_symbol (byte) < 0x100) != printable)
            continue;
          format_symbol (byte, last, symbol);
          add_token (vocabulary, g_strdup (symbol));
        }
  for (;;)
    {
      g_autofree char *left = next_merge_line (&merges, &line);
      if (left == NULL)
        break;
      const char *right = split_merge (left);
      if (right != NULL)
        add_token (vocabulary, g_strconcat (left, right, NULL));
    }
  add_token (vocabulary, g_strdup ("<|startoftext|>"));
  add_token (vocabulary, g_strdup ("<|endoftext|>"));
  return g_steal_pointer (&vocabulary);
}
