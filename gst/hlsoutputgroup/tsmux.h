/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MPEG-2 transport stream multiplexer for HLS segments.
 * Normative references: ISO/IEC 13818-1 (2.4 transport stream, 2.4.4 PSI, 2.7
 * timing), ATSC A/52 annex A (AC-3, E-AC-3 in TS), RFC 8216bis 3.1.2.
 *
 * Plain C: spans in, 188-byte packets out, written straight into blocks the
 * caller owns. No element, no allocation per packet or access unit. One thread.
 */
#pragma once

#include "es.h"

G_BEGIN_DECLS

#define TS_PACKET_SIZE 188
#define TS_CLOCK_RATE 90000

/* 33-bit wrap is the muxer's business: times here are 90 kHz, signed, unwrapped. */

/* An access unit begins to be sent this long before its dts: PCR = dts - TS_MUX_DELAY.
 * A timeline should begin later than this, or its first PCRs are those before the wrap. */
#define TS_MUX_DELAY (TS_CLOCK_RATE / 5)

typedef struct {
  guint16 transport_stream_id;
  guint16 program_number;
  guint16 pmt_pid;
  guint16 pcr_pid;              /* 0: the first video stream's, else the first stream's. A PID of no stream: its own */
  guint pat_interval;           /* ms, 0: once, at the start of each segment */
  guint pmt_interval;           /* ms, 0: as above */
  guint pcr_period;             /* ms, 0 to 500; the gap between PCRs never exceeds it. 0: pcr_every_pes */
  gboolean pcr_every_pes;       /* also one PCR per PES packet of the PCR PID */
  guint audio_frames_per_pes;   /* 0: the muxer's choice. Never more than 100 ms, whatever is asked for */
} TsMuxConfig;

/* MediaLive's defaults: program 1, PMT 480, video 481, audio 482..., PCR 40 ms. */
void ts_mux_config_init (TsMuxConfig * config);

/* Hands back the block before with its @filled bytes (always a multiple of 188)
 * and returns the next one of *@size bytes, a multiple of 188. First called with
 * filled = 0 when a segment begins. */
typedef guint8 *(*TsMuxNextBlock) (gpointer user, gsize filled, gsize * size);

typedef struct _TsMux TsMux;

TsMux *ts_mux_new (const TsMuxConfig * config, TsMuxNextBlock next_block, gpointer user);
void ts_mux_free (TsMux * mux);

/* Adds a stream before a segment begins; @pid 0: the next free default. @language: ISO
 * 639-2 or NULL. Returns its index. The info's descriptors are copied. */
guint ts_mux_add_stream (TsMux * mux, const HlsEsInfo * info, guint16 pid, const gchar * language);
/* The stream's info changed (between segments): PMT version goes up when its bytes differ. */
void ts_mux_update_stream (TsMux * mux, guint stream, const HlsEsInfo * info);

/* Starts a segment: PAT and PMT come first, then a PCR with the first PES.
 * @segment_number is K of the numbering rules. @locked: continuity counters, PSI
 * versions and PCRs are functions of K and time alone. */
void ts_mux_begin_segment (TsMux * mux, guint64 segment_number, gboolean locked);

/* One access unit; calls come in order of dts over all streams, about. @duration
 * (0: not known) is the time to its stream's next dts: its packets are spread over it. */
void ts_mux_write (TsMux * mux, guint stream, const HlsSpan * spans, guint n_spans,
    gint64 pts, gint64 dts, gint64 duration, gboolean random_access);

/* Flushes audio that waits for its PES to fill; when locked, pads each PID's packets to a
 * multiple of 16. Returns the bytes filled of the current block, which is the
 * caller's again; the whole segment's size in *@total. */
gsize ts_mux_end_segment (TsMux * mux, guint64 * total);

G_END_DECLS
