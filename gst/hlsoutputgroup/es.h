/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Elementary streams: one small file per codec says how its access units look in
 * a transport stream and what a playlist must say about them.
 *
 * Plain C: no elements, no threads. A HlsEs belongs to one thread.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum { HLS_ES_VIDEO, HLS_ES_AUDIO } HlsEsType;

/* A piece of an access unit, in order; the muxer copies each byte once. */
typedef struct {
  const guint8 *data;
  gsize size;
} HlsSpan;

/* What is known of the stream so far; complete once hls_es_is_ready(). */
typedef struct {
  HlsEsType type;
  const gchar *name;            /* "H.264", for messages */
  gchar *codecs;                /* RFC 6381 string from the bitstream: "avc1.64001f", "mp4a.40.2", "ec-3" */
  guint width, height;          /* luma samples after cropping; 0: not known */
  gint fps_n, fps_d;            /* 0/1: not known */
  guint channels, rate;         /* audio */
  guint frame_samples;          /* audio: samples per access unit, 0: varies */
  guint8 stream_type;           /* ISO 13818-1 table 2-34, or ATSC A/52 for AC-3, E-AC-3 */
  guint8 stream_id;             /* of its PES packets */
  const guint8 *descriptors;    /* ES_info of the PMT, ready to copy */
  gsize descriptors_size;
} HlsEsInfo;

typedef struct _HlsEs HlsEs;

/* From negotiated caps: video/x-h264 (byte-stream, avc, avc3), video/x-h265
 * (byte-stream, hvc1, hev1), audio/mpeg (mpegversion 1; 2, 4 raw or adts),
 * audio/x-ac3, audio/x-eac3. NULL with @error (GST_STREAM_ERROR_FORMAT) that names what is
 * not supported and what would be. */
HlsEs *hls_es_new (const GstCaps * caps, GError ** error);
void hls_es_free (HlsEs * es);
const HlsEsInfo *hls_es_get_info (const HlsEs * es);
/* Parameter sets known, so that decoding can start at the next random access point. */
gboolean hls_es_is_ready (const HlsEs * es);

/* Looks at an access unit without keeping pointers into it: learns parameter sets
 * and headers. @keyframe: the buffer says it is one; returns whether it really is
 * a random access point (audio: always). *@changed (optional) is set when the
 * stream's info is no longer what it was: new SPS size or profile, new rate.
 * FALSE with *@error where the bytes are no access unit of this codec. */
gboolean hls_es_inspect (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe,
    gboolean * random_access, gboolean * changed, GError ** error);

/* Appends to @spans (of HlsSpan) the access unit as it goes into a TS: with its
 * access unit delimiter, at a random access point with parameter sets, length
 * prefixes turned to start codes, ADTS header before raw AAC. Spans point into
 * @data, into @es (valid until the next call) or into static bytes. */
gboolean hls_es_to_ts (HlsEs * es, const guint8 * data, gsize size, gboolean random_access,
    GArray * spans, GError ** error);

/* The caps a sink pad takes, all codecs of @type. */
GstCaps *hls_es_ts_caps (HlsEsType type);

G_END_DECLS
