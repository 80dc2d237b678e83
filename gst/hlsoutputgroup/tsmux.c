/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative references: ISO/IEC 13818-1 (2.4.2 T-STD, 2.4.3.2 packets, 2.4.3.4 adaptation
 * field, 2.4.3.6 PES, 2.7 timing), ATSC A/52 annex A.
 *
 * The clock: byte positions get their time from the PCRs, and PCRs from the access units of the
 * stream on the PCR PID: each is sent from its dts less a constant delay on, its packets evenly
 * over its duration. A PCR goes into the last packet that is still within the period; where
 * packets are too few, one without payload is added.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>
#include <gst/mpegts/mpegts.h>

#include "tsmux.h"
#include "tspsi.h"

#define PAYLOAD_SIZE (TS_PACKET_SIZE - 4)
#define PCR_AF_SIZE 8           /* adaptation field with a PCR */
#define FLAGS_AF_SIZE 2         /* adaptation field with flags only */
#define MAX_PES_HEADER (19 + TAIL_MIN)
#define MAX_PES_PAYLOAD (65535 - 8)

/* Times within the muxer are those of the 27 MHz system clock. */
#define NO_TIME G_MININT64
#define SYSTEM_CLOCK (300 * G_GINT64_CONSTANT (90000))
#define MS (SYSTEM_CLOCK / 1000)
#define TICK 300                /* of 90 kHz */

/* TS_MUX_DELAY, 200 ms, must cover what is between the PCR and a dts: the time that an access
 * unit takes to be sent (SPREAD_MAX), the audio that waits for its PES packet to fill
 * (AUDIO_PES_MAX at most), and what is left for the caller's interleaving. It must not be much
 * more, because audio stays in the decoder's main buffer as long: 3584 bytes, 2.4.2.3, are
 * 200 ms of 128 kb/s. */
#define SPREAD_MAX (80 * MS)
#define AUDIO_PES_MAX (TS_CLOCK_RATE / 10)
/* Where the choice is the muxer's: 3 frames of AAC, 2 of AC-3, MP3 or layer 2. Longer ones save
 * little more. */
#define AUDIO_PES_TARGET (TS_CLOCK_RATE * 7 / 100)

/* No PCRs are made up for a hole longer than this: it is another timeline. */
#define HOLE_MAX (10 * SYSTEM_CLOCK)
/* So far may a PCR seem to run back because the caller's durations are not exact. */
#define BACK_MAX (100 * MS)
/* So far may other streams be ahead of the one on the PCR PID (B-frames reorder it) before
 * they drive the clock in its place. */
#define AHEAD_MAX SYSTEM_CLOCK

/* Locked segments: a stream's last packet waits for the segment's end, where it is split so that the
 * number of packets becomes a multiple of 16. It must have a byte for each, besides what of a PES
 * header should not be split; smaller access units get stuffing bytes in their PES header. */
#define TAIL_MIN 16

typedef struct
{
  guint16 pid;
  guint8 cc;                    /* of the next packet with payload */
  guint8 stream_type, stream_id;
  gboolean video;
  gchar language[4];            /* "": none */
  guint8 *descriptors;
  gsize descriptors_size;
  gint64 usual_duration;        /* of an access unit, 90 kHz */
  gboolean first;               /* no PES packet in this segment yet */

  guint frames_per_pes;
  GByteArray *staged;           /* audio that waits: its header says how long the PES packet is */
  guint n_staged;
  gint64 staged_pts, staged_duration;

  guint8 tail[PAYLOAD_SIZE];
  gsize tail_size, tail_head;   /* head: first bytes that stay together */
  guint tail_flags;
} TsStream;

typedef struct
{
  GByteArray *packets;
  guint8 cc;
  gint64 interval;              /* 0: once per segment */
  gint64 sent;                  /* NO_TIME: at the beginning of the segment */
} TsTable;

struct _TsMux
{
  TsMuxConfig config;
  gint64 period;
  TsMuxNextBlock next_block;
  gpointer user;
  guint8 *block;
  gsize size, filled;
  guint64 total;

  GPtrArray *streams;           /* of TsStream */
  TsStream *clock;              /* on the PCR PID, or NULL: it has no stream */
  guint16 pcr_pid;
  TsTable pat, pmt;
  gboolean psi_changed;
  guint pmt_version;

  gboolean in_segment, locked;
  gboolean first;               /* no PCR in this segment yet */
  gint64 pcr;                   /* the one before, or NO_TIME */
  gint64 expected;              /* when the clock's next access unit begins, or NO_TIME */
};

enum
{
  PACKET_UNIT_START = 1 << 0,
  PACKET_RANDOM_ACCESS = 1 << 1,
};

/* What is left to be packetized: a PES header, then spans. */
typedef struct
{
  const guint8 *at;
  gsize run;                    /* bytes at @at */
  const HlsSpan *next;
  gsize left;                   /* in all */
} Payload;

/* --- packets --- */

static inline guint8 *
take_packet (TsMux * mux)
{
  guint8 *packet;

  if (G_UNLIKELY (mux->filled == mux->size)) {
    mux->block = mux->next_block (mux->user, mux->filled, &mux->size);
    mux->filled = 0;
  }
  packet = mux->block + mux->filled;
  mux->filled += TS_PACKET_SIZE;
  mux->total += TS_PACKET_SIZE;
  return packet;
}

static inline void
payload_copy (Payload * p, guint8 * out, gsize n)
{
  p->left -= n;
  while (G_UNLIKELY (n > p->run)) {
    memcpy (out, p->at, p->run);
    out += p->run;
    n -= p->run;
    p->at = p->next->data;
    p->run = p->next->size;
    p->next++;
  }
  memcpy (out, p->at, n);
  p->at += n;
  p->run -= n;
}

static inline void
write_header (guint8 * out, guint pid, guint unit_start, guint control, guint cc)
{
  out[0] = 0x47;
  out[1] = unit_start << 6 | pid >> 8;
  out[2] = pid & 0xff;
  out[3] = control << 4 | cc;
}

static void
write_pcr (guint8 * out, gint64 pcr)
{
  gint64 base = pcr / 300, extension = pcr % 300;

  if (extension < 0) {
    extension += 300;
    base--;
  }
  out[0] = base >> 25;
  out[1] = base >> 17;
  out[2] = base >> 9;
  out[3] = base >> 1;
  out[4] = (base & 1) << 7 | 0x7e | extension >> 8;
  out[5] = extension;
}

/* An adaptation field of @size bytes, its length byte included; filled up with stuffing. */
static void
write_adaptation_field (guint8 * out, gsize size, guint flags, gint64 pcr)
{
  out[0] = size - 1;
  if (size == 1)
    return;
  out[1] = (flags & PACKET_RANDOM_ACCESS ? 0x40 : 0) | (pcr != NO_TIME ? 0x10 : 0);
  if (pcr != NO_TIME) {
    write_pcr (out + 2, pcr);
    memset (out + PCR_AF_SIZE, 0xff, size - PCR_AF_SIZE);
  } else
    memset (out + FLAGS_AF_SIZE, 0xff, size - FLAGS_AF_SIZE);
}

/* A packet with @n bytes of @p; the adaptation field takes the rest. */
static void
write_packet (TsMux * mux, TsStream * s, Payload * p, gsize n, guint flags, gint64 pcr)
{
  guint8 *out = take_packet (mux);
  gsize af = PAYLOAD_SIZE - n;

  write_header (out, s->pid, flags & PACKET_UNIT_START, af ? 3 : 1, s->cc);
  s->cc = (s->cc + 1) & 15;
  if (af)
    write_adaptation_field (out + 4, af, flags, pcr);
  payload_copy (p, out + 4 + af, n);
}

/* --- clock and tables --- */

static void
write_table (TsMux * mux, TsTable * table)
{
  for (guint at = 0; at < table->packets->len; at += TS_PACKET_SIZE) {
    guint8 *out = take_packet (mux);

    memcpy (out, table->packets->data + at, TS_PACKET_SIZE);
    out[3] |= table->cc;
    table->cc = (table->cc + 1) & 15;
  }
}

/* @next: when there will be another occasion. */
static void
repeat_table (TsMux * mux, TsTable * table, gint64 now, gint64 next)
{
  if (table->interval == 0)
    return;
  if (table->sent == NO_TIME || now < table->sent)
    table->sent = now;
  else if (next - table->sent > table->interval) {
    write_table (mux, table);
    table->sent = now;
  }
}

static void
repeat_tables (TsMux * mux, gint64 now, gint64 next)
{
  repeat_table (mux, &mux->pat, now, next);
  repeat_table (mux, &mux->pmt, now, next);
}

static gint64
claim_pcr (TsMux * mux, gint64 now)
{
  if (mux->pcr != NO_TIME && now <= mux->pcr && mux->pcr - now < BACK_MAX)
    now = mux->pcr + 1;
  mux->first = FALSE;
  return mux->pcr = now;
}

/* A packet for the sake of its PCR. Without payload, the counter stays what it was. */
static void
write_pcr_packet (TsMux * mux, gint64 now)
{
  guint8 *out;

  repeat_tables (mux, now, now + mux->period);
  out = take_packet (mux);
  write_header (out, mux->pcr_pid, 0, 2, mux->clock ? (mux->clock->cc - 1) & 15 : 0);
  write_adaptation_field (out + 4, PAYLOAD_SIZE, 0, claim_pcr (mux, now));
}

/* Something is sent at @now: there must have been a PCR within the period before it. */
static void
advance_clock (TsMux * mux, gint64 now)
{
  if (mux->pcr == NO_TIME || now - mux->pcr > HOLE_MAX)
    return;
  while (now - mux->pcr > mux->period)
    write_pcr_packet (mux, mux->pcr + mux->period);
}

/* A PES packet of a stream that is not the clock begins at @now. */
static void
follow_clock (TsMux * mux, gint64 now)
{
  if (mux->pcr != NO_TIME && (now - mux->pcr > HOLE_MAX || (mux->first && mux->pcr - now > AHEAD_MAX)))
    mux->pcr = mux->expected = NO_TIME;
  if (mux->clock && mux->expected != NO_TIME)
    now = MIN (now, MAX (mux->expected, now - AHEAD_MAX));
  advance_clock (mux, now);
  if (mux->first)
    write_pcr_packet (mux, mux->pcr == NO_TIME ? now : MAX (now, mux->pcr + 1));
}

/* --- PES --- */

static void
write_timestamp (guint8 * out, guint prefix, guint64 time)
{
  out[0] = prefix << 4 | (time >> 29 & 0x0e) | 1;
  out[1] = time >> 22;
  out[2] = (time >> 14 & 0xfe) | 1;
  out[3] = time >> 7;
  out[4] = (time << 1 & 0xfe) | 1;
}

static gsize
write_pes_header (guint8 * out, const TsStream * s, gsize size, gint64 pts, gint64 dts, gsize stuffing)
{
  gboolean with_dts = dts != pts;
  gsize header = (with_dts ? 19 : 14) + stuffing, length = header - 6 + size;

  if (length > 65535)
    length = 0;                 /* allowed for video, and audio is never as long */
  out[0] = 0;
  out[1] = 0;
  out[2] = 1;
  out[3] = s->stream_id;
  out[4] = length >> 8;
  out[5] = length;
  out[6] = 0x84;                /* data_alignment_indicator: an access unit begins here */
  out[7] = with_dts ? 0xc0 : 0x80;
  out[8] = header - 9;
  write_timestamp (out + 9, with_dts ? 3 : 2, pts);
  if (with_dts)
    write_timestamp (out + 14, 1, dts);
  memset (out + header - stuffing, 0xff, stuffing);
  return header;
}

/* The packet that waited, as 1 + @more packets. */
static void
write_tail (TsMux * mux, TsStream * s, guint more)
{
  Payload p = { s->tail, s->tail_size, NULL, s->tail_size };
  guint flags = s->tail_flags;
  gsize head = s->tail_head;

  for (; p.left > 0; more--, flags = 0, head = 0)
    write_packet (mux, s, &p, MAX ((p.left + more) / (more + 1), head), flags, NO_TIME);
  s->tail_size = 0;
}

/* How many packets from number @i of @n on need no PCR and no table before them. */
static gsize
count_quiet_packets (const TsMux * mux, gint64 begin, gint64 spread, gint64 n, gint64 i)
{
  gint64 deadline = mux->pcr + mux->period, quiet;

  if (mux->pat.interval)
    deadline = MIN (deadline, mux->pat.sent + mux->pat.interval);
  if (mux->pmt.interval)
    deadline = MIN (deadline, mux->pmt.sent + mux->pmt.interval);
  quiet = deadline > begin ? (deadline - begin) * n / spread - i : 0;
  return MAX (quiet, 0);
}

static void
write_pes (TsMux * mux, TsStream * s, const HlsSpan * spans, gsize size, gint64 pts, gint64 dts,
    gint64 duration, gboolean random_access)
{
  gboolean is_clock = s == mux->clock;
  gint64 begin = (dts - TS_MUX_DELAY) * TICK, end = begin + duration * TICK;
  gint64 spread = MIN (duration * TICK, SPREAD_MAX), n, i = 0;
  guint flags = PACKET_UNIT_START | (random_access ? PACKET_RANDOM_ACCESS : 0);
  gsize keep = mux->locked ? TAIL_MIN : 0, stuffing = size < keep ? keep - size : 0;
  guint8 head[MAX_PES_HEADER];
  Payload p = { head, write_pes_header (head, s, size, pts, dts, stuffing), spans };
  gboolean pcr_due = FALSE;

  p.left = p.run + size;
  if (s->tail_size)
    write_tail (mux, s, 0);
  if (is_clock) {
    if (mux->pcr != NO_TIME && (begin - mux->pcr > HOLE_MAX || mux->pcr - begin >= BACK_MAX))
      mux->pcr = NO_TIME;
    pcr_due = mux->first || mux->pcr == NO_TIME || mux->config.pcr_every_pes;
    mux->expected = end;
  } else
    follow_clock (mux, begin);
  s->first = FALSE;

  /* With room for the PCRs and a tail: never too few, so that no time is that of the next access unit. */
  n = (p.left + PCR_AF_SIZE * (2 + spread / mux->period) + PAYLOAD_SIZE - 1) / PAYLOAD_SIZE + (mux->locked ? 1 : 0);
  while (p.left > 0) {
    gint64 pcr = NO_TIME;
    gsize room, plain = G_MAXSIZE;

    if (is_clock) {
      gint64 now = begin + i * spread / n;
      gint64 next = p.left <= PAYLOAD_SIZE * (mux->locked ? 2 : 1) ? end : begin + (i + 1) * spread / n;

      repeat_tables (mux, now, next);
      if (pcr_due || next - mux->pcr > mux->period) {
        advance_clock (mux, now);
        if (p.left > keep)
          pcr = claim_pcr (mux, now);
        else
          write_pcr_packet (mux, now);
        pcr_due = FALSE;
      }
    }
    room = PAYLOAD_SIZE - (pcr != NO_TIME ? PCR_AF_SIZE : flags & PACKET_RANDOM_ACCESS ? FLAGS_AF_SIZE : 0);
    if (mux->locked) {
      if (pcr == NO_TIME && p.left <= room) {
        s->tail_size = p.left;
        s->tail_flags = flags;
        s->tail_head = flags & PACKET_UNIT_START ? p.left - size - stuffing : 0;
        payload_copy (&p, s->tail, p.left);
        break;
      }
      room = MIN (room, p.left - keep);
    }
    write_packet (mux, s, &p, MIN (room, p.left), flags, pcr);
    flags = 0;
    i++;

    if (is_clock)
      plain = count_quiet_packets (mux, begin, spread, n, i);
    for (; plain > 0 && p.left > PAYLOAD_SIZE + keep; plain--, i++) {
      guint8 *out = take_packet (mux);

      write_header (out, s->pid, 0, 1, s->cc);
      s->cc = (s->cc + 1) & 15;
      payload_copy (&p, out + 4, PAYLOAD_SIZE);
    }
  }
}

static void
write_staged (TsMux * mux, TsStream * s)
{
  HlsSpan span;

  if (s->n_staged == 0)
    return;
  span.data = s->staged->data;
  span.size = s->staged->len;
  write_pes (mux, s, &span, span.size, s->staged_pts, s->staged_pts, s->staged_duration, s->first);
  g_byte_array_set_size (s->staged, 0);
  s->n_staged = 0;
}

/* A PES header holds its length, and so audio of several frames is put together first. */
static void
stage (TsMux * mux, TsStream * s, const HlsSpan * spans, guint n_spans, gsize size, gint64 pts, gint64 duration)
{
  gint64 off = pts - (s->staged_pts + s->staged_duration);

  /* Only the first frame's time is sent: the others must follow without a gap. */
  if (s->n_staged > 0 && (ABS (off) > duration / 2 || s->staged->len + size > MAX_PES_PAYLOAD ||
          s->staged_duration + duration > AUDIO_PES_MAX))
    write_staged (mux, s);
  if (s->n_staged == 0) {
    s->staged_pts = pts;
    s->staged_duration = 0;
  }
  for (guint i = 0; i < n_spans; i++)
    g_byte_array_append (s->staged, spans[i].data, spans[i].size);
  s->staged_duration += duration;
  if (++s->n_staged == s->frames_per_pes)
    write_staged (mux, s);
}

/* --- tables' content --- */

static GByteArray *
new_pmt (const TsMux * mux, guint version)
{
  g_autofree TsPsiStream *streams = g_new0 (TsPsiStream, mux->streams->len);

  for (guint i = 0; i < mux->streams->len; i++) {
    const TsStream *s = g_ptr_array_index (mux->streams, i);

    streams[i].pid = s->pid;
    streams[i].stream_type = s->stream_type;
    streams[i].descriptors = s->descriptors;
    streams[i].descriptors_size = s->descriptors_size;
    streams[i].language = s->language[0] ? s->language : NULL;
  }
  return ts_psi_new_pmt (mux->config.program_number, mux->config.pmt_pid, mux->pcr_pid, streams,
      mux->streams->len, version);
}

static gboolean
same_bytes (const GByteArray * a, const GByteArray * b)
{
  return a->len == b->len && memcmp (a->data, b->data, a->len) == 0;
}

static void
update_tables (TsMux * mux)
{
  g_autoptr (GByteArray) pmt = new_pmt (mux, mux->locked ? 0 : mux->pmt_version);
  guint version = mux->pmt_version;

  if (mux->locked) {
    /* Of the content alone, so that another process comes to the same one. */
    version = 0;
    for (guint i = 0; i < pmt->len; i++)
      version = (version * 31 + pmt->data[i]) % 32767;
    version &= 31;
  } else if (mux->pmt.packets && !same_bytes (pmt, mux->pmt.packets))
    version = (version + 1) & 31;

  g_clear_pointer (&mux->pmt.packets, g_byte_array_unref);
  mux->pmt.packets = new_pmt (mux, version);
  mux->pmt_version = version;
  if (!mux->pat.packets)
    mux->pat.packets = ts_psi_new_pat (mux->config.transport_stream_id, mux->config.program_number,
        mux->config.pmt_pid, 0);
}

/* --- the interface --- */

void
ts_mux_config_init (TsMuxConfig * config)
{
  *config = (TsMuxConfig) {
    .transport_stream_id = 1,
    .program_number = 1,
    .pmt_pid = 480,
    .pcr_period = 40,
  };
}

static void
stream_free (gpointer data)
{
  TsStream *s = data;

  g_byte_array_unref (s->staged);
  g_free (s->descriptors);
  g_free (s);
}

TsMux *
ts_mux_new (const TsMuxConfig * config, TsMuxNextBlock next_block, gpointer user)
{
  TsMux *mux = g_new0 (TsMux, 1);

  gst_mpegts_initialize ();
  mux->config = *config;
  mux->next_block = next_block;
  mux->user = user;
  mux->streams = g_ptr_array_new_with_free_func (stream_free);
  mux->pcr = mux->expected = NO_TIME;
  mux->pat.interval = config->pat_interval * MS;
  mux->pmt.interval = config->pmt_interval * MS;
  mux->period = config->pcr_period * MS;
  if (mux->period == 0) {
    mux->period = 100 * MS;     /* 2.7.2: never more */
    mux->config.pcr_every_pes = TRUE;
  }
  return mux;
}

void
ts_mux_free (TsMux * mux)
{
  if (!mux)
    return;
  g_ptr_array_unref (mux->streams);
  g_clear_pointer (&mux->pat.packets, g_byte_array_unref);
  g_clear_pointer (&mux->pmt.packets, g_byte_array_unref);
  g_free (mux);
}

static gboolean
is_taken (const TsMux * mux, guint16 pid)
{
  if (pid == mux->config.pmt_pid)
    return TRUE;
  for (guint i = 0; i < mux->streams->len; i++)
    if (((TsStream *) g_ptr_array_index (mux->streams, i))->pid == pid)
      return TRUE;
  return FALSE;
}

static void
choose_clock (TsMux * mux)
{
  TsStream *clock = NULL;

  for (guint i = 0; i < mux->streams->len; i++) {
    TsStream *s = g_ptr_array_index (mux->streams, i);

    if (mux->config.pcr_pid ? s->pid == mux->config.pcr_pid : !clock || (s->video && !clock->video))
      clock = s;
  }
  mux->clock = clock;
  mux->pcr_pid = clock ? clock->pid : mux->config.pcr_pid;
}

static void
take_info (TsMux * mux, TsStream * s, const HlsEsInfo * info)
{
  s->video = info->type == HLS_ES_VIDEO;
  s->stream_type = info->stream_type;
  s->stream_id = info->stream_id;
  g_free (s->descriptors);
  s->descriptors = g_memdup2 (info->descriptors, info->descriptors_size);
  s->descriptors_size = info->descriptors_size;

  s->usual_duration = TS_CLOCK_RATE / 25;
  if (s->video && info->fps_n > 0)
    s->usual_duration = gst_util_uint64_scale (TS_CLOCK_RATE, info->fps_d, info->fps_n);
  else if (!s->video && info->rate > 0 && info->frame_samples > 0)
    s->usual_duration = gst_util_uint64_scale (TS_CLOCK_RATE, info->frame_samples, info->rate);
  s->usual_duration = MAX (s->usual_duration, 1);
  s->frames_per_pes = s->video ? 1 : mux->config.audio_frames_per_pes;
  if (s->frames_per_pes == 0)
    s->frames_per_pes = MAX (AUDIO_PES_TARGET / s->usual_duration, 1);
  mux->psi_changed = TRUE;
}

guint
ts_mux_add_stream (TsMux * mux, const HlsEsInfo * info, guint16 pid, const gchar * language)
{
  TsStream *s;

  g_return_val_if_fail (!mux->in_segment, 0);
  g_return_val_if_fail (!language || strlen (language) == 3, 0);
  g_return_val_if_fail (pid == 0 || !is_taken (mux, pid), 0);

  if (pid == 0)
    for (pid = info->type == HLS_ES_VIDEO ? 481 : 482; is_taken (mux, pid); pid++);
  s = g_new0 (TsStream, 1);
  s->pid = pid;
  s->staged = g_byte_array_new ();
  if (language)
    g_strlcpy (s->language, language, sizeof s->language);
  take_info (mux, s, info);
  g_ptr_array_add (mux->streams, s);
  choose_clock (mux);
  return mux->streams->len - 1;
}

void
ts_mux_update_stream (TsMux * mux, guint stream, const HlsEsInfo * info)
{
  g_return_if_fail (!mux->in_segment);
  g_return_if_fail (stream < mux->streams->len);

  take_info (mux, g_ptr_array_index (mux->streams, stream), info);
  choose_clock (mux);
}

static void
begin_table (TsTable * table, guint64 segment_number, gboolean locked)
{
  table->sent = NO_TIME;
  /* Once per segment: the counter goes on with the segments' number. Repeated: from 0, and
   * filled up to a multiple of 16 at the end. */
  if (locked)
    table->cc = table->interval ? 0 : (segment_number * (table->packets->len / TS_PACKET_SIZE)) & 15;
}

void
ts_mux_begin_segment (TsMux * mux, guint64 segment_number, gboolean locked)
{
  g_return_if_fail (!mux->in_segment);

  if (mux->psi_changed || mux->locked != locked) {
    mux->locked = locked;
    update_tables (mux);
    mux->psi_changed = FALSE;
  }
  for (guint i = 0; i < mux->streams->len; i++) {
    TsStream *s = g_ptr_array_index (mux->streams, i);

    s->first = TRUE;
    if (locked)
      s->cc = 0;
  }
  if (locked)
    mux->pcr = mux->expected = NO_TIME;
  mux->in_segment = mux->first = TRUE;
  mux->total = mux->filled = 0;
  mux->block = mux->next_block (mux->user, 0, &mux->size);
  begin_table (&mux->pat, segment_number, locked);
  begin_table (&mux->pmt, segment_number, locked);
  write_table (mux, &mux->pat);
  write_table (mux, &mux->pmt);
}

void
ts_mux_write (TsMux * mux, guint stream, const HlsSpan * spans, guint n_spans,
    gint64 pts, gint64 dts, gint64 duration, gboolean random_access)
{
  TsStream *s;
  gsize size = 0;

  g_return_if_fail (mux->in_segment);
  g_return_if_fail (stream < mux->streams->len);

  s = g_ptr_array_index (mux->streams, stream);
  for (guint i = 0; i < n_spans; i++)
    size += spans[i].size;
  g_return_if_fail (size > 0);
  g_return_if_fail (s->video || size <= MAX_PES_PAYLOAD);

  if (duration <= 0)
    duration = s->usual_duration;
  /* Audio that has ended, or has a hole, must not wait until the PCR has passed it. */
  for (guint i = 0; i < mux->streams->len; i++) {
    TsStream *other = g_ptr_array_index (mux->streams, i);

    if (other->n_staged > 0 && dts - other->staged_pts > AUDIO_PES_MAX)
      write_staged (mux, other);
  }
  if (s->frames_per_pes > 1)
    stage (mux, s, spans, n_spans, size, pts, duration);
  else
    write_pes (mux, s, spans, size, pts, dts, duration, s->video ? random_access : s->first);
}

static void
pad_table (TsMux * mux, TsTable * table)
{
  while (table->interval && table->cc != 0)
    write_table (mux, table);
}

gsize
ts_mux_end_segment (TsMux * mux, guint64 * total)
{
  g_return_val_if_fail (mux->in_segment, 0);

  for (guint i = 0; i < mux->streams->len; i++)
    write_staged (mux, g_ptr_array_index (mux->streams, i));
  for (guint i = 0; i < mux->streams->len; i++) {
    TsStream *s = g_ptr_array_index (mux->streams, i);

    if (s->tail_size)
      write_tail (mux, s, 15 - s->cc);
  }
  /* The next segment begins with an access unit, and with no gap before it. */
  if (mux->expected != NO_TIME)
    advance_clock (mux, mux->expected);
  if (mux->locked) {
    pad_table (mux, &mux->pat);
    pad_table (mux, &mux->pmt);
  }
  mux->in_segment = FALSE;
  if (total)
    *total = mux->total;
  return mux->filled;
}
