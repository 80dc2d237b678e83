/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tswriter.h"

/* Small enough to come from the heap again and again (no mmap and no page faults
 * for every segment), large enough that a segment is a few dozen of them. */
#define BLOCK_SIZE (348 * TS_PACKET_SIZE)

struct _HlsTsWriter {
  TsMux *mux;
  GstBufferList *buffers;       /* finished ones of the open segment */
  GstBuffer *buffer;            /* takes the next block */
  GstMemory *block;             /* mapped, being written */
  GstMapInfo map;
};

/* A GstBuffer takes so many memories before it merges, that is copies, them. */
static void
keep_block (HlsTsWriter *w, gsize filled)
{
  gst_memory_unmap (w->block, &w->map);
  if (filled == 0) {
    gst_memory_unref (w->block);
  } else {
    gst_memory_resize (w->block, 0, filled);
    if (!w->buffer || gst_buffer_n_memory (w->buffer) == gst_buffer_get_max_memory ()) {
      w->buffer = gst_buffer_new ();
      gst_buffer_list_add (w->buffers, w->buffer);
    }
    gst_buffer_append_memory (w->buffer, w->block);
  }
  w->block = NULL;
}

static guint8 *
next_block (gpointer user, gsize filled, gsize *size)
{
  HlsTsWriter *w = user;

  if (w->block)
    keep_block (w, filled);
  w->block = gst_allocator_alloc (NULL, BLOCK_SIZE, NULL);
  gst_memory_map (w->block, &w->map, GST_MAP_WRITE);
  *size = BLOCK_SIZE;
  return w->map.data;
}

HlsTsWriter *
hls_ts_writer_new (const TsMuxConfig *config)
{
  HlsTsWriter *w = g_new0 (HlsTsWriter, 1);

  w->mux = ts_mux_new (config, next_block, w);
  w->buffers = gst_buffer_list_new ();
  return w;
}

void
hls_ts_writer_free (HlsTsWriter *w)
{
  if (w->block)
    keep_block (w, 0);
  gst_buffer_list_unref (w->buffers);
  ts_mux_free (w->mux);
  g_free (w);
}

TsMux *
hls_ts_writer_get_mux (HlsTsWriter *w)
{
  return w->mux;
}

void
hls_ts_writer_begin (HlsTsWriter *w, guint64 number)
{
  ts_mux_begin_segment (w->mux, number, FALSE);
}

GstBufferList *
hls_ts_writer_end (HlsTsWriter *w, guint64 *size)
{
  gsize filled = ts_mux_end_segment (w->mux, size);
  GstBufferList *buffers;

  if (w->block)
    keep_block (w, filled);
  buffers = w->buffers;
  w->buffers = gst_buffer_list_new ();
  w->buffer = NULL;
  return buffers;
}
