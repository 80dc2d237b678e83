/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Program specific information as transport stream packets, built once and then copied.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  guint16 pid;
  guint8 stream_type;
  const guint8 *descriptors;
  gsize descriptors_size;
  const gchar *language;        /* ISO 639-2, or NULL */
} TsPsiStream;

/* Whole packets, continuity counters 0. Free with g_byte_array_unref(). */
GByteArray *ts_psi_new_pat (guint16 transport_stream_id, guint16 program_number, guint16 pmt_pid, guint version);
GByteArray *ts_psi_new_pmt (guint16 program_number, guint16 pmt_pid, guint16 pcr_pid,
    const TsPsiStream * streams, guint n_streams, guint version);

G_END_DECLS
