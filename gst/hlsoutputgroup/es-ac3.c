/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * AC-3 and E-AC-3. Normative references: ATSC A/52 (5.3 AC-3 syntax, annex A carriage in a
 * transport stream, annex E enhanced AC-3 syntax, annex G its carriage), ISO/IEC 13818-1
 * (2.6.8 registration descriptor).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <gst/base/gstbitreader.h>

#include "es-private.h"

#define BLOCK_SAMPLES 256
#define BLOCKS 6

typedef struct
{
  HlsEs es;
  gboolean enhanced;
} HlsAc3;

#define HLS_AC3(es) ((HlsAc3 *) (es))

typedef struct
{
  gsize size;
  guint rate_code, rate;
  guint bit_rate_code;          /* AC-3: index of kbps[] */
  guint bsid, bsmod, acmod, dsurmod;
  gboolean lfe;
  guint blocks;
  gboolean dependent;           /* E-AC-3: adds channels to the substream before it */
  guint substream;
} SyncFrame;

static const guint rates[] = { 48000, 44100, 32000 };
static const guint16 kbps[] = { 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
  448, 512, 576, 640
};
static const guint8 full_channels[] = { 2, 1, 2, 3, 3, 4, 4, 5 };

static gboolean
parse_ac3 (GstBitReader * bits, SyncFrame * f)
{
  guint32 frmsizecod;

  f->rate_code = gst_bit_reader_get_bits_uint32_unchecked (bits, 2);
  frmsizecod = gst_bit_reader_get_bits_uint32_unchecked (bits, 6);
  gst_bit_reader_skip_unchecked (bits, 5);
  f->bsmod = gst_bit_reader_get_bits_uint32_unchecked (bits, 3);
  f->acmod = gst_bit_reader_get_bits_uint32_unchecked (bits, 3);
  if (f->rate_code > 2 || frmsizecod / 2 >= G_N_ELEMENTS (kbps))
    return FALSE;
  if ((f->acmod & 1) && f->acmod != 1)
    gst_bit_reader_skip_unchecked (bits, 2);    /* cmixlev */
  if (f->acmod & 4)
    gst_bit_reader_skip_unchecked (bits, 2);    /* surmixlev */
  if (f->acmod == 2)
    f->dsurmod = gst_bit_reader_get_bits_uint32_unchecked (bits, 2);
  f->lfe = gst_bit_reader_get_bits_uint32_unchecked (bits, 1);

  f->bit_rate_code = frmsizecod / 2;
  f->rate = rates[f->rate_code];
  /* Table 5.18, in 16-bit words; bit rates that 44.1 kHz does not divide alternate. */
  if (f->rate_code == 1)
    f->size = 2 * (kbps[f->bit_rate_code] * 320 / 147 + (frmsizecod & 1));
  else
    f->size = kbps[f->bit_rate_code] * 192000u / f->rate;
  f->blocks = BLOCKS;
  return TRUE;
}

static gboolean
parse_eac3 (GstBitReader * bits, SyncFrame * f)
{
  static const guint8 n_blocks[] = { 1, 2, 3, 6 };
  guint type, code;

  type = gst_bit_reader_get_bits_uint32_unchecked (bits, 2);
  f->dependent = type == 1;
  f->substream = gst_bit_reader_get_bits_uint32_unchecked (bits, 3);
  f->size = 2 * (gst_bit_reader_get_bits_uint32_unchecked (bits, 11) + 1);
  f->rate_code = gst_bit_reader_get_bits_uint32_unchecked (bits, 2);
  code = gst_bit_reader_get_bits_uint32_unchecked (bits, 2);
  f->acmod = gst_bit_reader_get_bits_uint32_unchecked (bits, 3);
  f->lfe = gst_bit_reader_get_bits_uint32_unchecked (bits, 1);
  if (type == 3 || (f->rate_code == 3 && code == 3))
    return FALSE;
  f->rate = f->rate_code == 3 ? rates[code] / 2 : rates[f->rate_code];
  f->blocks = f->rate_code == 3 ? BLOCKS : n_blocks[code];
  return TRUE;
}

static gboolean
parse_frame (const HlsAc3 * ac3, const guint8 * data, gsize left, gsize at, SyncFrame * f, GError ** error)
{
  GstBitReader bits;

  memset (f, 0, sizeof *f);
  if (left < 8 || data[0] != 0x0b || data[1] != 0x77)
    return hls_es_fail (&ac3->es, error, "no sync word at byte %" G_GSIZE_FORMAT
        ", where a frame must begin (put ac3parse in front)", at);
  /* Both syntaxes have bsid in the same place. */
  f->bsid = data[5] >> 3;
  if (ac3->enhanced ? f->bsid <= 10 || f->bsid > 16 : f->bsid > 8)
    return hls_es_fail (&ac3->es, error, "a frame with bsid %u, which is %s", f->bsid,
        f->bsid <= 8 ? "AC-3" : f->bsid <= 10 ? "a variant that cannot be carried in a transport stream" :
        f->bsid <= 16 ? "E-AC-3" : "reserved");
  gst_bit_reader_init (&bits, data, left);
  gst_bit_reader_skip_unchecked (&bits, ac3->enhanced ? 16 : 32);
  if (!(ac3->enhanced ? parse_eac3 (&bits, f) : parse_ac3 (&bits, f)))
    return hls_es_fail (&ac3->es, error, "the frame header at byte %" G_GSIZE_FORMAT " has reserved values", at);
  if (f->size > left || f->size < 8)
    return hls_es_fail (&ac3->es, error, "the frame at byte %" G_GSIZE_FORMAT " has %" G_GSIZE_FORMAT
        " bytes, but %" G_GSIZE_FORMAT " are left", at, f->size, left);
  return TRUE;
}

static void
describe (HlsAc3 * ac3, const SyncFrame * f, gboolean more_channels, gboolean more_programs)
{
  guint channels;

  if (ac3->enhanced) {
    if (more_programs)
      channels = 6;
    else if (more_channels)
      channels = 5;
    else if (f->acmod > 2)
      channels = 4;
    else
      channels = f->acmod == 0 ? 1 : f->acmod == 1 ? 0 : 2;
    {
      /* A complete main service; flags: bsid follows. */
      const guint8 d[] = { 0x05, 4, 'E', 'A', 'C', '3', 0xcc, 3, 0xc0, 0xc0 | channels, 0x20 | f->bsid };

      hls_es_set_descriptors (&ac3->es, d, sizeof d);
    }
  } else {
    /* The descriptor may end after full_svc. */
    const guint8 d[] = { 0x05, 4, 'A', 'C', '-', '3',
      0x81, 3, f->rate_code << 5 | f->bsid, f->bit_rate_code << 2 | f->dsurmod, f->bsmod << 5 | f->acmod << 1 | 1
    };

    hls_es_set_descriptors (&ac3->es, d, sizeof d);
  }
}

static gboolean
ac3_inspect (HlsEs * es, const guint8 * data, gsize size, gboolean keyframe,
    gboolean * random_access, GError ** error)
{
  HlsAc3 *ac3 = HLS_AC3 (es);
  SyncFrame first, f;
  guint samples;
  gboolean more_channels = FALSE, more_programs = FALSE;

  *random_access = TRUE;
  if (!parse_frame (ac3, data, size, 0, &first, error))
    return FALSE;
  if (first.dependent || first.substream != 0)
    return hls_es_fail (es, error, "the access unit does not begin with independent substream 0");
  samples = first.blocks * BLOCK_SAMPLES;
  for (gsize at = first.size; at < size; at += f.size) {
    if (!ac3->enhanced)
      return hls_es_fail (es, error, "a frame of %" G_GSIZE_FORMAT " bytes in a buffer of %" G_GSIZE_FORMAT
          "; each buffer must be one frame (put ac3parse in front)", first.size, size);
    if (!parse_frame (ac3, data + at, size - at, at, &f, error))
      return FALSE;
    if (f.dependent)
      more_channels = TRUE;
    else if (f.substream == 0)
      samples += f.blocks * BLOCK_SAMPLES;
    else
      more_programs = TRUE;
  }

  hls_es_set_codecs (es, ac3->enhanced ? "ec-3" : "ac-3");
  hls_es_set_audio (es, first.rate, full_channels[first.acmod] + first.lfe, samples);
  describe (ac3, &first, more_channels, more_programs);
  es->ready = TRUE;
  return TRUE;
}

static gboolean
ac3_to_ts (HlsEs * es, const guint8 * data, gsize size, gboolean random_access, GArray * spans, GError ** error)
{
  hls_spans_add (spans, data, size);
  return TRUE;
}

static const HlsEsClass ac3_class = { ac3_inspect, ac3_to_ts, NULL };

HlsEs *
hls_es_ac3_new (const GstStructure * caps, GError ** error)
{
  HlsAc3 *ac3 = g_new0 (HlsAc3, 1);
  const gchar *alignment = gst_structure_get_string (caps, "alignment");

  ac3->enhanced = gst_structure_has_name (caps, "audio/x-eac3");
  ac3->es.klass = &ac3_class;
  ac3->es.info.type = HLS_ES_AUDIO;
  ac3->es.info.name = ac3->enhanced ? "E-AC-3" : "AC-3";
  ac3->es.info.stream_type = ac3->enhanced ? 0x87 : 0x81;
  ac3->es.info.stream_id = 0xbd;        /* private_stream_1 */
  ac3->es.info.fps_d = 1;
  if (alignment && !g_str_equal (alignment, "frame")) {
    hls_es_fail (&ac3->es, error, "caps field alignment is %s; it must be frame", alignment);
    hls_es_free (&ac3->es);
    return NULL;
  }
  return &ac3->es;
}
