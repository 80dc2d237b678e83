/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tswriter.h"

/* A segment is a few dozen of these. */
#define BLOCK_SIZE (348 * TS_PACKET_SIZE)

/* Blocks that wait to be used again. The heap gives large memory back to the system,
 * and to fault it in again costs as much as to fill it. A few segments' worth: more
 * may be out in an outage, and need not be kept after it. */
#define MAX_SPARE 64

typedef struct {
  GMutex lock;
  guint8 *spare[MAX_SPARE];
  guint n;
} Pool;

/* Sinks free blocks in their own time: each one holds its pool. */
typedef struct {
  Pool *pool;
  guint8 *data;
} Block;

struct _HlsTsWriter {
  TsMux *mux;
  Pool *pool;                   /* atomic reference counted box */
  GstBufferList *buffers;       /* finished ones of the open segment */
  GstBuffer *buffer;            /* takes the next block */
  GstMemory *block;             /* mapped, being written */
  GstMapInfo map;
};

static void
pool_clear (gpointer data)
{
  Pool *pool = data;

  while (pool->n > 0)
    g_free (pool->spare[--pool->n]);
  g_mutex_clear (&pool->lock);
}

static Pool *
pool_new (void)
{
  Pool *pool = g_atomic_rc_box_new0 (Pool);

  g_mutex_init (&pool->lock);
  return pool;
}

/* Any thread. */
static void
block_free (gpointer user)
{
  Block *block = user;
  Pool *pool = block->pool;

  g_mutex_lock (&pool->lock);
  if (pool->n < MAX_SPARE)
    pool->spare[pool->n++] = g_steal_pointer (&block->data);
  g_mutex_unlock (&pool->lock);
  g_free (block->data);
  g_free (block);
  g_atomic_rc_box_release_full (pool, pool_clear);
}

static GstMemory *
block_new (Pool *pool)
{
  Block *block = g_new (Block, 1);

  block->pool = g_atomic_rc_box_acquire (pool);
  g_mutex_lock (&pool->lock);
  block->data = pool->n > 0 ? pool->spare[--pool->n] : NULL;
  g_mutex_unlock (&pool->lock);
  if (!block->data)
    block->data = g_malloc (BLOCK_SIZE);
  return gst_memory_new_wrapped (0, block->data, BLOCK_SIZE, 0, BLOCK_SIZE, block, block_free);
}

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
  w->block = block_new (w->pool);
  gst_memory_map (w->block, &w->map, GST_MAP_WRITE);
  *size = BLOCK_SIZE;
  return w->map.data;
}

HlsTsWriter *
hls_ts_writer_new (const TsMuxConfig *config)
{
  HlsTsWriter *w = g_new0 (HlsTsWriter, 1);

  w->pool = pool_new ();
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
  g_atomic_rc_box_release_full (w->pool, pool_clear);
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
