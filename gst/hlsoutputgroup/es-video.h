/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What H.264 and H.265 have in common: access units made of NAL units, with start codes or
 * with length prefixes, and parameter sets to remember.
 */
#pragma once

#include "es-private.h"

G_BEGIN_DECLS

typedef enum {
  HLS_NAL_OTHER,
  HLS_NAL_AUD,
  HLS_NAL_VPS,
  HLS_NAL_SPS,
  HLS_NAL_PPS,
  HLS_NAL_SEI,
  HLS_NAL_SLICE,
  HLS_NAL_RAP_SLICE,            /* of a picture at which decoding can start */
} HlsNalKind;

/* A parameter set, with a start code of four bytes before it. */
typedef struct {
  HlsNalKind kind;
  guint id;
  guint8 *data;
  gsize size;
} HlsParameterSet;

typedef struct _HlsVideo HlsVideo;

typedef struct {
  gsize header_size;            /* of a NAL unit's header */
  gboolean has_vps;
  const guint8 *aud;            /* with its start code */
  gsize aud_size;
  HlsNalKind (*classify) (guint8 first_byte);
  /* Finds the id of @set; of an SPS: sets the stream's info as well. FALSE: it makes no sense. */
  gboolean (*parse_set) (HlsVideo * video, HlsParameterSet * set);
  /* Does this SEI, with a start code before it, say that the picture is a random access
   * point? NULL: pictures say it themselves. */
  gboolean (*is_recovery_point) (HlsVideo * video, const guint8 * sei, gsize size);
} HlsVideoCodec;

struct _HlsVideo {
  HlsEs es;
  const HlsVideoCodec *codec;
  guint length_size;            /* 0: byte stream */
  GPtrArray *sets;              /* of HlsParameterSet, by kind */
};

#define HLS_VIDEO(es) ((HlsVideo *) (es))

/* Sets up what is the same for both: frame rate of the caps, alignment and stream format
 * (@prefixed: NULL-terminated, the formats with length prefixes). On success *@codec_data is
 * what the caps hold (borrowed), never NULL with a length-prefixed format. */
gboolean hls_video_init (HlsVideo * video, const HlsVideoCodec * codec, const GstStructure * caps,
    const gchar * const *prefixed, GstBuffer ** codec_data, GError ** error);
/* Remembers a parameter set that is not known yet; other kinds are left alone. */
gboolean hls_video_learn (HlsVideo * video, const guint8 * nal, gsize size, GError ** error);

/* Exp-Golomb code at the very start of @data, ue(v): FALSE where it is more than @max. */
gboolean hls_nal_get_ue (const guint8 * data, gsize size, guint max, guint * value);

extern const HlsEsClass hls_video_class;

G_END_DECLS
