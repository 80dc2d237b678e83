/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "tsmux.h"
#include "tsread.h"

#define START (10 * TS_CLOCK_RATE)
#define MS 27000

static const HlsEsInfo h264 = {.type = HLS_ES_VIDEO,.name = "H.264",.stream_type = 0x1b,.stream_id = 0xe0 };
static const HlsEsInfo aac = {.type = HLS_ES_AUDIO,.name = "AAC",.stream_type = 0x0f,.stream_id = 0xc0,
  .rate = 48000,.frame_samples = 1024
};
static const HlsEsInfo mp2 = {.type = HLS_ES_AUDIO,.name = "MPEG layer 2",.stream_type = 0x03,.stream_id = 0xc0,
  .rate = 48000,.frame_samples = 1152
};
static const guint8 ac3_descriptors[] = { 0x05, 4, 'A', 'C', '-', '3', 0x81, 3, 0x08, 0x28, 0x05 };
static const HlsEsInfo ac3 = {.type = HLS_ES_AUDIO,.name = "AC-3",.stream_type = 0x81,.stream_id = 0xbd,
  .rate = 48000,.frame_samples = 1536,.descriptors = ac3_descriptors,.descriptors_size = sizeof ac3_descriptors
};

/* --- a muxer that writes into blocks of a given size, each of its own --- */

typedef struct
{
  TsMux *mux;
  gsize block_size;
  guint8 *block;
  GByteArray *out;              /* of the segment */
} Bench;

static guint8 *
next_block (gpointer user, gsize filled, gsize * size)
{
  Bench *b = user;

  ts_check (filled % TS_PACKET_SIZE == 0 && filled <= b->block_size, "%" G_GSIZE_FORMAT " bytes", filled);
  if (filled)
    g_byte_array_append (b->out, b->block, filled);
  g_free (b->block);
  *size = b->block_size;
  return b->block = g_malloc (b->block_size);
}

static void
bench_init (Bench * b, const TsMuxConfig * config, gsize packets_per_block)
{
  b->block_size = packets_per_block * TS_PACKET_SIZE;
  b->block = NULL;
  b->out = g_byte_array_new ();
  b->mux = ts_mux_new (config, next_block, b);
}

static void
bench_begin (Bench * b, guint64 number, gboolean locked)
{
  g_byte_array_set_size (b->out, 0);
  ts_mux_begin_segment (b->mux, number, locked);
}

static void
bench_end (Bench * b)
{
  guint64 total;
  gsize filled = ts_mux_end_segment (b->mux, &total);

  g_byte_array_append (b->out, b->block, filled);
  fail_unless_equals_uint64 (total, b->out->len);
}

static void
bench_clear (Bench * b)
{
  ts_mux_free (b->mux);
  g_byte_array_unref (b->out);
  g_free (b->block);
}

/* Writes @size bytes in a few spans, and appends them to @expected where given. */
static void
write_au (Bench * b, guint stream, gsize size, gint64 pts, gint64 dts, gint64 duration, gboolean random_access,
    GRand * rand, GByteArray * expected)
{
  static guint8 noise[1 << 20];
  const guint8 *data;
  HlsSpan spans[8];
  guint n = 0;

  if (noise[0] == 0) {
    for (gsize i = 0; i < sizeof noise; i++)
      noise[i] = g_rand_int (rand) | 1;
  }
  data = noise + g_rand_int_range (rand, 0, sizeof noise - size);
  for (gsize at = 0; at < size; n++) {
    gsize run = n == 7 ? size - at : (gsize) g_rand_int_range (rand, 0, MIN (size - at, 2000) + 1);

    spans[n].data = data + at;
    spans[n].size = run;
    at += run;
  }
  ts_mux_write (b->mux, stream, spans, n, pts, dts, duration, random_access);
  if (expected)
    g_byte_array_append (expected, data, size);
}

/* --- tests --- */

GST_START_TEST (test_bytes)
{
  static const guint8 pat[] = { 0x47, 0x40, 0x00, 0x10, 0x00,
    0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0x00, 0x00, 0x00, 0x01, 0xe1, 0xe0
  };
  static const guint8 pmt[] = { 0x47, 0x41, 0xe0, 0x10, 0x00,
    0x02, 0xb0, 0x12, 0x00, 0x01, 0xc1, 0x00, 0x00, 0xe1, 0xe1, 0xf0, 0x00, 0x1b, 0xe1, 0xe1, 0xf0, 0x00
  };
  /* PTS 936000 (0xe4840), DTS 932400 (0xe3a30), PCR 914400 (0xdf3e0) with extension 0 */
  static const guint8 pes[] = { 0x47, 0x41, 0xe1, 0x30,
    183 - 19 - 4, 0x50, 0x00, 0x06, 0xf9, 0xf0, 0x7e, 0x00,
  };
  static const guint8 head[] = { 0x00, 0x00, 0x01, 0xe0, 0x00, 17, 0x84, 0xc0, 10,
    0x31, 0x00, 0x39, 0x90, 0x81, 0x11, 0x00, 0x39, 0x74, 0x61,
    0xaa, 0xbb, 0xcc, 0xdd
  };
  TsMuxConfig config;
  Bench b;
  HlsSpan spans[2] = { {head + 19, 1}, {head + 20, 3} };

  ts_mux_config_init (&config);
  bench_init (&b, &config, 100);
  fail_unless_equals_int (ts_mux_add_stream (b.mux, &h264, 0, NULL), 0);
  bench_begin (&b, 0, FALSE);
  ts_mux_write (b.mux, 0, spans, 2, 936000, 932400, 3600, TRUE);
  bench_end (&b);

  fail_unless_equals_int (b.out->len, 3 * TS_PACKET_SIZE);
  fail_unless (memcmp (b.out->data, pat, sizeof pat) == 0);
  fail_unless (memcmp (b.out->data + 188, pmt, sizeof pmt) == 0);
  for (guint i = sizeof pmt + 4; i < 188; i++)
    fail_unless_equals_int_hex (b.out->data[188 + i], 0xff);
  fail_unless (memcmp (b.out->data + 376, pes, sizeof pes) == 0);
  fail_unless (memcmp (b.out->data + 564 - sizeof head, head, sizeof head) == 0);
  bench_clear (&b);
}

GST_END_TEST;

/* Frame rates, sizes of access units, PCR periods, and how many segments: whatever is written comes back
 * byte for byte, with the PCR never late, never ahead of what it is for, and without a hole at the
 * segments' boundaries. */
typedef struct
{
  gint fps_n, fps_d;
  guint min_size, max_size;     /* of video frames */
  guint reorder;                /* frames between dts and pts */
  const HlsEsInfo *audio;
  guint audio_size, frames_per_pes;
  guint period;
  gboolean locked, every_pes;
  guint packets_per_block;
} Case;

static gint64
frame_time (const Case * c, guint frame)
{
  return START + gst_util_uint64_scale (frame, TS_CLOCK_RATE * c->fps_d, c->fps_n);
}

static void
check_case (const Case * c)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (c->fps_n * 7 + c->max_size);
  guint video = 0, audio = 0, frame = 0, audio_frame = 0, pes_seen = 0;
  guint per_segment = MAX (2 * c->fps_n / MAX (c->fps_d, 1), 1);
  gint64 limit;

  ts_mux_config_init (&config);
  config.pcr_period = c->period;
  config.pcr_every_pes = c->every_pes;
  config.audio_frames_per_pes = c->frames_per_pes;
  bench_init (&b, &config, c->packets_per_block);
  if (c->fps_n)
    video = ts_mux_add_stream (b.mux, &h264, 0, NULL);
  if (c->audio)
    audio = ts_mux_add_stream (b.mux, c->audio, 0, "eng");

  for (guint segment = 0; segment < 4; segment++) {
    g_autoptr (GByteArray) video_bytes = g_byte_array_new (), audio_bytes = g_byte_array_new ();
    g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (guint));
    gint64 end = c->fps_n ? frame_time (c, (segment + 1) * per_segment) : START + (segment + 1) * 2 * TS_CLOCK_RATE;
    guint nth_video = 0, video_done = 0, audio_done = 0, pcrs = r->n_pcr;

    bench_begin (&b, segment, c->locked);
    while (TRUE) {
      gint64 video_dts = c->fps_n ? frame_time (c, frame) : G_MAXINT64;
      gint64 audio_pts = c->audio ? START + (gint64) audio_frame * c->audio->frame_samples * TS_CLOCK_RATE / c->audio->rate :
          G_MAXINT64;

      if (video_dts >= end && audio_pts >= end)
        break;
      if (video_dts < end && (video_dts <= audio_pts || audio_pts >= end)) {
        guint size = g_rand_int_range (rand, c->min_size, c->max_size + 1);
        gint64 reorder = c->reorder * (frame % 3);

        if (frame % per_segment == 0)
          size *= 5;
        g_array_append_val (sizes, size);
        write_au (&b, video, size, frame_time (c, frame + reorder), video_dts, frame_time (c, frame + 1) - video_dts,
            frame % per_segment == 0, rand, video_bytes);
        frame++;
      } else {
        gint64 next = START + (gint64) (audio_frame + 1) * c->audio->frame_samples * TS_CLOCK_RATE / c->audio->rate;

        write_au (&b, audio, c->audio_size, audio_pts, audio_pts, next - audio_pts, TRUE, rand, audio_bytes);
        audio_frame++;
      }
    }
    bench_end (&b);
    ts_read_segment (r, b.out->data, b.out->len);
    for (guint pid = 481; c->locked && pid <= 482; pid++)
      fail_unless_equals_int (r->pids[pid].n_payload % 16, 0);
    fail_unless_equals_int (r->n_pat, segment + 1);
    fail_unless_equals_int (r->n_pmt, segment + 1);
    fail_unless (r->n_pcr > pcrs);
    for (; pes_seen < r->pes->len; pes_seen++) {
      const TsReadPes *pes = g_ptr_array_index (r->pes, pes_seen);

      ts_check (pes->pcr_before != TS_READ_NO_TIME && pes->pcr_before <= pes->dts * 300,
          "PCR %" G_GINT64_FORMAT " is past the DTS %" G_GINT64_FORMAT, pes->pcr_before, pes->dts * 300);
      if (pes->stream_id == 0xe0) {
        guint size = g_array_index (sizes, guint, nth_video);

        ts_check_equal (pes->payload->len, size);
        ts_check (memcmp (pes->payload->data, video_bytes->data + video_done, size) == 0, "other bytes");
        ts_check_equal (pes->random_access, nth_video == 0);
        nth_video++;
        video_done += size;
      } else {
        ts_check (audio_done + pes->payload->len <= audio_bytes->len, "too many bytes");
        ts_check (memcmp (pes->payload->data, audio_bytes->data + audio_done, pes->payload->len) == 0, "other bytes");
        ts_check_equal (pes->payload->len % c->audio_size, 0);
        audio_done += pes->payload->len;
      }
    }
    fail_unless_equals_int (video_done, video_bytes->len);
    fail_unless_equals_int (audio_done, audio_bytes->len);
  }
  limit = (gint64) (c->period ? c->period : 100) * MS;
  fail_unless (r->max_gap > 0 && r->max_gap <= limit, "PCR gap of %.3f ms at %d/%d fps, %u to %u bytes",
      r->max_gap / (gdouble) MS, c->fps_n, c->fps_d, c->min_size, c->max_size);
  /* Where there are packets to carry the PCRs, none is made for them. */
  if (c->fps_n >= 24 * MAX (c->fps_d, 1) * 0.99 && c->min_size >= 1000 && c->period >= 20 && !c->locked)
    fail_unless_equals_int (r->n_pcr_only, 0);
  g_rand_free (rand);
  ts_read_free (r);
  bench_clear (&b);
}

GST_START_TEST (test_rates)
{
  static const gint rates[][2] = { {24, 1}, {25, 1}, {24000, 1001}, {30000, 1001}, {30, 1}, {10, 1}, {50, 1},
  {60000, 1001}, {5, 1}, {1, 1}
  };
  static const guint sizes[][2] = { {2, 3}, {20, 160}, {150, 400}, {1000, 9000}, {60000, 140000} };
  Case c = {.period = 40,.audio = &aac,.audio_size = 341,.packets_per_block = 64 };

  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++) {
      c.fps_n = rates[i][0];
      c.fps_d = rates[i][1];
      c.min_size = sizes[j][0];
      c.max_size = sizes[j][1];
      for (c.locked = FALSE; c.locked <= TRUE; c.locked++)
        for (c.reorder = 0; c.reorder < 3; c.reorder++)
          check_case (&c);
    }
  }
}

GST_END_TEST;

GST_START_TEST (test_periods)
{
  static const guint periods[] = { 0, 1, 7, 20, 40, 100, 500 };

  for (guint i = 0; i < G_N_ELEMENTS (periods); i++) {
    Case c = {.fps_n = 25,.fps_d = 1,.min_size = 100,.max_size = 20000,.period = periods[i],.audio = &ac3,
      .audio_size = 768,.packets_per_block = 1
    };

    for (c.every_pes = FALSE; c.every_pes <= TRUE; c.every_pes++)
      check_case (&c);
    c.fps_n = 0;
    check_case (&c);
  }
}

GST_END_TEST;

GST_START_TEST (test_audio_only)
{
  static const HlsEsInfo *const infos[] = { &aac, &mp2, &ac3 };
  static const guint sizes[] = { 96, 170, 176, 177, 341, 1920 };        /* 96: layer 2 at 32 kb/s */
  Case c = {.period = 40,.packets_per_block = 3 };

  for (guint i = 0; i < G_N_ELEMENTS (infos); i++)
    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
      for (c.frames_per_pes = 0; c.frames_per_pes < 20; c.frames_per_pes += c.frames_per_pes > 4 ? 7 : 1)
        for (c.locked = FALSE; c.locked <= TRUE; c.locked++) {
          c.audio = infos[i];
          c.audio_size = sizes[j];
          check_case (&c);
        }
}

GST_END_TEST;

GST_START_TEST (test_pcr_thinned)
{
  TsMuxConfig config;
  Bench b;
  GRand *rand = g_rand_new_with_seed (1);

  /* At 50 fps a period of 100 ms needs no PCR in every PES packet; pcr_every_pes wants it all the same. */
  ts_mux_config_init (&config);
  config.pcr_period = 100;
  for (config.pcr_every_pes = FALSE; config.pcr_every_pes <= TRUE; config.pcr_every_pes++) {
    TsRead *r = ts_read_new ();

    bench_init (&b, &config, 50);
    ts_mux_add_stream (b.mux, &h264, 0, NULL);
    bench_begin (&b, 0, FALSE);
    for (guint i = 0; i < 50; i++)
      write_au (&b, 0, 3000, START + i * 1800, START + i * 1800, 1800, i == 0, rand, NULL);
    bench_end (&b);
    ts_read_segment (r, b.out->data, b.out->len);
    fail_unless (r->max_gap <= 100 * MS);
    fail_unless_equals_int (r->n_pcr_only, 0);
    if (config.pcr_every_pes) {
      fail_unless_equals_int (r->n_pcr, 50);
    } else {
      fail_unless (r->n_pcr >= 10 && r->n_pcr <= 12, "%u PCRs", r->n_pcr);
    }
    ts_read_free (r);
    bench_clear (&b);
  }
  g_rand_free (rand);
}

GST_END_TEST;

GST_START_TEST (test_tables)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);
  const GstMpegtsPMT *pmt;
  const GstMpegtsPMTStream *s;
  HlsEsInfo changed = ac3;
  gchar *language = NULL;

  ts_mux_config_init (&config);
  config.transport_stream_id = 77;
  config.program_number = 3;
  config.pmt_pid = 0x1234;
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  ts_mux_add_stream (b.mux, &ac3, 0, "deu");
  ts_mux_add_stream (b.mux, &aac, 0x500, NULL);
  for (guint i = 0; i < 3; i++) {
    if (i == 1)
      ts_mux_update_stream (b.mux, 1, &ac3);    /* nothing new */
    if (i == 2) {
      changed.descriptors_size = 6;
      ts_mux_update_stream (b.mux, 1, &changed);
    }
    bench_begin (&b, i, FALSE);
    write_au (&b, 0, 1000, START + i * 3600, START + i * 3600, 3600, TRUE, rand, NULL);
    bench_end (&b);
    ts_read_segment (r, b.out->data, b.out->len);
    fail_unless_equals_int (r->pmt_version, i == 2);
    fail_unless_equals_int (r->pmt_pid, 0x1234);
    pmt = gst_mpegts_section_get_pmt (r->pmt);
    fail_unless_equals_int (pmt->program_number, 3);
    fail_unless_equals_int (pmt->pcr_pid, 481);
    fail_unless_equals_int (pmt->streams->len, 3);
    s = g_ptr_array_index (pmt->streams, 0);
    fail_unless (s->pid == 481 && s->stream_type == 0x1b && s->descriptors->len == 0);
    s = g_ptr_array_index (pmt->streams, 1);
    fail_unless (s->pid == 482 && s->stream_type == 0x81);
    fail_unless_equals_int (s->descriptors->len, i == 2 ? 2 : 3);
    fail_unless_equals_int (((GstMpegtsDescriptor *) g_ptr_array_index (s->descriptors, 0))->tag, 0x05);
    fail_unless (gst_mpegts_descriptor_parse_iso_639_language_idx (g_ptr_array_index (s->descriptors,
                s->descriptors->len - 1), 0, &language, NULL));
    fail_unless_equals_string (language, "deu");
    g_clear_pointer (&language, g_free);
    s = g_ptr_array_index (pmt->streams, 2);
    fail_unless (s->pid == 0x500 && s->stream_type == 0x0f);
  }
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

GST_START_TEST (test_table_intervals)
{
  TsMuxConfig config;
  GRand *rand = g_rand_new_with_seed (1);

  ts_mux_config_init (&config);
  config.pat_interval = 100;
  config.pmt_interval = 450;
  for (guint i = 0; i < 4; i++) {
    TsRead *r = ts_read_new ();
    Bench b;
    gint64 last_pat = -1, last_pmt = -1, pcr = -1;
    gboolean locked = i & 1, small = i & 2;

    /* A PCR at least every 1 ms, to measure by, or each frame one packet with its PCR. */
    config.pcr_period = small ? 40 : 1;
    bench_init (&b, &config, 50);
    ts_mux_add_stream (b.mux, &h264, 0, NULL);
    bench_begin (&b, 5, locked);
    for (guint k = 0; k < 100; k++)
      write_au (&b, 0, small ? 100 : k % 25 ? 3000 : 60000, START + k * 3600, START + k * 3600, 3600, k == 0, rand, NULL);
    bench_end (&b);
    ts_read_segment (r, b.out->data, b.out->len);
    if (locked) {
      fail_unless_equals_int (r->pids[0].n_payload % 16, 0);
      fail_unless_equals_int (r->pids[480].n_payload % 16, 0);
    } else {
      fail_unless (r->n_pat >= 40 && r->n_pat <= 51, "%u PATs", r->n_pat);
      fail_unless (r->n_pmt >= 9 && r->n_pmt <= 11, "%u PMTs", r->n_pmt);
    }
    /* By the PCR before each, never further apart than the interval. */
    for (guint at = 0; at < b.out->len; at += 188) {
      const guint8 *p = b.out->data + at;
      guint pid = (p[1] & 0x1f) << 8 | p[2];
      gint64 *last = pid == 0 ? &last_pat : &last_pmt;

      if (p[3] & 0x20 && p[4] >= 7 && p[5] & 0x10)
        pcr = (gint64) p[6] << 25 | p[7] << 17 | p[8] << 9 | p[9] << 1 | p[10] >> 7;
      if (pid == 481 || pcr < 0)
        continue;
      if (*last >= 0)
        ts_check (pcr - *last <= (pid == 0 ? 101 : 451) * 90, "PID %u: %" G_GINT64_FORMAT, pid, pcr - *last);
      *last = pcr;
    }
    ts_read_free (r);
    bench_clear (&b);
  }
  g_rand_free (rand);
}

GST_END_TEST;

GST_START_TEST (test_pes_length)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);
  const TsReadPes *pes;

  ts_mux_config_init (&config);
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  bench_begin (&b, 0, FALSE);
  write_au (&b, 0, 65535 - 8, START, START, 3600, TRUE, rand, NULL);
  write_au (&b, 0, 65535 - 7, START + 3600, START + 3600, 3600, FALSE, rand, NULL);
  bench_end (&b);
  ts_read_segment (r, b.out->data, b.out->len);
  pes = g_ptr_array_index (r->pes, 0);
  fail_unless_equals_int (pes->length, 65535);
  pes = g_ptr_array_index (r->pes, 1);
  fail_unless_equals_int (pes->length, 0);
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

static void
write_both (Bench * b, guint from, guint to, gint64 offset, gboolean with_video, GRand * rand)
{
  for (guint i = from; i < to; i++) {
    gint64 t = START + offset + i * 1920;

    if (with_video && i % 2 == 0)
      write_au (b, 0, 2000, t, t, 3840, i == from, rand, NULL);
    write_au (b, 1, 300, t, t, 1920, TRUE, rand, NULL);
  }
}

/* Two processes, one with a long past: from one segment to another of the same number there is no difference. */
GST_START_TEST (test_locked_is_time_alone)
{
  TsMuxConfig config;
  Bench a, b;
  TsRead *r = ts_read_new ();

  ts_mux_config_init (&config);
  bench_init (&a, &config, 31);
  bench_init (&b, &config, 500);
  for (guint i = 0; i < 2; i++) {
    ts_mux_add_stream ((i ? &b : &a)->mux, &h264, 0, NULL);
    ts_mux_add_stream ((i ? &b : &a)->mux, &ac3, 0, NULL);
  }
  for (guint segment = 0; segment < 20; segment++) {
    GRand *rand = g_rand_new_with_seed (segment);

    bench_begin (&a, segment, TRUE);
    write_both (&a, segment * 100, segment * 100 + 100, 0, TRUE, rand);
    bench_end (&a);
    if (segment == 3) {
      HlsEsInfo other = ac3;

      other.descriptors_size = 6;
      ts_mux_update_stream (a.mux, 1, &other);
    }
    if (segment == 4)
      ts_mux_update_stream (a.mux, 1, &ac3);
    if (segment < 10)
      goto next;
    g_rand_set_seed (rand, segment);
    bench_begin (&b, segment, TRUE);
    write_both (&b, segment * 100, segment * 100 + 100, 0, TRUE, rand);
    bench_end (&b);
    fail_unless_equals_int (a.out->len, b.out->len);
    fail_unless (memcmp (a.out->data, b.out->data, a.out->len) == 0);
    ts_read_segment (r, segment % 2 ? a.out->data : b.out->data, a.out->len);
    fail_unless_equals_int (r->pids[481].n_payload % 16, 0);
    fail_unless_equals_int (r->pids[482].n_payload % 16, 0);
    fail_unless_equals_int (r->pids[0].cc, segment & 15);
    fail_unless_equals_int (r->pids[480].cc, segment & 15);
  next:
    g_rand_free (rand);
  }
  fail_unless (r->max_gap <= 40 * MS);
  ts_read_free (r);
  bench_clear (&a);
  bench_clear (&b);
}

GST_END_TEST;

/* Counters of a locked segment begin at 0, whatever came before. */
GST_START_TEST (test_locked_after_unlocked)
{
  TsMuxConfig config;
  Bench b;
  GRand *rand = g_rand_new_with_seed (1);

  ts_mux_config_init (&config);
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  for (guint segment = 0; segment < 2; segment++) {
    gint64 t = START + segment * 3600;

    bench_begin (&b, segment + 7, segment == 1);
    write_au (&b, 0, 700, t, t, 3600, TRUE, rand, NULL);
    bench_end (&b);
    fail_unless_equals_int (b.out->data[3] & 15, segment ? 8 : 0);
    fail_unless_equals_int (b.out->data[188 + 3] & 15, segment ? 8 : 0);
    fail_unless_equals_int (b.out->data[376 + 3] & 15, 0);
  }
  bench_clear (&b);
  g_rand_free (rand);
}

GST_END_TEST;

/* A frame that claims to last for an hour. */
GST_START_TEST (test_absurd_duration)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);

  ts_mux_config_init (&config);
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  bench_begin (&b, 0, FALSE);
  write_au (&b, 0, 70000, START, START, 3600 * TS_CLOCK_RATE, TRUE, rand, NULL);
  bench_end (&b);
  fail_unless (b.out->len < 500 * 188);
  ts_read_segment (r, b.out->data, b.out->len);
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

GST_START_TEST (test_pcr_on_its_own_pid)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);

  ts_mux_config_init (&config);
  config.pcr_pid = 600;
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  ts_mux_add_stream (b.mux, &aac, 0, NULL);
  for (guint i = 0; i < 3; i++) {
    bench_begin (&b, i, FALSE);
    write_both (&b, i * 100, i * 100 + 100, 0, TRUE, rand);
    bench_end (&b);
    ts_read_segment (r, b.out->data, b.out->len);
  }
  fail_unless_equals_int (r->pcr_pid, 600);
  fail_unless (r->max_gap <= 40 * MS);
  fail_unless_equals_int (r->n_pcr, r->n_pcr_only);
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

/* B-frames: the audio of a segment goes on past its last video dts, and the next segment's first
 * video dts lies before the audio that is already written. */
GST_START_TEST (test_audio_ahead)
{
  TsMuxConfig config;

  ts_mux_config_init (&config);
  for (gint64 ahead = 3600; ahead <= 80000; ahead += 3600) {
    TsRead *r = ts_read_new ();
    GRand *rand = g_rand_new_with_seed (1);
    Bench b;

    bench_init (&b, &config, 50);
    ts_mux_add_stream (b.mux, &h264, 0, NULL);
    ts_mux_add_stream (b.mux, &aac, 0, NULL);
    for (guint segment = 0; segment < 4; segment++) {
      gint64 video = START + segment * 180000, audio = video + (segment ? ahead : 0), end = video + 180000;

      bench_begin (&b, segment, FALSE);
      while (video < end || audio < end + ahead) {
        if (video < end && video <= audio) {
          write_au (&b, 0, 120, video + ahead, video, 3600, FALSE, rand, NULL);
          video += 3600;
        } else {
          write_au (&b, 1, 200, audio, audio, 1920, TRUE, rand, NULL);
          audio += 1920;
        }
      }
      bench_end (&b);
      ts_read_segment (r, b.out->data, b.out->len);
    }
    fail_unless (r->max_gap <= 40 * MS);
    for (guint i = 0; i < r->pes->len; i++) {
      const TsReadPes *pes = g_ptr_array_index (r->pes, i);

      ts_check (pes->pcr_before <= pes->dts * 300, "PCR past the DTS, audio %d ahead", (gint) ahead);
    }
    ts_read_free (r);
    g_rand_free (rand);
    bench_clear (&b);
  }
}

GST_END_TEST;

/* Audio that comes late, first in its segment: the PCR does not go back for it. */
GST_START_TEST (test_audio_behind)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);

  ts_mux_config_init (&config);
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  ts_mux_add_stream (b.mux, &aac, 0, NULL);
  for (guint segment = 0; segment < 3; segment++) {
    gint64 begin = START + segment * 180000;

    bench_begin (&b, segment, FALSE);
    for (guint i = 0; i < 3; i++)
      write_au (&b, 1, 200, begin - 30000 + i * 1920, begin - 30000 + i * 1920, 1920, TRUE, rand, NULL);
    for (guint i = 0; i < 50; i++)
      write_au (&b, 0, 1200, begin + i * 3600, begin + i * 3600, 3600, i == 0, rand, NULL);
    bench_end (&b);
    ts_read_segment (r, b.out->data, b.out->len);
  }
  fail_unless (r->max_gap <= 40 * MS);
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

/* The stream on the PCR PID ends early, and later comes back. */
GST_START_TEST (test_clock_stream_pauses)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);

  ts_mux_config_init (&config);
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  ts_mux_add_stream (b.mux, &aac, 0, NULL);
  for (guint i = 0; i < 6; i++) {
    bench_begin (&b, i, FALSE);
    write_both (&b, i * 200, i * 200 + 200, 0, i < 2 || i > 4, rand);
    bench_end (&b);
    ts_read_segment (r, b.out->data, b.out->len);
  }
  fail_unless (r->max_gap <= 40 * MS);
  for (guint i = 0; i < r->pes->len; i++) {
    const TsReadPes *pes = g_ptr_array_index (r->pes, i);

    fail_unless (pes->pcr_before <= pes->dts * 300);
  }
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

/* Timelines that jump forth and back: the next segment's PCR is simply that of its own time, and nothing is made
 * up for the hole. */
GST_START_TEST (test_jumps)
{
  static const gint64 offsets[] = { 0, 3600 * TS_CLOCK_RATE, 5 * TS_CLOCK_RATE, -9 * TS_CLOCK_RATE };
  TsMuxConfig config;
  Bench b;
  GRand *rand = g_rand_new_with_seed (1);
  TsRead *r = ts_read_new ();
  guint size = 0;

  ts_mux_config_init (&config);
  for (guint video_first = 0; video_first < 2; video_first++) {
    bench_init (&b, &config, 50);
    ts_mux_add_stream (b.mux, &h264, 0, NULL);
    ts_mux_add_stream (b.mux, &aac, 0, NULL);
    for (guint i = 0; i < G_N_ELEMENTS (offsets); i++) {
      ts_read_reset (r);
      bench_begin (&b, i, FALSE);
      if (!video_first)
        write_au (&b, 1, 300, START + offsets[i], START + offsets[i], 1920, TRUE, rand, NULL);
      write_both (&b, 1, 100, offsets[i], TRUE, rand);
      bench_end (&b);
      if (i == 0)
        size = b.out->len;
      fail_unless (b.out->len <= size + 4 * 188, "%u bytes instead of %u", b.out->len, size);
      ts_read_segment (r, b.out->data, b.out->len);
      fail_unless (r->pcr < (START + offsets[i] + 100 * 1920) * 300 &&
          r->pcr > (START + offsets[i] + 90 * 1920 - TS_MUX_DELAY) * 300);
    }
    bench_clear (&b);
  }
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

GST_START_TEST (test_wrap)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);
  const TsReadPes *pes;

  ts_mux_config_init (&config);
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &h264, 0, NULL);
  ts_mux_add_stream (b.mux, &aac, 0, NULL);
  /* From before time 0 to after the 33 bits are over. */
  bench_begin (&b, 0, FALSE);
  write_both (&b, 0, 100, -START - 50 * 1920, TRUE, rand);
  bench_end (&b);
  ts_read_segment (r, b.out->data, b.out->len);
  fail_unless (r->max_gap <= 40 * MS);
  ts_read_reset (r);
  bench_begin (&b, 1, FALSE);
  write_both (&b, 0, 100, (G_GINT64_CONSTANT (1) << 33) - START - 50 * 1920, TRUE, rand);
  bench_end (&b);
  ts_read_segment (r, b.out->data, b.out->len);
  fail_unless (r->max_gap <= 40 * MS);
  pes = g_ptr_array_index (r->pes, r->pes->len - 1);
  fail_unless (pes->pts < 50 * 1920);
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

/* A missing audio frame in the middle of a PES packet: what follows has a time of its own. */
GST_START_TEST (test_audio_gap)
{
  TsMuxConfig config;
  Bench b;
  TsRead *r = ts_read_new ();
  GRand *rand = g_rand_new_with_seed (1);
  const TsReadPes *pes;

  ts_mux_config_init (&config);
  config.audio_frames_per_pes = 4;
  bench_init (&b, &config, 50);
  ts_mux_add_stream (b.mux, &aac, 0, NULL);
  bench_begin (&b, 0, FALSE);
  for (guint i = 0; i < 8; i++)
    if (i != 2)
      write_au (&b, 0, 100, START + i * 1920, START + i * 1920, 1920, TRUE, rand, NULL);
  bench_end (&b);
  ts_read_segment (r, b.out->data, b.out->len);
  fail_unless_equals_int (r->pes->len, 3);
  pes = g_ptr_array_index (r->pes, 0);
  fail_unless (pes->pts == START && pes->payload->len == 200);
  pes = g_ptr_array_index (r->pes, 1);
  fail_unless (pes->pts == START + 3 * 1920 && pes->payload->len == 400);
  pes = g_ptr_array_index (r->pes, 2);
  fail_unless (pes->pts == START + 7 * 1920 && pes->payload->len == 100);
  bench_clear (&b);
  g_rand_free (rand);
  ts_read_free (r);
}

GST_END_TEST;

static Suite *
tsmux_suite (void)
{
  Suite *s = suite_create ("tsmux");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, test_bytes);
  tcase_add_test (tc, test_rates);
  tcase_add_test (tc, test_periods);
  tcase_add_test (tc, test_audio_only);
  tcase_add_test (tc, test_pcr_thinned);
  tcase_add_test (tc, test_tables);
  tcase_add_test (tc, test_table_intervals);
  tcase_add_test (tc, test_pes_length);
  tcase_add_test (tc, test_locked_is_time_alone);
  tcase_add_test (tc, test_locked_after_unlocked);
  tcase_add_test (tc, test_absurd_duration);
  tcase_add_test (tc, test_pcr_on_its_own_pid);
  tcase_add_test (tc, test_audio_ahead);
  tcase_add_test (tc, test_audio_behind);
  tcase_add_test (tc, test_clock_stream_pauses);
  tcase_add_test (tc, test_jumps);
  tcase_add_test (tc, test_wrap);
  tcase_add_test (tc, test_audio_gap);
  return s;
}

GST_CHECK_MAIN (tsmux);
