/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For tests: reads transport stream segments back and fails the test at whatever ISO/IEC
 * 13818-1 does not allow. Independent of the muxer's code.
 */
#pragma once

#include <gst/check/gstcheck.h>
#include <gst/mpegts/mpegts.h>

#define TS_READ_NO_TIME G_MININT64

/* check's own assertions each write to a file, also where they hold: too slow for each packet. */
#define ts_check(condition, ...) \
  G_STMT_START { if (G_UNLIKELY (!(condition))) fail (__VA_ARGS__); } G_STMT_END
#define ts_check_equal(a, b) \
  ts_check ((a) == (b), "'" #a "' (%d) is not equal to '" #b "' (%d)", (gint) (a), (gint) (b))

typedef struct
{
  guint16 pid;
  gint64 pts, dts;
  guint stream_id, length;
  guint stuffing;               /* bytes in the PES header */
  gboolean random_access;
  gint64 pcr_before;            /* the last one in the stream so far, or NO_TIME */
  GByteArray *payload;
} TsReadPes;

typedef struct
{
  gint cc;                      /* of the last packet, or -1 */
  guint n_payload;              /* packets with payload in this segment */
  TsReadPes *open;
} TsReadPid;

typedef struct
{
  TsReadPid pids[8192];
  guint16 pmt_pid, pcr_pid;
  gint pmt_version;
  guint n_pat, n_pmt, n_pcr, n_pcr_only;
  gint64 pcr;                   /* 27 MHz, or NO_TIME */
  gint64 max_gap;
  GPtrArray *pes;               /* of TsReadPes, in the order they begin */
  GstMpegtsSection *pmt;        /* the last one */
} TsRead;

static inline void
ts_read_pes_free (gpointer data)
{
  TsReadPes *pes = data;

  g_byte_array_unref (pes->payload);
  g_free (pes);
}

static inline TsRead *
ts_read_new (void)
{
  TsRead *r = g_new0 (TsRead, 1);

  gst_mpegts_initialize ();
  for (guint i = 0; i < 8192; i++)
    r->pids[i].cc = -1;
  r->pcr = TS_READ_NO_TIME;
  r->pes = g_ptr_array_new_with_free_func (ts_read_pes_free);
  return r;
}

static inline void
ts_read_drop_pmt (TsRead * r)
{
  if (r->pmt)
    gst_mpegts_section_unref (r->pmt);
  r->pmt = NULL;
}

static inline void
ts_read_free (TsRead * r)
{
  g_ptr_array_unref (r->pes);
  ts_read_drop_pmt (r);
  g_free (r);
}

static inline gint64
ts_read_time (const guint8 * b)
{
  ts_check (b[0] & 1 && b[2] & 1 && b[4] & 1, "marker bits");
  return ((gint64) (b[0] & 0x0e) << 29) | b[1] << 22 | (b[2] & 0xfe) << 14 | b[3] << 7 | b[4] >> 1;
}

static inline void
ts_read_section (TsRead * r, guint16 pid, const guint8 * data, gsize size)
{
  gsize length = 3 + ((data[1] & 0x0f) << 8 | data[2]);
  GstMpegtsSection *section;

  ts_check (length <= size, "length <= size");
  section = gst_mpegts_section_new (pid, g_memdup2 (data, length), length);
  ts_check (section != NULL, "section != NULL");
  if (pid == 0) {
    GPtrArray *pat = gst_mpegts_section_get_pat (section);      /* checks the CRC */

    ts_check (pat != NULL, "PAT cannot be parsed");
    ts_check_equal (pat->len, 1);
    r->pmt_pid = ((GstMpegtsPatProgram *) g_ptr_array_index (pat, 0))->network_or_program_map_PID;
    r->n_pat++;
    g_ptr_array_unref (pat);
    gst_mpegts_section_unref (section);
  } else {
    const GstMpegtsPMT *pmt = gst_mpegts_section_get_pmt (section);

    ts_check (pmt != NULL, "PMT cannot be parsed");
    r->pcr_pid = pmt->pcr_pid;
    r->pmt_version = section->version_number;
    r->n_pmt++;
    ts_read_drop_pmt (r);
    r->pmt = section;
  }
}

static inline void
ts_read_pcr (TsRead * r, guint16 pid, const guint8 * b)
{
  gint64 base = (gint64) b[0] << 25 | b[1] << 17 | b[2] << 9 | b[3] << 1 | b[4] >> 7;
  gint64 pcr = base * 300 + ((b[4] & 1) << 8 | b[5]), wrap = (G_GINT64_CONSTANT (1) << 33) * 300;

  ts_check_equal (pid, r->pcr_pid);
  if (r->pcr != TS_READ_NO_TIME) {
    gint64 gap = (pcr - r->pcr + wrap) % wrap;

    ts_check (gap > 0 && gap < wrap / 2, "PCR does not increase: %" G_GINT64_FORMAT " after %"
        G_GINT64_FORMAT, pcr, r->pcr);
    r->max_gap = MAX (r->max_gap, gap);
  }
  r->pcr = pcr;
  r->n_pcr++;
}

static inline void
ts_read_close (TsRead * r, guint16 pid)
{
  TsReadPes *pes = r->pids[pid].open;

  if (!pes)
    return;
  ts_check (pes->payload->len > pes->stuffing, "pes->payload->len > pes->stuffing");
  for (guint i = 0; i < pes->stuffing; i++)
    ts_check_equal (pes->payload->data[i], 0xff);
  g_byte_array_remove_range (pes->payload, 0, pes->stuffing);
  if (pes->length) {
    ts_check_equal (pes->length, pes->payload->len + pes->stuffing + (pes->pts == pes->dts ? 8 : 13));
  } else {
    ts_check (pes->stream_id == 0xe0 && pes->payload->len > 65000, "pes->stream_id == 0xe0 && pes->payload->len > 65000");
  }
  r->pids[pid].open = NULL;
}

static inline void
ts_read_pes (TsRead * r, guint16 pid, const guint8 * b, gsize size, gboolean random_access)
{
  TsReadPes *pes = g_new0 (TsReadPes, 1);
  gsize head = b[7] == 0xc0 ? 19 : 14;

  ts_read_close (r, pid);
  ts_check (size >= head, "PES header split after %" G_GSIZE_FORMAT " bytes", size);
  ts_check (b[0] == 0 && b[1] == 0 && b[2] == 1, "PES start code");
  ts_check_equal (b[6], 0x84);
  pes->pid = pid;
  pes->stream_id = b[3];
  pes->length = b[4] << 8 | b[5];
  pes->pts = pes->dts = ts_read_time (b + 9);
  if (b[7] == 0xc0) {
    pes->dts = ts_read_time (b + 14);
    ts_check (pes->pts != pes->dts, "pes->pts != pes->dts");
  } else {
    ts_check_equal (b[7], 0x80);
  }
  ts_check (9u + b[8] >= head, "9u + b[8] >= head");
  pes->stuffing = 9 + b[8] - head;
  pes->random_access = random_access;
  pes->pcr_before = r->pcr;
  pes->payload = g_byte_array_new ();
  g_byte_array_append (pes->payload, b + head, size - head);
  r->pids[pid].open = pes;
  g_ptr_array_add (r->pes, pes);
}

/* One segment. Counters and PCRs go on from the one before; see ts_read_reset(). */
static inline void
ts_read_segment (TsRead * r, const guint8 * data, gsize size)
{
  ts_check (size > 0 && size % 188 == 0, "size > 0 && size %% 188 == 0");
  for (guint i = 0; i < 8192; i++)
    r->pids[i].n_payload = 0;
  for (gsize at = 0; at < size; at += 188) {
    const guint8 *p = data + at;
    guint16 pid = (p[1] & 0x1f) << 8 | p[2];
    TsReadPid *state = &r->pids[pid];
    guint control = p[3] >> 4, head = 4;
    gboolean random_access = FALSE;

    ts_check_equal (p[0], 0x47);
    ts_check (!(p[1] & 0x80) && control >= 1 && control <= 3, "!(p[1] & 0x80) && control >= 1 && control <= 3");
    if (at == 0)
      ts_check_equal (pid, 0);
    if (at == 188)
      ts_check_equal (pid, r->pmt_pid);
    if (control & 2) {
      guint length = p[4];

      ts_check (control == 3 ? length <= 182 : length == 183, "adaptation_field_length %u", length);
      head += 1 + length;
      if (length > 0) {
        guint used = p[5] & 0x10 ? 7 : 1;

        ts_check (!(p[5] & 0xaf), "flags 0x%02x", p[5]);
        random_access = (p[5] & 0x40) != 0;
        if (p[5] & 0x10)
          ts_read_pcr (r, pid, p + 6);
        for (guint i = used; i < length; i++)
          ts_check_equal (p[5 + i], 0xff);
      }
    }
    if (control & 1) {
      if (state->cc >= 0)
        ts_check_equal (p[3] & 15, (state->cc + 1) & 15);
      state->cc = p[3] & 15;
      state->n_payload++;
      if (pid == 0 || pid == r->pmt_pid) {
        ts_check (p[1] & 0x40 && p[head] == 0, "p[1] & 0x40 && p[head] == 0");
        ts_read_section (r, pid, p + head + 1, 188 - head - 1);
      } else if (p[1] & 0x40)
        ts_read_pes (r, pid, p + head, 188 - head, random_access);
      else {
        ts_check (state->open != NULL, "PID %u does not begin with a PES packet", pid);
        ts_check (!random_access, "!random_access");
        g_byte_array_append (state->open->payload, p + head, 188 - head);
      }
    } else {
      r->n_pcr_only++;
      ts_check_equal (pid, r->pcr_pid);
      if (state->cc < 0)
        state->cc = p[3] & 15;
      ts_check_equal (p[3] & 15, state->cc);
    }
  }
  for (guint i = 0; i < 8192; i++)
    ts_read_close (r, i);
}

/* What comes next does not follow what was. */
static inline void
ts_read_reset (TsRead * r)
{
  for (guint i = 0; i < 8192; i++)
    r->pids[i].cc = -1;
  r->pcr = TS_READ_NO_TIME;
}
