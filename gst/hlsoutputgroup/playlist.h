/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * HLS playlists. Normative reference: RFC 8216bis (draft-pantos-hls-rfc8216bis),
 * sections 4 and 6.2.
 *
 * Plain C: segments in, text out. Not thread safe; the owner locks.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum { HLS_MODE_LIVE, HLS_MODE_VOD } HlsMode;

typedef struct {
  gchar *uri;                   /* as it stands in the playlist; owned */
  gchar *name;                  /* as it was published; owned */
  guint64 sequence;             /* media sequence number */
  GstClockTime duration;
  guint64 size;                 /* bytes */
  gint64 program_date_time;     /* microseconds since 1970, UTC; G_MININT64: none */
  gboolean discontinuity;       /* EXT-X-DISCONTINUITY before it */
  gboolean gap;                 /* EXT-X-GAP: listed, not there */
} HlsSegment;

typedef struct {
  HlsMode mode;
  guint target_duration;        /* seconds, constant */
  guint window;                 /* index-n-segments; all of them in vod mode */
  guint keep;                   /* keep-segments */
  gboolean program_date_time;
} HlsMediaPlaylistConfig;

typedef struct _HlsMediaPlaylist HlsMediaPlaylist;

HlsMediaPlaylist *hls_media_playlist_new (const HlsMediaPlaylistConfig * config);
void hls_media_playlist_free (HlsMediaPlaylist * playlist);

/* Appends; takes the strings of @segment. Its sequence must be the last one's plus
 * one (the first may be any): otherwise, without a duration, or after the end,
 * nothing is taken, returns FALSE. */
gboolean hls_media_playlist_append (HlsMediaPlaylist * playlist, HlsSegment * segment);
/* The segment published as @name will never be there. A listed GAP stays one. FALSE: not listed any more. */
gboolean hls_media_playlist_mark_gap (HlsMediaPlaylist * playlist, const gchar * name);
/* ENDLIST; VOD becomes of EVENT. Makes one more revision. */
void hls_media_playlist_end (HlsMediaPlaylist * playlist);

/* A revision is the sequence number of the last segment it lists, plus one once
 * the playlist has ended. */
guint64 hls_media_playlist_get_revision (const HlsMediaPlaylist * playlist);
/* Writes @revision with all losses known now. NULL where its segments are forgotten
 * (live: more than keep and window allow) or it never was. Cost is in what it lists. */
gchar *hls_media_playlist_write (HlsMediaPlaylist * playlist, guint64 revision);

/* The oldest segment that may now be deleted, or NULL: out of the window, more than
 * `keep` behind, and by RFC 8216bis 6.2.2 (its duration plus that of the longest playlist
 * that named it has passed in media time). Removed from the playlist's memory by the
 * call; free with hls_segment_free(). *@revision: the first that no longer named it;
 * *@hold: how long it must stay after that one was published. GAPs come out too. */
HlsSegment *hls_media_playlist_pop_expired (HlsMediaPlaylist * playlist, guint64 * revision, GstClockTime * hold);
void hls_segment_free (HlsSegment * segment);

/* Measured, RFC 8216bis 4.4.6.2: bits per second. The peak is over any run of
 * segments between half and one and a half target durations long; 0 before the
 * first. GAPs count by their size too (they were made). */
guint64 hls_media_playlist_get_bandwidth (const HlsMediaPlaylist * playlist);
guint64 hls_media_playlist_get_average_bandwidth (const HlsMediaPlaylist * playlist);

/* --- multivariant --- */
typedef struct {
  const gchar *uri;
  const gchar *codecs;          /* comma separated, all of the variant's own streams */
  guint width, height;          /* 0: leave RESOLUTION out */
  gint fps_n, fps_d;            /* 0/1: leave FRAME-RATE out */
  guint64 bandwidth, average_bandwidth;
  gboolean video, audio;        /* what it holds itself */
  /* as an audio rendition: */
  const gchar *name;            /* output name */
  const gchar *language;        /* RFC 5646, or NULL */
  guint channels;
} HlsVariant;

/* Video outputs without audio are tied to all audio-only outputs, which then are the
 * renditions of group "program_audio" (MediaLive's default) and no variants; the
 * BANDWIDTH of a tied variant includes the largest rendition's, its CODECS all of the group's.
 * Without such video outputs an audio-only output is a variant of its own. */
gchar *hls_multivariant_write (const HlsVariant * variants, guint n_variants);

G_END_DECLS
