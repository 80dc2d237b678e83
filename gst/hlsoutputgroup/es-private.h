/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the codecs share with es.c.
 */
#pragma once

#include "es.h"

G_BEGIN_DECLS

/* Enough for the registration descriptor and one of the codec's own. */
#define HLS_ES_DESCRIPTORS_MAX 32

typedef struct {
  /* As hls_es_inspect() and hls_es_to_ts(), with @size > 0. */
  gboolean (*inspect) (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe,
      gboolean * random_access, GError ** error);
  gboolean (*to_ts) (HlsEs * es, const guint8 * data, gsize size, gboolean random_access,
      GArray * spans, GError ** error);
  /* Frees the codec's own state; NULL where it has none. */
  void (*clear) (HlsEs * es);
} HlsEsClass;

/* Each codec's struct begins with this one and is allocated with g_new0(). */
struct _HlsEs {
  const HlsEsClass *klass;
  HlsEsInfo info;
  gboolean ready;
  guint changes;                /* how often the info became another one */
  gint caps_fps_n, caps_fps_d;  /* 0/1: the caps do not say */
  guint8 descriptors[HLS_ES_DESCRIPTORS_MAX];
};

/* Each takes the caps' structure; NULL with @error. */
HlsEs *hls_es_h264_new (const GstStructure * caps, GError ** error);
HlsEs *hls_es_h265_new (const GstStructure * caps, GError ** error);
HlsEs *hls_es_aac_new (const GstStructure * caps, GError ** error);
HlsEs *hls_es_mpa_new (const GstStructure * caps, GError ** error);
HlsEs *hls_es_ac3_new (const GstStructure * caps, GError ** error);

/* These count as a change where the value is another one. */
void hls_es_set_codecs (HlsEs * es, const gchar * codecs);
/* The frame rate is the caps' where they have one. */
void hls_es_set_video (HlsEs * es, guint width, guint height, gint fps_n, gint fps_d);
void hls_es_set_audio (HlsEs * es, guint rate, guint channels, guint frame_samples);
void hls_es_set_stream_type (HlsEs * es, guint8 stream_type);
void hls_es_set_descriptors (HlsEs * es, const guint8 * data, gsize size);

/* Sets @error to "<codec>: <message>"; returns FALSE for the caller to return. */
gboolean hls_es_fail (const HlsEs * es, GError ** error, const gchar * format, ...) G_GNUC_PRINTF (3, 4);

static inline void
hls_spans_add (GArray * spans, const guint8 * data, gsize size)
{
  HlsSpan span = { data, size };

  g_array_append_val (spans, span);
}

G_END_DECLS
