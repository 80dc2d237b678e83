/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Playlists, read back by a strict parser of the test's own and judged across revisions by
 * RFC 8216bis 4.4, 6.2.1 and 6.2.2.
 *
 * The writer is compiled into the test, so that its work can be counted instead of timed.
 */
#include <gst/check/gstcheck.h>

static guint64 work_formatted, work_visited;

#define g_string_append_printf(...) (work_formatted++, g_string_append_printf (__VA_ARGS__))
#undef g_array_index
#define g_array_index(array, type, index) (((type *) (gpointer) (array)->data)[(work_visited++, (index))])
#include "playlist.c"
#undef g_string_append_printf

#include "playlist-parse.h"

#define FIRST_PDT G_GINT64_CONSTANT (1771428600000000)  /* 2026-02-18T15:30:00Z */

static HlsMediaPlaylist *
new_playlist (HlsMode mode, guint target_duration, guint window, guint keep)
{
  HlsMediaPlaylistConfig config = { mode, target_duration, window, keep, TRUE };

  return hls_media_playlist_new (&config);
}

static gboolean
append_full (HlsMediaPlaylist * playlist, guint64 sequence, GstClockTime duration, guint64 size, gint64 pdt,
    gboolean discontinuity)
{
  HlsSegment segment = {
    .uri = g_strdup_printf ("a_%05" G_GUINT64_FORMAT ".ts", sequence),
    .name = g_strdup_printf ("a_%05" G_GUINT64_FORMAT ".ts", sequence),
    .sequence = sequence,
    .duration = duration,
    .size = size,
    .program_date_time = pdt,
    .discontinuity = discontinuity,
  };
  gboolean taken = hls_media_playlist_append (playlist, &segment);

  fail_unless (taken == (segment.uri == NULL) && taken == (segment.name == NULL));
  g_free (segment.uri);
  g_free (segment.name);
  return taken;
}

static void
append (HlsMediaPlaylist * playlist, guint64 sequence, GstClockTime duration)
{
  fail_unless (append_full (playlist, sequence, duration, 1000, G_MININT64, FALSE));
}

static Parsed *
newest (HlsMediaPlaylist * playlist)
{
  return parse (hls_media_playlist_write (playlist, hls_media_playlist_get_revision (playlist)));
}

static guint
random_below (guint32 * state, guint limit)
{
  *state = *state * 1664525u + 1013904223u;
  return (guint) (((guint64) * state * limit) >> 32);
}

/* --- tests --- */

GST_START_TEST (test_live_revisions)
{
  const guint window = 5, target = 6;
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, target, window, 21);
  guint64 discontinuity_of[400], units_of[400], discontinuities = 0, last_first = 0;
  gint64 pdt = FIRST_PDT, pdt_of[400];
  guint32 seed = 1;
  guint k, i;

  for (k = 0; k < 400; k++) {
    gboolean discontinuity = random_below (&seed, 5) == 0;
    GstClockTime duration = random_below (&seed, 6400) * GST_MSECOND + 37 * GST_MSECOND;
    Parsed *parsed;

    if (discontinuity)
      pdt += 5000000;
    discontinuities += discontinuity;
    discontinuity_of[k] = discontinuities;
    pdt_of[k] = pdt;
    fail_unless (append_full (playlist, 1000 + k, duration, 1000, pdt, discontinuity));
    pdt += duration / 1000;

    fail_unless_equals_uint64 (hls_media_playlist_get_revision (playlist), 1000 + k);
    parsed = newest (playlist);
    fail_unless_equals_int (parsed->version, 8);
    fail_unless_equals_int (parsed->target_duration, target);
    fail_unless (parsed->type == NULL && !parsed->ended);
    fail_unless (parsed->discontinuity_sequence >= 0);
    fail_unless (parsed->media_sequence >= MAX (last_first, 1000), "media sequence went back");
    last_first = parsed->media_sequence;

    /* All that was there at first; then at least the window and three target durations, and no more than that. */
    fail_unless_equals_uint64 (item (parsed, parsed->items->len - 1)->sequence, 1000 + k);
    if (parsed->media_sequence > 1000)
      fail_unless (parsed->items->len >= window && duration_of (parsed) + 1 >= 3 * target * 100000);
    if (parsed->items->len > window)
      fail_unless (duration_of (parsed) - item (parsed, 0)->units <= 3 * target * 100000 + 1);

    for (i = 0; i < parsed->items->len; i++) {
      Item *it = item (parsed, i);
      guint n = it->sequence - 1000;
      gchar *uri = g_strdup_printf ("a_%05u.ts", 1000 + n);

      fail_unless_equals_string (it->uri, uri);
      fail_unless_equals_uint64 (it->discontinuity_sequence, discontinuity_of[n]);
      fail_unless (ABS (it->pdt - pdt_of[n]) <= 500);
      if (n < k) {
        fail_unless_equals_uint64 (it->units, units_of[n]);
      }
      units_of[n] = it->units;
      g_free (uri);
    }
    parsed_free (parsed);
  }
  /* Both halves of the window rule were at work, and discontinuities slid out. */
  fail_unless (last_first > 1300 && discontinuities > 20);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

GST_START_TEST (test_extinf_does_not_drift)
{
  /* A third of a unit off in each segment, in both directions, and NTSC. */
  static const GstClockTime durations[] = { 5338663333, 5338666666, 6006000000, 6006003333, 1, 4999 };
  guint d, k;

  for (d = 0; d < G_N_ELEMENTS (durations); d++) {
    HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_VOD, 6, 0, 0);
    guint64 sum = 0, exact = 0;
    Parsed *parsed;

    for (k = 0; k < 3000; k++)
      append (playlist, k, durations[d]);
    parsed = newest (playlist);
    for (k = 0; k < 3000; k++) {
      sum += item (parsed, k)->units * 10000;
      exact += durations[d];
      fail_unless ((sum > exact ? sum - exact : exact - sum) <= 5000, "drift at %u: %" G_GINT64_FORMAT " ns", k,
          (gint64) (sum - exact));
    }
    parsed_free (parsed);
    hls_media_playlist_free (playlist);
  }
}

GST_END_TEST;

/* Two writers on one timeline, the second started later, write the same lines. */
GST_START_TEST (test_extinf_follows_time)
{
  const GstClockTime duration = 5338666000;
  HlsMediaPlaylist *a = new_playlist (HLS_MODE_LIVE, 6, 10, 21), *b = new_playlist (HLS_MODE_LIVE, 6, 10, 21);
  Parsed *pa, *pb;
  guint k, i;

  for (k = 0; k < 50; k++) {
    gint64 pdt = FIRST_PDT + k * (gint64) (duration / 1000);

    fail_unless (append_full (a, k, duration, 1, pdt, FALSE));
    if (k >= 17)
      fail_unless (append_full (b, k, duration, 1, pdt, FALSE));
  }
  pa = newest (a);
  pb = newest (b);
  fail_unless_equals_uint64 (pa->media_sequence, pb->media_sequence);
  for (i = 0; i < 10; i++) {
    fail_unless_equals_uint64 (item (pa, i)->units, item (pb, i)->units);
  }
  parsed_free (pa);
  parsed_free (pb);
  hls_media_playlist_free (a);
  hls_media_playlist_free (b);
}

GST_END_TEST;

GST_START_TEST (test_program_date_time)
{
  static const struct
  {
    gint64 time;
    const gchar *line;
  } cases[] = {
    {0, "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z\n"},
    {G_GINT64_CONSTANT (1771428600123499), "#EXT-X-PROGRAM-DATE-TIME:2026-02-18T15:30:00.123Z\n"},
    {G_GINT64_CONSTANT (1771428600123500), "#EXT-X-PROGRAM-DATE-TIME:2026-02-18T15:30:00.124Z\n"},
    {G_GINT64_CONSTANT (1767225599999600), "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n"},
    {-1000, "#EXT-X-PROGRAM-DATE-TIME:1969-12-31T23:59:59.999Z\n"},
    {-499, "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z\n"},
    {G_MAXINT64, NULL},
    {G_MININT64, NULL},
  };
  HlsMediaPlaylistConfig without = { HLS_MODE_LIVE, 6, 10, 21, FALSE };
  HlsMediaPlaylist *playlist;
  gchar *text;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    playlist = new_playlist (HLS_MODE_LIVE, 6, 10, 21);
    fail_unless (append_full (playlist, 0, 6 * GST_SECOND, 1, cases[i].time, FALSE));
    text = hls_media_playlist_write (playlist, 0);
    if (cases[i].line)
      fail_unless (strstr (text, cases[i].line) != NULL, "%s", text);
    else
      fail_unless (strstr (text, "PROGRAM") == NULL, "%s", text);
    g_free (text);
    hls_media_playlist_free (playlist);
  }

  playlist = hls_media_playlist_new (&without);
  fail_unless (append_full (playlist, 0, 6 * GST_SECOND, 1, FIRST_PDT, FALSE));
  text = hls_media_playlist_write (playlist, 0);
  fail_unless (strstr (text, "PROGRAM") == NULL);
  g_free (text);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

GST_START_TEST (test_bad_segments)
{
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, 6, 10, 21);
  gchar *before, *after;

  fail_unless (hls_media_playlist_write (playlist, 0) == NULL);
  fail_unless_equals_uint64 (hls_media_playlist_get_bandwidth (playlist), 0);
  append (playlist, 7, 6 * GST_SECOND);
  before = hls_media_playlist_write (playlist, 7);
  fail_if (append_full (playlist, 7, 6 * GST_SECOND, 1, 0, FALSE));
  fail_if (append_full (playlist, 6, 6 * GST_SECOND, 1, 0, FALSE));
  fail_if (append_full (playlist, 9, 6 * GST_SECOND, 1, 0, FALSE));
  fail_if (append_full (playlist, 8, GST_CLOCK_TIME_NONE, 1, 0, FALSE));
  after = hls_media_playlist_write (playlist, 7);
  fail_unless_equals_string (before, after);
  fail_unless (hls_media_playlist_write (playlist, 6) == NULL);
  fail_unless (hls_media_playlist_write (playlist, 8) == NULL);
  append (playlist, 8, 6 * GST_SECOND);
  hls_media_playlist_end (playlist);
  fail_if (append_full (playlist, 9, 6 * GST_SECOND, 1, 0, FALSE));
  g_free (before);
  g_free (after);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

GST_START_TEST (test_gaps)
{
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, 6, 4, 9);
  HlsSegment never = {.uri = g_strdup ("a_00020.ts"),.name = g_strdup ("a_00020.ts"),.sequence = 20,
    .duration = 6 * GST_SECOND,.program_date_time = FIRST_PDT,.discontinuity = TRUE,.gap = TRUE
  };
  Parsed *parsed;
  guint k, i;

  for (k = 10; k < 20; k++)
    append (playlist, k, 6 * GST_SECOND);
  fail_unless (hls_media_playlist_append (playlist, &never));
  append (playlist, 21, 6 * GST_SECOND);

  /* 18 to 21 are listed, 10 to 17 remembered. */
  fail_unless (hls_media_playlist_mark_gap (playlist, "a_00019.ts"));
  fail_unless (hls_media_playlist_mark_gap (playlist, "a_00019.ts"));
  fail_unless (hls_media_playlist_mark_gap (playlist, "a_00020.ts"));
  fail_if (hls_media_playlist_mark_gap (playlist, "a_00016.ts"));
  fail_if (hls_media_playlist_mark_gap (playlist, "a_00009.ts"));
  fail_if (hls_media_playlist_mark_gap (playlist, "a_00022.ts"));

  for (k = 13; k <= 21; k++) {
    parsed = parse (hls_media_playlist_write (playlist, k));
    fail_unless_equals_int (parsed->items->len, 4);
    fail_unless_equals_uint64 (parsed->media_sequence, k - 3);
    for (i = 0; i < 4; i++) {
      guint64 n = item (parsed, i)->sequence;

      fail_unless (item (parsed, i)->gap == (n == 16 || n == 19 || n == 20), "segment %" G_GUINT64_FORMAT, n);
      fail_unless (item (parsed, i)->discontinuity == (n == 20));
      fail_unless_equals_uint64 (item (parsed, i)->units, 600000);
    }
    parsed_free (parsed);
  }
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

/* Written again later, an older revision is the text it was. */
GST_START_TEST (test_old_revisions)
{
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, 6, 10, 21);
  gchar *texts[300];
  guint k, j, forgotten = 0, written = 0;

  for (k = 0; k < 300; k++) {
    HlsSegment *expired;
    guint64 revision;
    GstClockTime hold;

    append (playlist, k, 6 * GST_SECOND - (k % 7) * 100 * GST_MSECOND);
    texts[k] = hls_media_playlist_write (playlist, k);
    while ((expired = hls_media_playlist_pop_expired (playlist, &revision, &hold)))
      hls_segment_free (expired);
    for (j = 0; j <= k; j++) {
      gchar *again = hls_media_playlist_write (playlist, j);

      if (again) {
        fail_unless_equals_string (again, texts[j]);
        written++;
      } else {
        fail_unless (j + 11 < k, "revision %u is forgotten at %u", j, k);
        forgotten++;
      }
      g_free (again);
    }
  }
  fail_unless (forgotten > 0 && written > 300);
  for (k = 0; k < 300; k++)
    g_free (texts[k]);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

GST_START_TEST (test_vod)
{
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_VOD, 2, 3, 1);
  GstClockTime hold;
  guint64 revision;
  Parsed *parsed;
  guint k, i;

  for (k = 0; k < 100; k++) {
    append (playlist, k, 2 * GST_SECOND);
    fail_unless (hls_media_playlist_pop_expired (playlist, &revision, &hold) == NULL);
  }
  fail_unless (hls_media_playlist_mark_gap (playlist, "a_00003.ts"));
  hls_media_playlist_end (playlist);
  fail_unless_equals_uint64 (hls_media_playlist_get_revision (playlist), 100);
  /* Told late: after the end. */
  fail_unless (hls_media_playlist_mark_gap (playlist, "a_00099.ts"));

  for (k = 0; k <= 100; k++) {
    parsed = parse (hls_media_playlist_write (playlist, k));
    fail_unless_equals_string (parsed->type, k == 100 ? "VOD" : "EVENT");
    fail_unless_equals_int (parsed->ended, k == 100);
    fail_unless_equals_int (parsed->items->len, MIN (k + 1, 100));
    fail_unless_equals_uint64 (parsed->media_sequence, 0);
    fail_unless_equals_uint64 (MAX (parsed->discontinuity_sequence, 0), 0);
    for (i = 0; i < parsed->items->len; i++)
      fail_unless (item (parsed, i)->gap == (i == 3 || i == 99));
    parsed_free (parsed);
  }
  fail_unless (hls_media_playlist_write (playlist, 101) == NULL);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

GST_START_TEST (test_live_end)
{
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, 2, 3, 1);
  Parsed *parsed;
  guint k;

  for (k = 5; k < 15; k++)
    append (playlist, k, 2 * GST_SECOND);
  hls_media_playlist_end (playlist);
  parsed = newest (playlist);
  fail_unless (parsed->ended && parsed->type == NULL);
  fail_unless_equals_uint64 (parsed->media_sequence, 12);
  parsed_free (parsed);
  parsed = parse (hls_media_playlist_write (playlist, 14));
  fail_if (parsed->ended);
  parsed_free (parsed);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

/* What was deleted when, against RFC 8216bis 6.2.2 as computed from the playlists that were written. */
static void
check_expiry (guint window, guint keep, gboolean even)
{
  const guint n = 300, target = 6;
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, target, window, keep);
  GstClockTime durations[300], now = 0, published[300];
  guint64 first_of[300], next = 0, revision;
  guint32 seed = 7;
  guint k, r, i, deleted = 0, exact = 0;

  for (k = 0; k < n; k++) {
    HlsSegment *expired;
    GstClockTime hold;
    Parsed *parsed;

    durations[k] = even ? 6 * GST_SECOND : (1 + random_below (&seed, 24)) * 250 * GST_MSECOND;
    append (playlist, k, durations[k]);
    now += durations[k];
    published[k] = now;
    parsed = newest (playlist);
    first_of[k] = parsed->media_sequence;
    parsed_free (parsed);

    while ((expired = hls_media_playlist_pop_expired (playlist, &revision, &hold))) {
      GstClockTime longest = 0, owed;
      guint64 s = expired->sequence;
      guint gone = n;

      fail_unless_equals_uint64 (s, next++);
      for (r = s; r <= k; r++) {
        GstClockTime length = 0;

        if (first_of[r] > s) {
          gone = r;
          break;
        }
        for (i = first_of[r]; i <= r; i++)
          length += durations[i];
        longest = MAX (longest, length);
      }
      owed = durations[s] + longest;
      fail_unless_equals_uint64 (revision, gone);
      fail_unless_equals_uint64 (hold, owed);
      fail_unless (published[k] - published[gone] >= owed, "segment %" G_GUINT64_FORMAT " deleted too early", s);
      fail_unless (k - s >= keep, "fewer than keep-segments are left");
      if (k - s == keep)
        exact++;
      hls_segment_free (expired);
      deleted++;
    }
    if (even && keep >= 2 * window + 1 && k >= keep) {
      fail_unless_equals_uint64 (next, k - keep + 1);
    }
  }
  fail_unless (deleted > n / 2);
  /* The one that keep-segments decided, and the one that the RFC did. */
  if (even) {
    fail_unless_equals_int (exact > 0, keep >= 2 * window + 1);
  }
  hls_media_playlist_free (playlist);
}

GST_START_TEST (test_expiry)
{
  check_expiry (10, 21, TRUE);
  check_expiry (10, 40, TRUE);
  check_expiry (10, 3, TRUE);
  check_expiry (3, 1, TRUE);
  check_expiry (10, 21, FALSE);
  check_expiry (3, 1, FALSE);
  check_expiry (3, 50, FALSE);
}

GST_END_TEST;

GST_START_TEST (test_bandwidth)
{
  const guint n = 500;
  const GstClockTime target = 6 * GST_SECOND;
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, 6, 10, 21);
  GstClockTime durations[500], total = 0;
  guint64 sizes[500], bytes = 0, last = 0, peak = 0;
  guint32 seed = 3;
  guint k, i;

  for (k = 0; k < n; k++) {
    GstClockTime run = 0;
    guint64 run_bytes = 0;

    durations[k] = (1 + random_below (&seed, 6200)) * GST_MSECOND;
    sizes[k] = random_below (&seed, 1000000) + k * 2000;
    fail_unless (append_full (playlist, k, durations[k], sizes[k], G_MININT64, FALSE));
    bytes += sizes[k];
    total += durations[k];

    for (i = k + 1; i-- > 0;) {
      run += durations[i];
      run_bytes += sizes[i];
      if (run >= target / 2 && run <= target * 3 / 2)
        peak = MAX (peak, (guint64) ceill ((long double) run_bytes * 8 * GST_SECOND / run));
    }
    peak = MAX (peak, (guint64) ceill ((long double) bytes * 8 * GST_SECOND / total));
    fail_unless_equals_uint64 (hls_media_playlist_get_bandwidth (playlist), peak);
    fail_unless_equals_uint64 (hls_media_playlist_get_average_bandwidth (playlist),
        (guint64) ceill ((long double) bytes * 8 * GST_SECOND / total));
    fail_unless (hls_media_playlist_get_bandwidth (playlist) >= last);
    last = hls_media_playlist_get_bandwidth (playlist);
  }
  /* What was never made does not lower the average. */
  last = hls_media_playlist_get_average_bandwidth (playlist);
  fail_unless (append_full (playlist, n, target, 0, G_MININT64, FALSE));
  fail_unless_equals_uint64 (hls_media_playlist_get_average_bandwidth (playlist), last);
  fail_unless_equals_uint64 (hls_media_playlist_get_bandwidth (playlist), peak);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

typedef struct {
  guint64 formatted, visited;
} Work;

/* What it takes to bring a vod playlist from @n segments to one more and to write it. */
static Work
work_at (HlsMediaPlaylist * playlist, guint n, gsize * bytes)
{
  Work work;
  gchar *text;
  guint64 k = hls_media_playlist_get_revision (playlist);

  while (++k < n)
    append (playlist, k, 6 * GST_SECOND);
  work_formatted = work_visited = 0;
  append (playlist, n, 6 * GST_SECOND);
  text = hls_media_playlist_write (playlist, n);
  work.formatted = work_formatted;
  work.visited = work_visited;
  *bytes = strlen (text);
  g_free (text);
  return work;
}

GST_START_TEST (test_vod_cost)
{
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_VOD, 6, 10, 21);
  gsize few, many;
  Work a, b;

  append (playlist, 0, 6 * GST_SECOND);
  a = work_at (playlist, 100, &few);
  b = work_at (playlist, 20000, &many);
  fail_unless (many > 150 * few);
  /* Two hundred times the bytes, and no more formatting and no more segments looked at. */
  fail_unless (a.formatted > 0 && a.visited > 0);
  fail_unless_equals_uint64 (a.formatted, b.formatted);
  fail_unless_equals_uint64 (a.visited, b.visited);
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

/* Live: work per revision and memory do not grow with time. */
GST_START_TEST (test_live_cost)
{
  HlsMediaPlaylist *playlist = new_playlist (HLS_MODE_LIVE, 6, 10, 21);
  guint64 most = 0;
  guint k;

  for (k = 0; k < 20000; k++) {
    HlsSegment *expired;
    guint64 revision;
    GstClockTime hold;

    work_visited = 0;
    append (playlist, k, 6 * GST_SECOND);
    g_free (hls_media_playlist_write (playlist, k));
    while ((expired = hls_media_playlist_pop_expired (playlist, &revision, &hold)))
      hls_segment_free (expired);
    if (k < 1000)
      most = MAX (most, work_visited);
    else
      fail_unless (work_visited <= most);
    fail_unless (playlist->entries->len < 100 && playlist->text->allocated_len < 16384);
  }
  hls_media_playlist_free (playlist);
}

GST_END_TEST;

GST_START_TEST (test_multivariant)
{
  HlsVariant variants[] = {
    {.uri = "c-high.m3u8",.codecs = "avc1.64001f",.width = 1280,.height = 720,.fps_n = 30000,.fps_d = 1001,
          .bandwidth = 3000000,.average_bandwidth = 2500000,.video = TRUE,.name = "high"},
    {.uri = "c-low.m3u8",.codecs = "avc1.4d401e",.width = 640,.height = 360,.fps_n = 25,.fps_d = 1,
          .bandwidth = 900000,.average_bandwidth = 800000,.video = TRUE,.name = "low"},
    {.uri = "c-en.m3u8",.codecs = "mp4a.40.2",.bandwidth = 130000,.average_bandwidth = 128000,.audio = TRUE,
          .name = "en",.language = "en",.channels = 2},
    {.uri = "c-sur.m3u8",.codecs = "ec-3",.bandwidth = 400000,.average_bandwidth = 390000,.audio = TRUE,
          .name = "sur\"round\n",.channels = 6},
    {.uri = "c-mux.m3u8",.codecs = "avc1.4d401e, mp4a.40.2,mp4a.40.2",.fps_d = 1,
          .bandwidth = 500000,.average_bandwidth = 450000,.video = TRUE,.audio = TRUE,.name = "mux"},
  };
  gchar *text;

  text = hls_multivariant_write (variants, G_N_ELEMENTS (variants));
  fail_unless_equals_string (text, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
      "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"program_audio\",NAME=\"en\",LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,"
      "CHANNELS=\"2\",URI=\"c-en.m3u8\"\n"
      "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"program_audio\",NAME=\"sur'round \",DEFAULT=NO,AUTOSELECT=NO,"
      "CHANNELS=\"6\",URI=\"c-sur.m3u8\"\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=3400000,AVERAGE-BANDWIDTH=2890000,CODECS=\"avc1.64001f,mp4a.40.2,ec-3\","
      "RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO=\"program_audio\"\nc-high.m3u8\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=1300000,AVERAGE-BANDWIDTH=1190000,CODECS=\"avc1.4d401e,mp4a.40.2,ec-3\","
      "RESOLUTION=640x360,FRAME-RATE=25.000,AUDIO=\"program_audio\"\nc-low.m3u8\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=500000,AVERAGE-BANDWIDTH=450000,CODECS=\"avc1.4d401e,mp4a.40.2\"\nc-mux.m3u8\n");
  g_free (text);

  /* No video to be tied to: variants of their own. */
  text = hls_multivariant_write (&variants[2], 3);
  fail_unless_equals_string (text, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\nc-en.m3u8\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=400000,AVERAGE-BANDWIDTH=390000,CODECS=\"ec-3\"\nc-sur.m3u8\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=500000,AVERAGE-BANDWIDTH=450000,CODECS=\"avc1.4d401e,mp4a.40.2\"\nc-mux.m3u8\n");
  g_free (text);

  /* Video alone: no group that is not there. */
  text = hls_multivariant_write (variants, 1);
  fail_unless_equals_string (text, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
      "#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,CODECS=\"avc1.64001f\","
      "RESOLUTION=1280x720,FRAME-RATE=29.970\nc-high.m3u8\n");
  g_free (text);
}

GST_END_TEST;

static Suite *
playlist_suite (void)
{
  Suite *s = suite_create ("playlist");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_live_revisions);
  tcase_add_test (tc, test_extinf_does_not_drift);
  tcase_add_test (tc, test_extinf_follows_time);
  tcase_add_test (tc, test_program_date_time);
  tcase_add_test (tc, test_bad_segments);
  tcase_add_test (tc, test_gaps);
  tcase_add_test (tc, test_old_revisions);
  tcase_add_test (tc, test_vod);
  tcase_add_test (tc, test_live_end);
  tcase_add_test (tc, test_expiry);
  tcase_add_test (tc, test_bandwidth);
  tcase_add_test (tc, test_vod_cost);
  tcase_add_test (tc, test_live_cost);
  tcase_add_test (tc, test_multivariant);
  return s;
}

GST_CHECK_MAIN (playlist);
