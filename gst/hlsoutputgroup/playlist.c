/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * HLS playlists. Normative reference: RFC 8216bis (draft-pantos-hls-rfc8216bis):
 * 4.4.2 to 4.4.4 media playlist tags, 4.4.6 multivariant playlist tags, 6.2.1 and
 * 6.2.2 what a server owes its clients.
 *
 * A segment's lines are rendered once, when it is appended, into one text that grows at its end
 * and is forgotten at its start. A revision is a header and one stretch of that text.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "playlist.h"

#include <string.h>

/* EXT-X-GAP needs 8. A live playlist may have to list a gap at any time, and a player chooses its parser
 * when it first sees the playlist: the version does not change under it. */
#define MEDIA_VERSION 8
/* EXT-X-INDEPENDENT-SEGMENTS */
#define MULTIVARIANT_VERSION 6

/* RFC 8216bis 6.2.2: a live playlist never gets shorter than this many target durations. */
#define MIN_TARGET_DURATIONS 3

#define GAP_LINE "#EXT-X-GAP\n"
/* EXTINF is written in units of 10 microseconds. */
#define EXTINF_UNIT (10 * GST_USECOND)
#define HEADER_SIZE 256
#define COMPACT_AT 32
#define AUDIO_GROUP "program_audio"

typedef struct {
  HlsSegment segment;
  guint64 first;                /* first segment of the revision that this one is the last of */
  guint64 discontinuities;      /* EXT-X-DISCONTINUITY tags of all segments before it */
  guint64 text_start, text_end; /* its lines, counted from the first byte ever rendered */
  GstClockTime longest;         /* of the playlists that named it */
  guint64 out_revision;         /* the first that no longer named it; 0: listed */
  GstClockTime out_time;        /* media time of that revision */
} Entry;

struct _HlsMediaPlaylist {
  HlsMediaPlaylistConfig config;
  GArray *entries;              /* of Entry; sequence numbers without a hole */
  guint head;                   /* entries before it are forgotten */
  GString *text;
  guint64 text_forgotten;       /* bytes already cut off its start */
  gboolean ended;

  guint64 first_listed;
  GstClockTime listed;          /* duration of the newest revision */
  GstClockTime total;           /* of all segments */
  guint64 discontinuities;
  gint64 carry;                 /* ns by which the EXTINFs so far are too short */

  guint64 peak;
  guint64 made_bytes;
  GstClockTime made_duration;
};

static void
segment_clear (HlsSegment * segment)
{
  g_clear_pointer (&segment->uri, g_free);
  g_clear_pointer (&segment->name, g_free);
}

void
hls_segment_free (HlsSegment * segment)
{
  if (!segment)
    return;
  segment_clear (segment);
  g_free (segment);
}

static void
entry_clear (gpointer data)
{
  segment_clear (&((Entry *) data)->segment);
}

static Entry *
nth_entry (const HlsMediaPlaylist * playlist, guint index)
{
  return &g_array_index (playlist->entries, Entry, index);
}

static gboolean
is_empty (const HlsMediaPlaylist * playlist)
{
  return playlist->head == playlist->entries->len;
}

static Entry *
newest_entry (const HlsMediaPlaylist * playlist)
{
  return nth_entry (playlist, playlist->entries->len - 1);
}

static Entry *
find_entry (const HlsMediaPlaylist * playlist, guint64 sequence)
{
  guint64 oldest;

  if (is_empty (playlist))
    return NULL;
  oldest = nth_entry (playlist, playlist->head)->segment.sequence;
  if (sequence < oldest || sequence - oldest >= playlist->entries->len - playlist->head)
    return NULL;
  return nth_entry (playlist, playlist->head + (guint) (sequence - oldest));
}

HlsMediaPlaylist *
hls_media_playlist_new (const HlsMediaPlaylistConfig * config)
{
  HlsMediaPlaylist *playlist = g_new0 (HlsMediaPlaylist, 1);

  playlist->config = *config;
  playlist->entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  g_array_set_clear_func (playlist->entries, entry_clear);
  playlist->text = g_string_new (NULL);
  return playlist;
}

void
hls_media_playlist_free (HlsMediaPlaylist * playlist)
{
  if (!playlist)
    return;
  g_array_unref (playlist->entries);
  g_string_free (playlist->text, TRUE);
  g_free (playlist);
}

static void
append_date_time (GString * text, gint64 microseconds)
{
  gint64 seconds, ms;
  GDateTime *date;

  ms = microseconds / 1000 + (microseconds % 1000 >= 500) - (microseconds % 1000 < -500);
  seconds = ms / 1000 - (ms % 1000 < 0);
  ms -= seconds * 1000;
  date = g_date_time_new_from_unix_utc (seconds);
  if (!date)
    return;                     /* beyond the year 9999 */
  g_string_append_printf (text, "#EXT-X-PROGRAM-DATE-TIME:%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\n",
      g_date_time_get_year (date), g_date_time_get_month (date), g_date_time_get_day_of_month (date),
      g_date_time_get_hour (date), g_date_time_get_minute (date), g_date_time_get_second (date), (gint) ms);
  g_date_time_unref (date);
}

/* What rounding leaves over goes into the next EXTINF, so that their sum never is further than half a unit
 * from the media's time. */
static guint64
round_duration (HlsMediaPlaylist * playlist, GstClockTime duration)
{
  gint64 exact = (gint64) duration + playlist->carry;
  gint64 units = (exact + (gint64) EXTINF_UNIT / 2) / (gint64) EXTINF_UNIT;

  playlist->carry = exact - units * (gint64) EXTINF_UNIT;
  return (guint64) units;
}

static void
render_segment (HlsMediaPlaylist * playlist, Entry * entry)
{
  const HlsSegment *segment = &entry->segment;
  GString *text = playlist->text;
  guint64 units = round_duration (playlist, segment->duration);

  entry->text_start = playlist->text_forgotten + text->len;
  /* First of its lines: mark_gap() puts it there too. */
  if (segment->gap)
    g_string_append (text, GAP_LINE);
  if (segment->discontinuity)
    g_string_append (text, "#EXT-X-DISCONTINUITY\n");
  /* On every segment: whichever a player starts with, it knows the time. */
  if (playlist->config.program_date_time && segment->program_date_time != G_MININT64)
    append_date_time (text, segment->program_date_time);
  g_string_append_printf (text, "#EXTINF:%" G_GUINT64_FORMAT ".%05u,\n%s\n",
      units / 100000, (guint) (units % 100000), segment->uri);
  entry->text_end = playlist->text_forgotten + text->len;
}

/* Live: drops from the list's start what neither the window nor three target durations need, and keeps
 * account of the longest playlist that named each segment. Vod lists everything. */
static void
slide_window (HlsMediaPlaylist * playlist, guint64 newest)
{
  const GstClockTime shortest = MIN_TARGET_DURATIONS * playlist->config.target_duration * GST_SECOND;
  guint64 sequence;

  if (playlist->config.mode == HLS_MODE_VOD)
    return;

  while (newest - playlist->first_listed >= MAX (playlist->config.window, 1)) {
    Entry *oldest = find_entry (playlist, playlist->first_listed);

    if (playlist->listed - oldest->segment.duration < shortest)
      break;
    playlist->listed -= oldest->segment.duration;
    oldest->out_revision = newest;
    oldest->out_time = playlist->total;
    playlist->first_listed++;
  }
  for (sequence = playlist->first_listed; sequence <= newest; sequence++) {
    Entry *entry = find_entry (playlist, sequence);

    entry->longest = MAX (entry->longest, playlist->listed);
  }
}

static guint64
bit_rate (guint64 bytes, GstClockTime duration)
{
  return duration ? gst_util_uint64_scale_ceil (bytes * 8, GST_SECOND, duration) : 0;
}

/* Only runs that end with the newest segment are new. */
static void
measure_bandwidth (HlsMediaPlaylist * playlist)
{
  const GstClockTime target = playlist->config.target_duration * GST_SECOND;
  const HlsSegment *newest = &newest_entry (playlist)->segment;
  GstClockTime duration = 0;
  guint64 bytes = 0;
  guint i;

  for (i = playlist->entries->len; i-- > playlist->head;) {
    const HlsSegment *segment = &nth_entry (playlist, i)->segment;

    duration += segment->duration;
    bytes += segment->size;
    if (duration > target + target / 2)
      break;
    if (duration >= target / 2)
      playlist->peak = MAX (playlist->peak, bit_rate (bytes, duration));
  }

  /* A gap that was never made says nothing about what a player has to fetch. */
  if (newest->size) {
    playlist->made_bytes += newest->size;
    playlist->made_duration += newest->duration;
  }
  /* So that a stream too short for any run has one as well. */
  playlist->peak = MAX (playlist->peak, hls_media_playlist_get_average_bandwidth (playlist));
}

gboolean
hls_media_playlist_append (HlsMediaPlaylist * playlist, HlsSegment * segment)
{
  Entry *entry;

  if (playlist->ended || !GST_CLOCK_TIME_IS_VALID (segment->duration))
    return FALSE;
  if (is_empty (playlist)) {
    playlist->first_listed = segment->sequence;
    /* Rounding follows the time of day: two writers that started apart round alike. */
    if (segment->program_date_time > 0) {
      playlist->carry = segment->program_date_time % 10 * GST_USECOND;
      if (playlist->carry >= (gint64) EXTINF_UNIT / 2)
        playlist->carry -= EXTINF_UNIT;
    }
  } else if (segment->sequence != newest_entry (playlist)->segment.sequence + 1) {
    return FALSE;
  }

  g_array_set_size (playlist->entries, playlist->entries->len + 1);
  entry = newest_entry (playlist);
  entry->segment = *segment;
  segment->uri = segment->name = NULL;
  entry->discontinuities = playlist->discontinuities;
  playlist->discontinuities += entry->segment.discontinuity ? 1 : 0;
  render_segment (playlist, entry);

  playlist->listed += entry->segment.duration;
  playlist->total += entry->segment.duration;
  slide_window (playlist, entry->segment.sequence);
  entry->first = playlist->first_listed;
  measure_bandwidth (playlist);
  return TRUE;
}

gboolean
hls_media_playlist_mark_gap (HlsMediaPlaylist * playlist, const gchar * name)
{
  guint i, j;

  for (i = playlist->entries->len; i-- > playlist->head;) {
    Entry *entry = nth_entry (playlist, i);

    if (strcmp (entry->segment.name, name) != 0)
      continue;
    if (!entry->segment.gap) {
      entry->segment.gap = TRUE;
      g_string_insert_len (playlist->text, (gssize) (entry->text_start - playlist->text_forgotten),
          GAP_LINE, strlen (GAP_LINE));
      entry->text_end += strlen (GAP_LINE);
      for (j = i + 1; j < playlist->entries->len; j++) {
        nth_entry (playlist, j)->text_start += strlen (GAP_LINE);
        nth_entry (playlist, j)->text_end += strlen (GAP_LINE);
      }
    }
    return entry->out_revision == 0;
  }
  return FALSE;
}

void
hls_media_playlist_end (HlsMediaPlaylist * playlist)
{
  playlist->ended = TRUE;
}

guint64
hls_media_playlist_get_revision (const HlsMediaPlaylist * playlist)
{
  if (is_empty (playlist))
    return 0;
  return newest_entry (playlist)->segment.sequence + (playlist->ended ? 1 : 0);
}

gchar *
hls_media_playlist_write (HlsMediaPlaylist * playlist, guint64 revision)
{
  const gboolean end = playlist->ended && revision == hls_media_playlist_get_revision (playlist);
  const gboolean live = playlist->config.mode == HLS_MODE_LIVE;
  Entry *last, *first;
  guint64 size;
  GString *out;

  last = find_entry (playlist, end ? revision - 1 : revision);
  first = last ? find_entry (playlist, last->first) : NULL;
  if (!first)
    return NULL;
  size = last->text_end - first->text_start;

  out = g_string_sized_new (HEADER_SIZE + size);
  g_string_append_printf (out, "#EXTM3U\n#EXT-X-VERSION:%u\n#EXT-X-TARGETDURATION:%u\n"
      "#EXT-X-MEDIA-SEQUENCE:%" G_GUINT64_FORMAT "\n",
      MEDIA_VERSION, playlist->config.target_duration, first->segment.sequence);
  /* Always there where segments leave the list, zero or not. The first segment's own tag is still listed. */
  if (live)
    g_string_append_printf (out, "#EXT-X-DISCONTINUITY-SEQUENCE:%" G_GUINT64_FORMAT "\n", first->discontinuities);
  else
    g_string_append (out, end ? "#EXT-X-PLAYLIST-TYPE:VOD\n" : "#EXT-X-PLAYLIST-TYPE:EVENT\n");
  g_string_append_len (out, playlist->text->str + (first->text_start - playlist->text_forgotten), (gssize) size);
  if (end)
    g_string_append (out, "#EXT-X-ENDLIST\n");
  return g_string_free (out, FALSE);
}

/* Forgetting moves what is left; done when half is forgotten, that costs O(1) per segment. */
static void
compact (HlsMediaPlaylist * playlist)
{
  guint64 cut;

  if (playlist->head < COMPACT_AT || playlist->head < playlist->entries->len / 2)
    return;
  cut = nth_entry (playlist, playlist->head)->text_start - playlist->text_forgotten;
  g_string_erase (playlist->text, 0, (gssize) cut);
  playlist->text_forgotten += cut;
  g_array_remove_range (playlist->entries, 0, playlist->head);
  playlist->head = 0;
}

HlsSegment *
hls_media_playlist_pop_expired (HlsMediaPlaylist * playlist, guint64 * revision, GstClockTime * hold)
{
  HlsSegment *segment;
  GstClockTime owed;
  Entry *oldest;

  if (playlist->entries->len - playlist->head <= playlist->config.keep)
    return NULL;
  /* The newest segment is always listed: this never empties the playlist. */
  oldest = nth_entry (playlist, playlist->head);
  owed = oldest->segment.duration + oldest->longest;
  if (oldest->out_revision == 0 || playlist->total - oldest->out_time < owed)
    return NULL;

  *revision = oldest->out_revision;
  *hold = owed;
  segment = g_new (HlsSegment, 1);
  *segment = oldest->segment;
  oldest->segment.uri = oldest->segment.name = NULL;
  playlist->head++;
  compact (playlist);
  return segment;
}

guint64
hls_media_playlist_get_bandwidth (const HlsMediaPlaylist * playlist)
{
  return playlist->peak;
}

guint64
hls_media_playlist_get_average_bandwidth (const HlsMediaPlaylist * playlist)
{
  return bit_rate (playlist->made_bytes, playlist->made_duration);
}

/* --- multivariant --- */

/* A quoted-string has no way to escape a quote, and none may hold a line break (RFC 8216bis 4.2). */
static void
append_quoted (GString * text, const gchar * attribute, const gchar * value)
{
  gsize i;

  if (!value || !*value)
    return;
  g_string_append_printf (text, ",%s=\"", attribute);
  i = text->len;
  g_string_append (text, value);
  for (; i < text->len; i++) {
    if (text->str[i] == '"')
      text->str[i] = '\'';
    else if (g_ascii_iscntrl (text->str[i]))
      text->str[i] = ' ';
  }
  g_string_append_c (text, '"');
}

static void
add_codecs (GPtrArray * codecs, const gchar * list)
{
  gchar **names = g_strsplit (list ? list : "", ",", -1);
  guint i;

  for (i = 0; names[i]; i++) {
    g_strstrip (names[i]);
    if (*names[i] && !g_ptr_array_find_with_equal_func (codecs, names[i], g_str_equal, NULL))
      g_ptr_array_add (codecs, g_strdup (names[i]));
  }
  g_strfreev (names);
}

static gboolean
is_rendition (const HlsVariant * variant)
{
  return variant->audio && !variant->video;
}

static void
append_rendition (GString * text, const HlsVariant * rendition, gboolean first)
{
  g_string_append (text, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"" AUDIO_GROUP "\"");
  append_quoted (text, "NAME", rendition->name);
  append_quoted (text, "LANGUAGE", rendition->language);
  g_string_append (text, first ? ",DEFAULT=YES,AUTOSELECT=YES" : ",DEFAULT=NO,AUTOSELECT=NO");
  if (rendition->channels)
    g_string_append_printf (text, ",CHANNELS=\"%u\"", rendition->channels);
  append_quoted (text, "URI", rendition->uri);
  g_string_append_c (text, '\n');
}

/* @renditions: the group it is tied to, empty for none. */
static void
append_variant (GString * text, const HlsVariant * variant, GPtrArray * renditions)
{
  GPtrArray *codecs = g_ptr_array_new_with_free_func (g_free);
  guint64 bandwidth = 0, average = 0;
  gchar *list;
  guint i;

  add_codecs (codecs, variant->codecs);
  for (i = 0; i < renditions->len; i++) {
    const HlsVariant *rendition = g_ptr_array_index (renditions, i);

    add_codecs (codecs, rendition->codecs);
    bandwidth = MAX (bandwidth, rendition->bandwidth);
    average = MAX (average, rendition->average_bandwidth);
  }
  g_ptr_array_add (codecs, NULL);
  list = g_strjoinv (",", (gchar **) codecs->pdata);

  g_string_append_printf (text, "#EXT-X-STREAM-INF:BANDWIDTH=%" G_GUINT64_FORMAT ",AVERAGE-BANDWIDTH=%"
      G_GUINT64_FORMAT, variant->bandwidth + bandwidth, variant->average_bandwidth + average);
  append_quoted (text, "CODECS", list);
  if (variant->width && variant->height)
    g_string_append_printf (text, ",RESOLUTION=%ux%u", variant->width, variant->height);
  if (variant->fps_n > 0 && variant->fps_d > 0) {
    guint64 thousandths = gst_util_uint64_scale_int_round (1000, variant->fps_n, variant->fps_d);

    g_string_append_printf (text, ",FRAME-RATE=%u.%03u", (guint) (thousandths / 1000), (guint) (thousandths % 1000));
  }
  if (renditions->len)
    append_quoted (text, "AUDIO", AUDIO_GROUP);
  g_string_append_printf (text, "\n%s\n", variant->uri);

  g_free (list);
  g_ptr_array_unref (codecs);
}

gchar *
hls_multivariant_write (const HlsVariant * variants, guint n_variants)
{
  GString *text = g_string_new (NULL);
  GPtrArray *renditions = g_ptr_array_new (), *none = g_ptr_array_new ();
  gboolean tied = FALSE;
  guint i;

  g_string_append_printf (text, "#EXTM3U\n#EXT-X-VERSION:%u\n#EXT-X-INDEPENDENT-SEGMENTS\n", MULTIVARIANT_VERSION);

  for (i = 0; i < n_variants; i++)
    tied |= variants[i].video && !variants[i].audio;
  for (i = 0; tied && i < n_variants; i++) {
    if (!is_rendition (&variants[i]))
      continue;
    append_rendition (text, &variants[i], renditions->len == 0);
    g_ptr_array_add (renditions, (gpointer) & variants[i]);
  }
  for (i = 0; i < n_variants; i++) {
    if (!tied || !is_rendition (&variants[i]))
      append_variant (text, &variants[i], variants[i].audio ? none : renditions);
  }

  g_ptr_array_unref (renditions);
  g_ptr_array_unref (none);
  return g_string_free (text, FALSE);
}
