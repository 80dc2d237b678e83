/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A sink pad of the segmenter: its streaming thread leaves what comes in the
 * inbox, the segmenter's thread takes it out.
 */
#pragma once

#include <gst/gst.h>
#include <gst/base/gstqueuearray.h>
#include "es.h"
#include "gsthlsoutput.h"
#include "timing.h"

G_BEGIN_DECLS

typedef enum { HLS_ITEM_BUFFER, HLS_ITEM_CAPS, HLS_ITEM_GAP, HLS_ITEM_EOS } HlsItemKind;

typedef struct {
  HlsItemKind kind;
  GstMiniObject *object;        /* owned: buffer or caps */
  gint64 pts, dts, duration;    /* running time; GAP: pts is its end */
  gboolean key;
  gint64 arrival;
} HlsItem;

/* Shared by all inputs of a segmenter. */
typedef struct {
  GMutex lock;
  GCond work;                   /* for the segmenter: something to do */
  GCond space;                  /* for streaming threads that are held back */
  gboolean flushing;
  gboolean pending;             /* something to do now */
  gboolean live;                /* nobody is ever held back */
  gint64 wake_pts;              /* a keyframe from here on is a boundary */
  gboolean audio_only;          /* no video decides: audio does */
  gboolean closing;             /* every frame counts */
  gsize unseen;                 /* bytes since the segmenter looked */
  gint64 looked, activity;      /* monotonic time of its last look, of the last arrival */
  guint blocked;                /* streaming threads held back */
} HlsInbox;

#define GST_TYPE_HLS_INPUT (gst_hls_input_get_type ())
G_DECLARE_FINAL_TYPE (GstHlsInput, gst_hls_input, GST, HLS_INPUT, GstPad)

struct _GstHlsInput {
  GstPad parent;

  HlsInbox *inbox;
  GstHlsOutput *output;
  gboolean video;

  /* streaming thread */
  GstSegment segment;
  gint explained;               /* atomic: why caps were not taken was said */

  /* inbox lock */
  GstQueueArray *items;         /* of HlsItem */
  gsize item_bytes, backlog_bytes;      /* here; taken out but not muxed yet */
  gint64 item_time, backlog_time;
  gint64 last_arrival;          /* monotonic, of any sign of life */
  gboolean released, flushing;

  /* segmenter's thread */
  gboolean known;               /* to the cutter */
  guint stream, output_index;
  GstQueueArray *taken;         /* of HlsItem: swapped with items */
  gint ts_stream;               /* -1: not in the muxer yet */
  GstCaps *caps;
  HlsEs *es;                    /* of what comes in */
  HlsEs *es_out;                /* of what goes out */
  GstQueueArray *formats;       /* of HlsFormat: not reached yet */
  gboolean begun;               /* a keyframe has come */
  gboolean reformat;            /* the next frame has another format */
  gboolean stalled;
  HlsTiming timing;
};

/* @es is in force from @first on. */
typedef struct {
  HlsEs *es;
  GstBuffer *first;
} HlsFormat;

void hls_inbox_init (HlsInbox * inbox);
void hls_inbox_clear (HlsInbox * inbox);
/* Streaming threads return FLUSHING from now on, or no more. */
void hls_inbox_set_flushing (HlsInbox * inbox, gboolean flushing);
void hls_inbox_wake (HlsInbox * inbox);

/* A pad of @template with name @name; the inbox outlives it. */
GstHlsInput *gst_hls_input_new (HlsInbox * inbox, GstHlsOutput * output, gboolean video,
    GstPadTemplate * templ, const gchar * name);
/* Before it is used, and when the segmenter stops. No streaming thread runs. */
void gst_hls_input_reset (GstHlsInput * self);

/* --- of the segmenter's thread --- */
/* What comes from now on has @caps. FALSE with @error: not supported. */
gboolean gst_hls_input_take_caps (GstHlsInput * self, GstCaps * caps, GError ** error);
/* Looks at frame->data (a GstBuffer): whether it is a keyframe that decoding can start
 * at; *@reformat: it is the first of another format. FALSE with @error: no access unit. */
gboolean gst_hls_input_inspect (GstHlsInput * self, HlsFrame * frame, gboolean * reformat, GError ** error);
/* Takes all items that came in; they are in self->taken. */
void gst_hls_input_take_items (GstHlsInput * self);
/* @buffer is the next to be muxed: the format that began with it is in force. */
void gst_hls_input_enter_format (GstHlsInput * self, GstBuffer * buffer);

G_END_DECLS
