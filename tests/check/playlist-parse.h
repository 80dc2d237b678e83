/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A strict parser of media playlists (RFC 8216bis 4), independent of the writer: whatever is not exactly as
 * expected fails the test.
 */
#pragma once

#include <gst/check/gstcheck.h>

typedef struct {
  guint64 sequence, discontinuity_sequence;
  guint64 units;                /* EXTINF, 10 us */
  gboolean gap, discontinuity;
  gint64 pdt;                   /* microseconds, or G_MININT64 */
  gchar *uri;
} Item;

typedef struct {
  guint version, target_duration;
  guint64 media_sequence;
  gint64 discontinuity_sequence;        /* -1: no tag */
  gchar *type;
  gboolean ended;
  GArray *items;
} Parsed;

static void
item_clear (gpointer data)
{
  g_free (((Item *) data)->uri);
}

static void
parsed_free (Parsed * parsed)
{
  g_array_unref (parsed->items);
  g_free (parsed->type);
  g_free (parsed);
}

static Item *
item (const Parsed * parsed, guint index)
{
  fail_unless (index < parsed->items->len);
  return &((Item *) (gpointer) parsed->items->data)[index];
}

/* Digits only, all of @text. */
static guint64
number (const gchar * text)
{
  guint64 value = 0;

  fail_unless (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &value, NULL), "number: %s", text);
  return value;
}

static gint64
date (const gchar * text)
{
  GDateTime *time = g_date_time_new_from_iso8601 (text, NULL);
  gint64 value;

  fail_unless (time != NULL && strlen (text) == strlen ("2026-01-01T00:00:00.000Z") && g_str_has_suffix (text, "Z"),
      "date: %s", text);
  value = g_date_time_to_unix (time) * 1000000 + g_date_time_get_microsecond (time);
  g_date_time_unref (time);
  return value;
}

static guint64
extinf (const gchar * text)
{
  gchar **parts = g_strsplit (text, ".", -1);
  guint64 units;

  fail_unless (g_strv_length (parts) == 2 && strlen (parts[1]) == 6 && parts[1][5] == ',', "EXTINF: %s", text);
  parts[1][5] = '\0';
  units = number (parts[0]) * 100000 + number (parts[1]);
  g_strfreev (parts);
  return units;
}

/* Takes @text. */
static Parsed *
parse (gchar * text)
{
  Parsed *parsed = g_new0 (Parsed, 1);
  Item next = {.pdt = G_MININT64 };
  gboolean have_extinf = FALSE;
  guint64 discontinuities;
  gchar **lines;
  guint i, n;

  fail_unless (text != NULL && g_utf8_validate (text, -1, NULL) && g_str_has_suffix (text, "\n"));
  lines = g_strsplit (text, "\n", -1);
  n = g_strv_length (lines) - 1;        /* what follows the last line break is empty */
  fail_unless_equals_string (lines[n], "");
  fail_unless_equals_string (lines[0], "#EXTM3U");

  parsed->items = g_array_new (FALSE, TRUE, sizeof (Item));
  g_array_set_clear_func (parsed->items, item_clear);
  parsed->discontinuity_sequence = -1;
  for (i = 1; i < n && !parsed->ended; i++) {
    gchar *line = lines[i], *value = strchr (line, ':');
    gboolean header = parsed->items->len == 0 && !have_extinf && !next.discontinuity && !next.gap
        && next.pdt == G_MININT64;

    value = line[0] == '#' && value ? value + 1 : NULL;
#define IS(tag) (value ? strncmp (line, tag ":", strlen (tag ":")) == 0 : strcmp (line, tag) == 0)
#define ONCE(tag, unset) (IS (tag) && (fail_unless (header && (unset), "twice or late: %s", line), TRUE))
    if (line[0] != '#') {
      fail_unless (have_extinf && *line, "line %u: '%s'", i, line);
      next.uri = g_strdup (line);
      g_array_append_val (parsed->items, next);
      next = (Item) {.pdt = G_MININT64 };
      have_extinf = FALSE;
    } else if (ONCE ("#EXT-X-VERSION", !parsed->version)) {
      parsed->version = number (value);
    } else if (ONCE ("#EXT-X-TARGETDURATION", !parsed->target_duration)) {
      parsed->target_duration = number (value);
    } else if (ONCE ("#EXT-X-MEDIA-SEQUENCE", !parsed->media_sequence)) {
      parsed->media_sequence = number (value);
    } else if (ONCE ("#EXT-X-DISCONTINUITY-SEQUENCE", parsed->discontinuity_sequence < 0)) {
      parsed->discontinuity_sequence = (gint64) number (value);
    } else if (ONCE ("#EXT-X-PLAYLIST-TYPE", !parsed->type)) {
      parsed->type = g_strdup (value);
    } else if (IS ("#EXT-X-DISCONTINUITY") && !next.discontinuity && !have_extinf) {
      next.discontinuity = TRUE;
    } else if (IS ("#EXT-X-GAP") && !next.gap && !have_extinf) {
      next.gap = TRUE;
    } else if (IS ("#EXT-X-PROGRAM-DATE-TIME") && next.pdt == G_MININT64 && !have_extinf) {
      next.pdt = date (value);
    } else if (IS ("#EXTINF") && !have_extinf) {
      next.units = extinf (value);
      have_extinf = TRUE;
    } else {
      fail_unless (IS ("#EXT-X-ENDLIST") && i == n - 1 && header == (parsed->items->len == 0), "line %u: %s", i, line);
      parsed->ended = TRUE;
    }
  }
  fail_if (have_extinf || next.gap || next.discontinuity);
  fail_unless (parsed->version && parsed->target_duration);

  discontinuities = MAX (parsed->discontinuity_sequence, 0);
  for (i = 0; i < parsed->items->len; i++) {
    Item *it = item (parsed, i);

    discontinuities += it->discontinuity;
    it->discontinuity_sequence = discontinuities;
    it->sequence = parsed->media_sequence + i;
    fail_unless ((it->units + 50000) / 100000 <= parsed->target_duration, "EXTINF above TARGETDURATION");
    if (it->gap)
      fail_unless (parsed->version >= 8);
    fail_unless (parsed->version >= 3);
  }
  g_strfreev (lines);
  g_free (text);
  return parsed;
}

static guint64
duration_of (const Parsed * parsed)
{
  guint64 units = 0;
  guint i;

  for (i = 0; i < parsed->items->len; i++)
    units += item (parsed, i)->units;
  return units;
}
