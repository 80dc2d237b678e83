/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One output's segments: the muxer and the memory its packets are written to.
 * One thread.
 */
#pragma once

#include "tsmux.h"

G_BEGIN_DECLS

typedef struct _HlsTsWriter HlsTsWriter;

HlsTsWriter *hls_ts_writer_new (const TsMuxConfig * config);
void hls_ts_writer_free (HlsTsWriter * writer);
TsMux *hls_ts_writer_get_mux (HlsTsWriter * writer);

void hls_ts_writer_begin (HlsTsWriter * writer, guint64 number);
/* Ends the segment. (transfer full): buffers of some memories each, in order;
 * together they are the segment. *@size is its bytes. */
GstBufferList *hls_ts_writer_end (HlsTsWriter * writer, guint64 * size);

G_END_DECLS
