/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The segmenter: encoded streams in, unnamed segments out.
 *
 * Not a GstAggregator: that wakes its thread for every buffer, and here nothing
 * happens at most of them. Streaming threads leave their buffers in the inbox; one
 * thread wakes for what ends a segment, or for a batch, and does all the rest:
 * parsing, boundaries, muxing, pushing. No lock is held meanwhile.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gsthlssegmenter.h"
#include "cutter.h"
#include "gsthlsinput.h"
#include "rendition.h"

#include <gst/video/video.h>

GST_DEBUG_CATEGORY_STATIC (gst_hls_segmenter_debug);
#define GST_CAT_DEFAULT gst_hls_segmenter_debug

/* A live stream that says nothing for so long does not hold the others up any
 * more; at the start, encoders may take longer. */
#define LIVE_STALL (5 * G_TIME_SPAN_SECOND)
#define LIVE_START (10 * G_TIME_SPAN_SECOND)
/* Between an application's request for a pad and its link. */
#define LINK_TIME G_TIME_SPAN_SECOND
/* One that is not live only counts as silent when nothing at all moves. */
#define FILE_STALL (30 * G_TIME_SPAN_SECOND)
/* The same warning again, with a count. */
#define WARNING_PERIOD (10 * G_TIME_SPAN_SECOND)

enum { WARN_BASE = HLS_CUT_LATE + 1, WARN_FILLED = WARN_BASE, WARN_BACKWARD, WARN_NO_TIME, WARN_EMPTY,
  WARN_BAD_UNIT, WARN_STALLED, N_WARNINGS };

typedef struct
{
  HlsRendition *rendition;
  gboolean ended;
} Output;

typedef struct
{
  gint64 last;
  guint count;
} Throttle;

struct _GstHlsSegmenter
{
  GstElement parent;

  GstPad *srcpad;
  HlsInbox inbox;
  HlsGroupSettings settings;

  GPtrArray *inputs;            /* of GstHlsInput; object lock */
  gboolean playing;             /* inbox lock */
  gint64 played;                /* when that began; inbox lock */

  /* the task's */
  HlsCutter *cutter;
  GPtrArray *all;               /* its own copy of inputs, in the cutter's order */
  GPtrArray *outputs;           /* of Output, in the cutter's order */
  GArray *throttles;            /* Throttle per input and kind */
  gboolean started, tracks_changed, told_no_input;
  gboolean awake;               /* something came in */
  gboolean live, live_known;
  gint64 latency;               /* of the slowest encoder, ns */
  gint64 progress;              /* monotonic time of the last cut */
  gint64 pdt_base;              /* UTC microseconds of running time zero */
  gint64 pdt_end;               /* of what has been published */
  guint key_requests;
};

G_DEFINE_FINAL_TYPE (GstHlsSegmenter, gst_hls_segmenter, GST_TYPE_ELEMENT);

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (HLS_SEGMENT_CAPS));

GstElement *
gst_hls_segmenter_new (void)
{
  return g_object_new (GST_TYPE_HLS_SEGMENTER, "name", "segmenter", NULL);
}

void
gst_hls_segmenter_set_settings (GstHlsSegmenter *self, const HlsGroupSettings *settings)
{
  self->settings = *settings;
}

GstPad *
gst_hls_segmenter_add_input (GstHlsSegmenter *self, GstHlsOutput *output, gboolean video, const gchar *pad_name)
{
  GstCaps *caps = hls_es_ts_caps (video ? HLS_ES_VIDEO : HLS_ES_AUDIO);
  GstPadTemplate *templ = gst_pad_template_new (pad_name, GST_PAD_SINK, GST_PAD_REQUEST, caps);
  GstHlsInput *input = gst_hls_input_new (&self->inbox, output, video, templ, pad_name);

  gst_caps_unref (caps);
  gst_object_unref (templ);
  input->last_arrival = g_get_monotonic_time ();
  GST_OBJECT_LOCK (self);
  g_ptr_array_add (self->inputs, gst_object_ref (input));
  GST_OBJECT_UNLOCK (self);
  if (GST_STATE (self) > GST_STATE_READY)
    gst_pad_set_active (GST_PAD (input), TRUE);
  gst_element_add_pad (GST_ELEMENT (self), GST_PAD (input));
  hls_inbox_wake (&self->inbox);
  return GST_PAD (input);
}

static void
gst_hls_segmenter_release_pad (GstElement *element, GstPad *pad)
{
  GstHlsSegmenter *self = GST_HLS_SEGMENTER (element);
  GstHlsInput *input = GST_HLS_INPUT (pad);

  g_mutex_lock (&self->inbox.lock);
  input->released = TRUE;
  g_cond_broadcast (&self->inbox.space);
  g_mutex_unlock (&self->inbox.lock);
  gst_pad_set_active (pad, FALSE);
  /* What it still held is published: the task takes it as the end of the stream
   * and drops its reference when it stops. */
  GST_OBJECT_LOCK (self);
  g_ptr_array_remove (self->inputs, input);
  GST_OBJECT_UNLOCK (self);
  gst_element_remove_pad (element, pad);
  hls_inbox_wake (&self->inbox);
}

/* --- what is said on the bus --- */

static void warn_input (GstHlsSegmenter * self, GstHlsInput * input, guint kind, const gchar * format, ...)
G_GNUC_PRINTF (4, 5);

/* At once, and then with a count: a stream that is wrong is wrong many times a second. */
static void
warn_input (GstHlsSegmenter *self, GstHlsInput *input, guint kind, const gchar *format, ...)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree gchar *text = NULL;
  g_autofree gchar *repeated = NULL;
  Throttle *throttle;
  va_list args;

  g_array_set_size (self->throttles, MAX (self->throttles->len, (input->stream + 1) * N_WARNINGS));
  throttle = &g_array_index (self->throttles, Throttle, input->stream * N_WARNINGS + kind);
  throttle->count++;
  if (throttle->last != 0 && now - throttle->last < WARNING_PERIOD)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (throttle->count > 1)
    repeated = g_strdup_printf (" (%u times since this was last said)", throttle->count);
  throttle->last = now;
  throttle->count = 0;
  GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("pad %s: %s%s", GST_PAD_NAME (input), text,
          repeated ? repeated : ""), (NULL));
}

static void
warn_cut (GstHlsSegmenter *self, const HlsCut *cut)
{
  GstHlsInput *input = g_ptr_array_index (self->all, cut->stream);
  guint length = self->settings.segment_length;
  gdouble at = (gdouble) cut->pts / GST_SECOND;

  switch (cut->warning) {
    case HLS_CUT_NO_KEYFRAME:
      warn_input (self, input, cut->warning, "no keyframe in time: segment %" G_GUINT64_FORMAT " ends at %.3f s "
          "without one, because EXT-X-TARGETDURATION is %u s and cannot change; "
          "the encoder should send a keyframe every %u s or obey force-key-unit events", cut->number, at,
          hls_cutter_get_target_duration (self->cutter), length);
      break;
    case HLS_CUT_NO_KEYFRAME_AT_START:
      warn_input (self, input, cut->warning, "no keyframe for three segment lengths (%u s): nothing can be "
          "published before one comes", 3 * length);
      break;
    case HLS_CUT_UNALIGNED:
      warn_input (self, input, cut->warning, "no keyframe at the group's boundary at %.3f s: segment %"
          G_GUINT64_FORMAT " is cut at this stream's next keyframe; encode all renditions with the same "
          "keyframes (a fixed GOP, no scene cuts)", at, cut->number);
      break;
    case HLS_CUT_UNALIGNED_START:
      warn_input (self, input, cut->warning, "the renditions have no keyframe in common: this one starts at its own "
          "first keyframe after %.3f s", at);
      break;
    case HLS_CUT_LATE:
      warn_input (self, input, cut->warning, "a buffer at %.3f s came after its segment had been published: dropped",
          at);
      break;
  }
}

/* --- input to the cutter --- */

static void
note_timing (GstHlsSegmenter *self, GstHlsInput *input, HlsTimingFlags flags)
{
  if (flags & HLS_TIMING_DROP && !(flags & HLS_TIMING_BACKWARD))
    warn_input (self, input, WARN_NO_TIME, "the first buffers have no timestamp: dropped; "
        "put a parser before this pad, or timestamp them");
  else if (flags & HLS_TIMING_BACKWARD)
    warn_input (self, input, WARN_BACKWARD, "a timestamp goes back: %s; timestamps must increase",
        flags & HLS_TIMING_DROP ? "buffer dropped" : "mended");
  else if (flags & HLS_TIMING_FILLED)
    warn_input (self, input, WARN_FILLED, "a buffer has no timestamp: taken to follow the one before");
  if (flags & HLS_TIMING_JUMP)
    GST_INFO_OBJECT (input, "timestamps jump");
}

/* Not every encoder says how far it looks ahead; at a live start it shows. */
static void
note_latency (GstHlsSegmenter *self, gint64 running_time)
{
  GstClockTime now = gst_element_get_current_running_time (GST_ELEMENT (self));

  if (GST_CLOCK_TIME_IS_VALID (now) && (gint64) now - running_time > self->latency) {
    self->latency = (gint64) now - running_time;
    hls_cutter_set_latency (self->cutter, TRUE, self->latency);
  }
}

/* Takes the buffer. */
static void
take_buffer (GstHlsSegmenter *self, GstHlsInput *input, HlsItem *item)
{
  GstBuffer *buffer = GST_BUFFER_CAST (item->object);
  HlsFrame frame = {
    .pts = item->pts,.dts = item->dts,.duration = item->duration,.key = item->key,
    .arrival = item->arrival,.data = buffer,.size = gst_buffer_get_size (buffer)
  };
  g_autoptr (GError) error = NULL;
  HlsTimingFlags flags;
  gboolean reformat;

  input->stalled = FALSE;
  if (frame.size == 0) {
    warn_input (self, input, WARN_EMPTY, "an empty buffer: dropped");
    gst_buffer_unref (buffer);
    return;
  }
  if (!gst_hls_input_inspect (input, &frame, &reformat, &error)) {
    warn_input (self, input, WARN_BAD_UNIT, "%s: buffer dropped", error->message);
    gst_buffer_unref (buffer);
    return;
  }
  flags = hls_timing_mend (&input->timing, &frame);
  note_timing (self, input, flags);
  if (flags & HLS_TIMING_DROP) {
    gst_buffer_unref (buffer);
    return;
  }
  if (self->live && !self->started)
    note_latency (self, frame.dts);
  frame.reformat = reformat;
  hls_cutter_push (self->cutter, input->stream, &frame);
}

static gboolean
take_item (GstHlsSegmenter *self, GstHlsInput *input, HlsItem *item)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = TRUE;

  switch (item->kind) {
    case HLS_ITEM_BUFFER:
      take_buffer (self, input, item);
      break;
    case HLS_ITEM_CAPS:
      ok = gst_hls_input_take_caps (input, GST_CAPS_CAST (item->object), &error);
      if (!ok)
        GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("pad %s: %s", GST_PAD_NAME (input), error->message), (NULL));
      gst_mini_object_unref (item->object);
      break;
    case HLS_ITEM_GAP:
      hls_timing_skip (&input->timing, item->pts);
      hls_cutter_skip (self->cutter, input->stream, item->pts);
      break;
    case HLS_ITEM_EOS:
      hls_cutter_eos (self->cutter, input->stream);
      break;
  }
  return ok;
}

static guint
output_index (GstHlsSegmenter *self, GstHlsOutput *settings)
{
  Output *output;

  for (guint i = 0; i < self->outputs->len; i++) {
    output = g_ptr_array_index (self->outputs, i);
    if (hls_rendition_get_settings (output->rendition) == settings)
      return i;
  }
  output = g_new0 (Output, 1);
  output->rendition = hls_rendition_new (settings);
  g_ptr_array_add (self->outputs, output);
  return hls_cutter_add_output (self->cutter);
}

static void
free_output (gpointer data)
{
  Output *output = data;

  hls_rendition_free (output->rendition);
  g_free (output);
}

/* New pads, in the order they came. */
static void
learn_inputs (GstHlsSegmenter *self)
{
  gboolean video = FALSE;

  GST_OBJECT_LOCK (self);
  for (guint i = 0; i < self->inputs->len; i++) {
    GstHlsInput *input = g_ptr_array_index (self->inputs, i);

    video |= input->video;
    if (!input->known)
      g_ptr_array_add (self->all, gst_object_ref (input));
  }
  GST_OBJECT_UNLOCK (self);
  for (guint i = 0; i < self->all->len; i++) {
    GstHlsInput *input = g_ptr_array_index (self->all, i);

    if (input->known)
      continue;
    input->known = TRUE;
    input->output_index = output_index (self, input->output);
    input->stream = hls_cutter_add_stream (self->cutter, input->output_index, input->video);
  }
  g_mutex_lock (&self->inbox.lock);
  self->inbox.audio_only = !video;
  g_mutex_unlock (&self->inbox.lock);
}

static gboolean
take_inbox (GstHlsSegmenter *self)
{
  gboolean ok = TRUE;

  for (guint i = 0; i < self->all->len && ok; i++) {
    GstHlsInput *input = g_ptr_array_index (self->all, i);
    gboolean released;
    HlsItem *item;

    g_mutex_lock (&self->inbox.lock);
    released = input->released;
    g_mutex_unlock (&self->inbox.lock);
    gst_hls_input_take_items (input);
    while (ok && (item = gst_queue_array_pop_head_struct (input->taken)))
      ok = take_item (self, input, item);
    if (released)
      hls_cutter_eos (self->cutter, input->stream);
  }
  return ok;
}

/* --- the cutter's output --- */

static void
send_key_request (GstHlsSegmenter *self, gint64 pts)
{
  GstClockTime time = pts == HLS_TIME_NONE || pts < 0 ? GST_CLOCK_TIME_NONE : (GstClockTime) pts;

  self->key_requests++;
  for (guint i = 0; i < self->all->len; i++) {
    GstHlsInput *input = g_ptr_array_index (self->all, i);

    if (input->video)
      gst_pad_push_event (GST_PAD (input),
          gst_video_event_new_upstream_force_key_unit (time, TRUE, self->key_requests));
  }
}

static gint64
wall_clock (GstHlsSegmenter *self)
{
  return g_get_real_time ();
}

/* PROGRAM-DATE-TIME of running time zero: anchored once, so that segments differ
 * by media time alone; a timeline that jumps back gets another. */
static void
anchor_date (GstHlsSegmenter *self, gint64 pts, gboolean discontinuity)
{
  GstClock *clock;
  gint64 now = wall_clock (self);

  if (self->pdt_base != HLS_TIME_NONE
      && !(discontinuity && self->pdt_base + pts / 1000 < self->pdt_end - G_USEC_PER_SEC))
    return;
  if (self->pdt_base != HLS_TIME_NONE) {
    self->pdt_base = MAX (self->live ? now : 0, self->pdt_end) - pts / 1000;
    return;
  }
  self->pdt_base = now - pts / 1000;
  if (!self->live || !(clock = gst_element_get_clock (GST_ELEMENT (self))))
    return;
  self->pdt_base = now - (gint64) (gst_clock_get_time (clock) - gst_element_get_base_time (GST_ELEMENT (self))) / 1000;
  gst_object_unref (clock);
}

static void
push_tracks (GstHlsSegmenter *self)
{
  GPtrArray *tracks = g_ptr_array_new ();

  for (guint i = 0; i < self->outputs->len; i++) {
    Output *output = g_ptr_array_index (self->outputs, i);

    gpointer track = (gpointer) hls_rendition_get_track (output->rendition);

    if (track && !output->ended)
      g_ptr_array_add (tracks, track);
  }
  self->tracks_changed = FALSE;
  gst_pad_push_event (self->srcpad, hls_tracks_event_new (tracks));
  g_ptr_array_unref (tracks);
}

static GstFlowReturn
push_segment (GstHlsSegmenter *self, const HlsCut *cut)
{
  Output *output = g_ptr_array_index (self->outputs, cut->output);
  GstBufferList *buffers;
  HlsSegmentExtra extra = {
    .program_date_time = self->pdt_base + cut->pts / 1000,
    .discontinuity = cut->discontinuity,
    .gap = cut->gap,
    .target_duration = hls_cutter_get_target_duration (self->cutter),
  };
  GstDeliveryInfo info = {
    .kind = GST_DELIVERY_KIND_SEGMENT,
    .track = hls_rendition_get_track (output->rendition)->name,
    .sequence = cut->number,
    .duration = cut->duration,
    .created = cut->arrival,
  };
  guint64 offset = 0;
  guint n;

  self->pdt_end = MAX (self->pdt_end, self->pdt_base + (cut->pts + cut->duration) / 1000);
  if (self->tracks_changed)
    push_tracks (self);
  if (cut->gap) {
    buffers = gst_buffer_list_new ();
    gst_buffer_list_add (buffers, gst_buffer_new ());
    info.size = 0;
  } else
    buffers = hls_rendition_close (output->rendition, &info.size);

  GST_DEBUG_OBJECT (self, "%s segment %" G_GUINT64_FORMAT ": %" G_GUINT64_FORMAT " bytes, %" GST_TIME_FORMAT "%s%s",
      info.track, info.sequence, info.size, GST_TIME_ARGS (info.duration), extra.gap ? ", gap" : "",
      extra.discontinuity ? ", discontinuity" : "");
  n = gst_buffer_list_length (buffers);
  for (guint i = 0; i < n; i++) {
    GstBuffer *buffer = gst_buffer_list_get_writable (buffers, i);

    GST_BUFFER_PTS (buffer) = MAX (cut->pts, 0);
    GST_BUFFER_OFFSET (buffer) = offset;
    offset += gst_buffer_get_size (buffer);
    if (i == n - 1)
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
    hls_segment_extra_set (gst_delivery_buffer_add_info (buffer, &info), &extra);
  }
  return gst_pad_push_list (self->srcpad, buffers);
}

static void
end_output (GstHlsSegmenter *self, guint index)
{
  Output *output = g_ptr_array_index (self->outputs, index);

  output->ended = TRUE;
  push_tracks (self);
}

static void
write_frame (GstHlsSegmenter *self, const HlsCut *cut)
{
  GstHlsInput *input = g_ptr_array_index (self->all, cut->stream);
  Output *output = g_ptr_array_index (self->outputs, cut->output);
  g_autoptr (GError) error = NULL;

  gst_hls_input_enter_format (input, cut->frame.data);
  if (!hls_rendition_write (output->rendition, input, &cut->frame, &error))
    warn_input (self, input, WARN_BAD_UNIT, "%s: buffer dropped", error->message);
  gst_buffer_unref (GST_BUFFER_CAST (cut->frame.data));
}

static void
open_segment (GstHlsSegmenter *self, const HlsCut *cut)
{
  Output *output = g_ptr_array_index (self->outputs, cut->output);

  self->started = TRUE;
  anchor_date (self, cut->pts, cut->discontinuity);
  if (hls_rendition_open (output->rendition, self->all, cut->output, cut->number))
    self->tracks_changed = TRUE;
}

static GstFlowReturn
do_cut (GstHlsSegmenter *self, const HlsCut *cut)
{
  GstFlowReturn flow = GST_FLOW_OK;

  switch (cut->kind) {
    case HLS_CUT_FIRST:
      /* A format that begins with the segment describes it. */
      gst_hls_input_enter_format (g_ptr_array_index (self->all, cut->stream), cut->frame.data);
      break;
    case HLS_CUT_OPEN:
      open_segment (self, cut);
      break;
    case HLS_CUT_FRAME:
      write_frame (self, cut);
      break;
    case HLS_CUT_DROP:
      gst_hls_input_enter_format (g_ptr_array_index (self->all, cut->stream), cut->frame.data);
      gst_buffer_unref (GST_BUFFER_CAST (cut->frame.data));
      break;
    case HLS_CUT_CLOSE:
      flow = push_segment (self, cut);
      break;
    case HLS_CUT_KEY_REQUEST:
      send_key_request (self, cut->pts);
      break;
    case HLS_CUT_WARNING:
      warn_cut (self, cut);
      break;
    case HLS_CUT_OUTPUT_END:
      end_output (self, cut->output);
      break;
    case HLS_CUT_END:
      flow = GST_FLOW_EOS;
      break;
  }
  return flow;
}

/* --- the task --- */

/* Demuxers link when they know what they hold; one that never does should be said. */
static void
look_for_inputs (GstHlsSegmenter *self)
{
  gboolean late;

  if (self->all->len > 0 || self->told_no_input)
    return;
  g_mutex_lock (&self->inbox.lock);
  late = self->playing && g_get_monotonic_time () - self->played > LIVE_START;
  g_mutex_unlock (&self->inbox.lock);
  if (!late)
    return;
  self->told_no_input = TRUE;
  GST_ELEMENT_WARNING (self, CORE, PAD, ("no output: nothing is linked; link at least one stream, for example to a pad "
          "video_main or audio_main"), (NULL));
}

/* A live stream that stopped, or one of a file that will not come, is left behind. */
static void
look_for_stalls (GstHlsSegmenter *self)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < self->all->len; i++) {
    GstHlsInput *input = g_ptr_array_index (self->all, i);
    gint64 since;
    gboolean stalled;

    if (input->stalled || !hls_cutter_awaits (self->cutter, input->stream))
      continue;
    g_mutex_lock (&self->inbox.lock);
    if (self->live) {
      since = MAX (input->last_arrival, self->played);
      stalled = self->playing && now - since > (input->es && self->started ? LIVE_STALL : LIVE_START);
    } else {
      since = MAX (self->inbox.activity, self->progress);
      stalled = self->inbox.blocked > 0 && now - since > FILE_STALL;
    }
    stalled |= !gst_pad_is_linked (GST_PAD (input)) && !input->es && now - input->last_arrival > LINK_TIME;
    stalled &= gst_queue_array_get_length (input->items) == 0;
    g_mutex_unlock (&self->inbox.lock);
    if (!stalled)
      continue;
    input->stalled = TRUE;
    hls_cutter_set_stalled (self->cutter, input->stream, TRUE);
    if (input->es)
      warn_input (self, input, WARN_STALLED, "nothing came for %" G_GINT64_FORMAT " s: output %s goes on without it",
          (now - since) / G_USEC_PER_SEC, GST_OBJECT_NAME (input->output));
    else
      warn_input (self, input, WARN_STALLED, "%s: output %s begins without it",
          gst_pad_is_linked (GST_PAD (input)) ? "nothing has come yet" : "is not linked",
          GST_OBJECT_NAME (input->output));
  }
}

/* Tells the streaming threads what to wake for, and lets those go on that waited. */
static void
update_inbox (GstHlsSegmenter *self)
{
  HlsInbox *inbox = &self->inbox;

  g_mutex_lock (&inbox->lock);
  inbox->wake_pts = hls_cutter_get_target (self->cutter);
  inbox->closing = hls_cutter_is_closing (self->cutter);
  inbox->live = self->live;
  for (guint i = 0; i < self->all->len; i++) {
    GstHlsInput *input = g_ptr_array_index (self->all, i);

    input->backlog_time = hls_cutter_get_backlog (self->cutter, input->stream, &input->backlog_bytes);
  }
  if (inbox->blocked > 0)
    g_cond_broadcast (&inbox->space);
  g_mutex_unlock (&inbox->lock);
}

static gboolean
wait_for_work (GstHlsSegmenter *self)
{
  HlsInbox *inbox = &self->inbox;
  gboolean running;

  g_mutex_lock (&inbox->lock);
  while (!inbox->pending && !inbox->flushing)
    /* Often enough to see a stall; nothing else depends on it. */
    if (!g_cond_wait_until (&inbox->work, &inbox->lock, g_get_monotonic_time () + G_TIME_SPAN_SECOND))
      break;
  running = !inbox->flushing;
  inbox->pending = FALSE;
  inbox->unseen = 0;
  inbox->looked = g_get_monotonic_time ();
  self->awake = inbox->activity > 0;
  g_mutex_unlock (&inbox->lock);
  return running;
}

static void
ask_if_live (GstHlsSegmenter *self)
{
  for (guint i = 0; i < self->all->len; i++) {
    GstQuery *query = gst_query_new_latency ();
    gboolean live = FALSE;

    if (gst_pad_peer_query (g_ptr_array_index (self->all, i), query)) {
      GstClockTime latency;

      gst_query_parse_latency (query, &live, &latency, NULL);
      self->live |= live;
      if (GST_CLOCK_TIME_IS_VALID (latency))
        self->latency = MAX (self->latency, (gint64) latency);
    }
    gst_query_unref (query);
  }
  hls_cutter_set_latency (self->cutter, self->live, self->latency);
  self->live_known = TRUE;
  GST_INFO_OBJECT (self, "input is %slive", self->live ? "" : "not ");
}

static void
begin_stream (GstHlsSegmenter *self)
{
  g_autofree gchar *id = g_uuid_string_random ();
  g_autoptr (GstCaps) caps = gst_caps_new_empty_simple (HLS_SEGMENT_CAPS);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (self->srcpad, gst_event_new_stream_start (id));
  gst_pad_push_event (self->srcpad, gst_event_new_caps (caps));
  gst_pad_push_event (self->srcpad, gst_event_new_segment (&segment));
}

static void
gst_hls_segmenter_loop (gpointer data)
{
  GstHlsSegmenter *self = data;
  GstFlowReturn flow = GST_FLOW_OK;
  HlsCut cut;

  if (!wait_for_work (self)) {
    gst_pad_pause_task (self->srcpad);
    return;
  }
  learn_inputs (self);
  if (!self->live_known && self->awake) {
    begin_stream (self);
    ask_if_live (self);
  }
  if (!take_inbox (self))
    flow = GST_FLOW_ERROR;
  while (flow == GST_FLOW_OK && hls_cutter_next (self->cutter, &cut)) {
    flow = do_cut (self, &cut);
    self->progress = g_get_monotonic_time ();
  }
  look_for_inputs (self);
  look_for_stalls (self);
  update_inbox (self);
  if (flow == GST_FLOW_OK)
    return;

  if (flow == GST_FLOW_EOS) {
    if (!self->started)
      GST_ELEMENT_WARNING (self, STREAM, WRONG_TYPE, ("the streams ended before anything could be published: "
              "no keyframe with its parameter sets came in"), (NULL));
    gst_pad_push_event (self->srcpad, hls_end_event_new ());
    gst_pad_push_event (self->srcpad, gst_event_new_eos ());
  } else if (flow != GST_FLOW_FLUSHING && flow != GST_FLOW_ERROR) {
    GST_ELEMENT_FLOW_ERROR (self, flow);
    gst_pad_push_event (self->srcpad, gst_event_new_eos ());
  }
  hls_inbox_set_flushing (&self->inbox, TRUE);
  gst_pad_pause_task (self->srcpad);
}

/* --- element --- */

static void
start (GstHlsSegmenter *self)
{
  self->cutter = hls_cutter_new (self->settings.segment_length * (gint64) GST_SECOND, 1);
  self->all = g_ptr_array_new_with_free_func (gst_object_unref);
  self->outputs = g_ptr_array_new_with_free_func (free_output);
  self->started = self->tracks_changed = self->told_no_input = self->live = self->live_known = FALSE;
  self->latency = 0;
  self->pdt_base = self->pdt_end = HLS_TIME_NONE;
  self->key_requests = 0;
  self->progress = g_get_monotonic_time ();
  GST_OBJECT_LOCK (self);
  for (guint i = 0; i < self->inputs->len; i++) {
    GstHlsInput *input = g_ptr_array_index (self->inputs, i);

    gst_hls_input_reset (input);
    input->last_arrival = self->progress;
  }
  GST_OBJECT_UNLOCK (self);
  self->inbox.pending = self->inbox.closing = self->inbox.live = FALSE;
  self->inbox.wake_pts = HLS_TIME_NONE;
  self->inbox.unseen = 0;
  self->inbox.activity = 0;
}

static void
stop (GstHlsSegmenter *self)
{
  g_clear_pointer (&self->all, g_ptr_array_unref);
  if (self->cutter)
    hls_cutter_free (self->cutter, (GDestroyNotify) gst_buffer_unref);
  self->cutter = NULL;
  g_clear_pointer (&self->outputs, g_ptr_array_unref);
  g_array_set_size (self->throttles, 0);
}

static gboolean
gst_hls_segmenter_activate_mode (GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstHlsSegmenter *self = GST_HLS_SEGMENTER (parent);

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  if (active) {
    start (self);
    hls_inbox_set_flushing (&self->inbox, FALSE);
    return gst_pad_start_task (pad, gst_hls_segmenter_loop, self, NULL);
  }
  hls_inbox_set_flushing (&self->inbox, TRUE);
  gst_pad_stop_task (pad);
  return TRUE;
}

static GstStateChangeReturn
gst_hls_segmenter_change_state (GstElement *element, GstStateChange transition)
{
  GstHlsSegmenter *self = GST_HLS_SEGMENTER (element);
  GstStateChangeReturn ret;

  /* Streaming threads that are held back go first, or their pads would wait for them. */
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    hls_inbox_set_flushing (&self->inbox, TRUE);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING || transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED) {
    g_mutex_lock (&self->inbox.lock);
    self->playing = transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING;
    self->played = g_get_monotonic_time ();
    g_mutex_unlock (&self->inbox.lock);
  }
  ret = GST_ELEMENT_CLASS (gst_hls_segmenter_parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    stop (self);
  return ret;
}

static gboolean
gst_hls_segmenter_src_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstHlsSegmenter *self = GST_HLS_SEGMENTER (parent);
  GstClockTime min = 0, max = GST_CLOCK_TIME_NONE;
  gboolean live = FALSE;
  g_autoptr (GPtrArray) inputs = g_ptr_array_new_with_free_func (gst_object_unref);

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return gst_pad_query_default (pad, parent, query);
  GST_OBJECT_LOCK (self);
  for (guint i = 0; i < self->inputs->len; i++)
    g_ptr_array_add (inputs, gst_object_ref (g_ptr_array_index (self->inputs, i)));
  GST_OBJECT_UNLOCK (self);
  for (guint i = 0; i < inputs->len; i++) {
    GstQuery *peer = gst_query_new_latency ();
    GstClockTime peer_min, peer_max;
    gboolean peer_live;

    if (gst_pad_peer_query (g_ptr_array_index (inputs, i), peer)) {
      gst_query_parse_latency (peer, &peer_live, &peer_min, &peer_max);
      live |= peer_live;
      if (peer_live) {
        min = MAX (min, peer_min);
        if (GST_CLOCK_TIME_IS_VALID (peer_max))
          max = MIN (max, peer_max);
      }
    }
    gst_query_unref (peer);
  }
  /* The segment's length is none: nothing downstream waits for the clock. */
  gst_query_set_latency (query, live, min, MAX (min, max));
  return TRUE;
}

static gboolean
gst_hls_segmenter_src_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  /* What has been published cannot be sought in. */
  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK) {
    gst_event_unref (event);
    return FALSE;
  }
  return gst_pad_event_default (pad, parent, event);
}

static void
gst_hls_segmenter_finalize (GObject *object)
{
  GstHlsSegmenter *self = GST_HLS_SEGMENTER (object);

  g_ptr_array_unref (self->inputs);
  g_array_unref (self->throttles);
  hls_inbox_clear (&self->inbox);
  G_OBJECT_CLASS (gst_hls_segmenter_parent_class)->finalize (object);
}

static void
gst_hls_segmenter_class_init (GstHlsSegmenterClass *klass)
{
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gst_hls_segmenter_finalize;
  element_class->change_state = gst_hls_segmenter_change_state;
  element_class->release_pad = gst_hls_segmenter_release_pad;
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "HLS segmenter", "Muxer",
      "Cuts encoded streams into HLS segments", "The gst-output-groups developers");
  GST_DEBUG_CATEGORY_INIT (gst_hls_segmenter_debug, "hlssegmenter", 0, "HLS segmenter");
}

static void
gst_hls_segmenter_init (GstHlsSegmenter *self)
{
  hls_inbox_init (&self->inbox);
  self->inputs = g_ptr_array_new_with_free_func (gst_object_unref);
  self->throttles = g_array_new (FALSE, TRUE, sizeof (Throttle));
  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_activatemode_function (self->srcpad, gst_hls_segmenter_activate_mode);
  gst_pad_set_query_function (self->srcpad, gst_hls_segmenter_src_query);
  gst_pad_set_event_function (self->srcpad, gst_hls_segmenter_src_event);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
