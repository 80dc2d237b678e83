/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gsthlsinput.h"

GST_DEBUG_CATEGORY_STATIC (gst_hls_input_debug);
#define GST_CAT_DEFAULT gst_hls_input_debug

/* The segmenter is woken for what ends a segment at once, for the rest in batches. */
#define BATCH_BYTES (256 * 1024)
#define BATCH_TIME (200 * G_TIME_SPAN_MILLISECOND)

/* How far a stream that is not live may run ahead of the others: beyond the
 * interleave of any file and the look-ahead of any encoder. */
#define AHEAD_BYTES (32 * 1024 * 1024)
#define AHEAD_TIME (10 * GST_SECOND)

G_DEFINE_FINAL_TYPE (GstHlsInput, gst_hls_input, GST_TYPE_PAD);

void
hls_inbox_init (HlsInbox *inbox)
{
  *inbox = (HlsInbox) {
    .flushing = TRUE,.wake_pts = HLS_TIME_NONE
  };
  g_mutex_init (&inbox->lock);
  g_cond_init (&inbox->work);
  g_cond_init (&inbox->space);
}

void
hls_inbox_clear (HlsInbox *inbox)
{
  g_mutex_clear (&inbox->lock);
  g_cond_clear (&inbox->work);
  g_cond_clear (&inbox->space);
}

void
hls_inbox_set_flushing (HlsInbox *inbox, gboolean flushing)
{
  g_mutex_lock (&inbox->lock);
  inbox->flushing = flushing;
  g_cond_broadcast (&inbox->work);
  g_cond_broadcast (&inbox->space);
  g_mutex_unlock (&inbox->lock);
}

static void
wake_locked (HlsInbox *inbox)
{
  inbox->pending = TRUE;
  g_cond_signal (&inbox->work);
}

void
hls_inbox_wake (HlsInbox *inbox)
{
  g_mutex_lock (&inbox->lock);
  wake_locked (inbox);
  g_mutex_unlock (&inbox->lock);
}

static void
clear_item (HlsItem *item)
{
  if (item->object)
    gst_mini_object_unref (item->object);
}

/* Takes the item's object. FALSE: flushing. */
static gboolean
leave (GstHlsInput *self, HlsItem *item, gsize bytes)
{
  HlsInbox *inbox = self->inbox;
  gboolean urgent = item->kind != HLS_ITEM_BUFFER;

  item->arrival = g_get_monotonic_time ();
  g_mutex_lock (&inbox->lock);
  while (!inbox->flushing && !self->flushing && !self->released && !inbox->live && item->kind == HLS_ITEM_BUFFER
      && (self->item_bytes + self->backlog_bytes > AHEAD_BYTES
          || self->item_time + self->backlog_time > (gint64) AHEAD_TIME)) {
    inbox->blocked++;
    wake_locked (inbox);
    g_cond_wait (&inbox->space, &inbox->lock);
    inbox->blocked--;
    item->arrival = g_get_monotonic_time ();
  }
  if (inbox->flushing || self->flushing || self->released) {
    g_mutex_unlock (&inbox->lock);
    clear_item (item);
    return FALSE;
  }
  if (item->kind == HLS_ITEM_BUFFER) {
    self->item_bytes += bytes;
    self->item_time += MAX (item->duration, 0);
    inbox->unseen += bytes;
    urgent = inbox->closing || inbox->unseen >= BATCH_BYTES || item->arrival - inbox->looked >= BATCH_TIME
        || (item->key && (self->video || inbox->audio_only) && (inbox->wake_pts == HLS_TIME_NONE || item->pts >= inbox->wake_pts));
  }
  self->last_arrival = inbox->activity = item->arrival;
  gst_queue_array_push_tail_struct (self->items, item);
  if (urgent)
    wake_locked (inbox);
  g_mutex_unlock (&inbox->lock);
  return TRUE;
}

static gint64
running_time (GstHlsInput *self, GstClockTime time)
{
  guint64 running;
  gint sign = gst_segment_to_running_time_full (&self->segment, GST_FORMAT_TIME, time, &running);

  if (sign == 0 || running > G_MAXINT64)
    return HLS_TIME_NONE;
  return sign * (gint64) running;
}

static GstFlowReturn
gst_hls_input_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstHlsInput *self = GST_HLS_INPUT (pad);
  gsize size = gst_buffer_get_size (buffer);
  HlsItem item = {
    .kind = HLS_ITEM_BUFFER,
    .object = GST_MINI_OBJECT_CAST (buffer),
    .pts = HLS_TIME_NONE,
    .dts = HLS_TIME_NONE,
    .key = !self->video || !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT),
  };

  if (GST_BUFFER_PTS_IS_VALID (buffer))
    item.pts = running_time (self, GST_BUFFER_PTS (buffer));
  if (GST_BUFFER_DTS_IS_VALID (buffer))
    item.dts = running_time (self, GST_BUFFER_DTS (buffer));
  if (GST_BUFFER_DURATION_IS_VALID (buffer))
    item.duration = GST_BUFFER_DURATION (buffer);
  return leave (self, &item, size) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

static void
set_flushing (GstHlsInput *self, gboolean flushing)
{
  g_mutex_lock (&self->inbox->lock);
  self->flushing = flushing;
  g_cond_broadcast (&self->inbox->space);
  g_mutex_unlock (&self->inbox->lock);
}

static gboolean
gst_hls_input_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstHlsInput *self = GST_HLS_INPUT (pad);
  HlsItem item = {.pts = HLS_TIME_NONE,.dts = HLS_TIME_NONE };
  gboolean ok = TRUE;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:{
      GstCaps *caps;

      gst_event_parse_caps (event, &caps);
      item.kind = HLS_ITEM_CAPS;
      item.object = GST_MINI_OBJECT_CAST (gst_caps_ref (caps));
      ok = leave (self, &item, 0);
      break;
    }
    case GST_EVENT_SEGMENT:{
      GstSegment segment;

      gst_event_copy_segment (event, &segment);
      if (segment.format != GST_FORMAT_TIME) {
        GST_ELEMENT_ERROR (parent, STREAM, FORMAT, ("pad %s: a segment in format %s cannot be cut; time is needed, "
                "e.g. from a parser", GST_PAD_NAME (pad), gst_format_get_name (segment.format)), (NULL));
        ok = FALSE;
      } else
        self->segment = segment;
      break;
    }
    case GST_EVENT_GAP:{
      GstClockTime start, duration;

      gst_event_parse_gap (event, &start, &duration);
      item.kind = HLS_ITEM_GAP;
      item.pts = running_time (self, start);
      if (item.pts != HLS_TIME_NONE) {
        if (GST_CLOCK_TIME_IS_VALID (duration))
          item.pts += duration;
        ok = leave (self, &item, 0);
      }
      break;
    }
    case GST_EVENT_EOS:
      item.kind = HLS_ITEM_EOS;
      ok = leave (self, &item, 0);
      break;
      /* A seek upstream takes back nothing that came in: the timeline jumps. */
    case GST_EVENT_FLUSH_START:
      set_flushing (self, TRUE);
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_segment_init (&self->segment, GST_FORMAT_TIME);
      set_flushing (self, FALSE);
      break;
    default:
      /* What the streams' own events say ends here: downstream come objects. */
      break;
  }
  gst_event_unref (event);
  return ok;
}

/* Upstream fails with no more than "not negotiated"; this is why. Once: it may ask often. */
static void
explain_caps (GstHlsInput *self, GstQuery *query)
{
  GstCaps *filter, *result;
  g_autofree gchar *offered = NULL, *taken = NULL;

  gst_query_parse_caps (query, &filter);
  gst_query_parse_caps_result (query, &result);
  if (!filter || gst_caps_is_empty (filter) || !gst_caps_is_empty (result) || !GST_PAD_IS_ACTIVE (self)
      || !g_atomic_int_compare_and_exchange (&self->explained, FALSE, TRUE))
    return;
  result = gst_pad_get_pad_template_caps (GST_PAD (self));
  offered = gst_caps_to_string (filter);
  taken = gst_caps_to_string (result);
  gst_caps_unref (result);
  GST_ELEMENT_WARNING (GST_PAD_PARENT (self), STREAM, FORMAT, ("pad %s cannot take %s: it takes %s",
          GST_PAD_NAME (self), offered, taken), (NULL));
}

static gboolean
gst_hls_input_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION)
    return FALSE;               /* buffers are held until their segment is muxed: not ours to pool */
  if (!gst_pad_query_default (pad, parent, query))
    return FALSE;
  if (GST_QUERY_TYPE (query) == GST_QUERY_CAPS)
    explain_caps (GST_HLS_INPUT (pad), query);
  return TRUE;
}

GstHlsInput *
gst_hls_input_new (HlsInbox *inbox, GstHlsOutput *output, gboolean video,
    GstPadTemplate *templ, const gchar *name)
{
  GstHlsInput *self = g_object_new (GST_TYPE_HLS_INPUT, "name", name,
      "direction", GST_PAD_SINK, "template", templ, NULL);

  self->inbox = inbox;
  self->output = gst_object_ref (output);
  self->video = video;
  gst_hls_input_reset (self);
  gst_pad_set_chain_function (GST_PAD (self), gst_hls_input_chain);
  gst_pad_set_event_function (GST_PAD (self), gst_hls_input_event);
  gst_pad_set_query_function (GST_PAD (self), gst_hls_input_query);
  return self;
}

static void
clear_format (HlsFormat *format)
{
  hls_es_free (format->es);
}

static void
drop_state (GstHlsInput *self)
{
  HlsItem *item;
  HlsFormat *format;

  while ((item = gst_queue_array_pop_head_struct (self->items)))
    clear_item (item);
  while ((item = gst_queue_array_pop_head_struct (self->taken)))
    clear_item (item);
  while ((format = gst_queue_array_pop_head_struct (self->formats)))
    if (format->es != self->es)
      clear_format (format);
  if (self->es_out != self->es)
    g_clear_pointer (&self->es_out, hls_es_free);
  self->es_out = NULL;
  g_clear_pointer (&self->es, hls_es_free);
  gst_clear_caps (&self->caps);
}

void
gst_hls_input_reset (GstHlsInput *self)
{
  drop_state (self);
  gst_segment_init (&self->segment, GST_FORMAT_TIME);
  hls_timing_init (&self->timing, self->video);
  self->item_bytes = self->backlog_bytes = 0;
  self->item_time = self->backlog_time = 0;
  self->last_arrival = 0;
  g_atomic_int_set (&self->explained, FALSE);
  self->known = self->begun = self->reformat = self->stalled = self->flushing = FALSE;
  self->ts_stream = -1;
}

/* --- of the segmenter's thread --- */

void
gst_hls_input_take_items (GstHlsInput *self)
{
  GstQueueArray *items;

  g_mutex_lock (&self->inbox->lock);
  items = self->items;
  self->items = self->taken;
  self->taken = items;
  self->backlog_bytes += self->item_bytes;
  self->backlog_time += self->item_time;
  self->item_bytes = 0;
  self->item_time = 0;
  g_mutex_unlock (&self->inbox->lock);
}

static gboolean
same_format (const HlsEsInfo *a, const HlsEsInfo *b)
{
  return a->stream_type == b->stream_type && a->width == b->width && a->height == b->height
      && a->rate == b->rate && a->channels == b->channels && g_strcmp0 (a->codecs, b->codecs) == 0;
}

static gint64
frame_duration (const HlsEsInfo *info)
{
  if (info->type == HLS_ES_VIDEO)
    return info->fps_n > 0 && info->fps_d > 0
        ? (gint64) gst_util_uint64_scale_int_round (GST_SECOND, info->fps_d, info->fps_n) : 0;
  return info->frame_samples > 0 && info->rate > 0
      ? (gint64) gst_util_uint64_scale_int_round (GST_SECOND, info->frame_samples, info->rate) : 0;
}

gboolean
gst_hls_input_take_caps (GstHlsInput *self, GstCaps *caps, GError **error)
{
  HlsEs *es;

  if (self->caps && gst_caps_is_equal (self->caps, caps))
    return TRUE;
  es = hls_es_new (caps, error);
  if (!es)
    return FALSE;
  if (self->es) {
    /* The old one goes on for what was in before it. */
    HlsFormat format = {.es = es };

    self->reformat = TRUE;
    gst_queue_array_push_tail_struct (self->formats, &format);
  } else
    self->es_out = es;
  self->es = es;
  gst_caps_replace (&self->caps, caps);
  self->timing.default_duration = frame_duration (hls_es_get_info (es));
  return TRUE;
}

/* A format that describes what the one before does is none. */
static void
settle_format (GstHlsInput *self)
{
  HlsFormat *format = gst_queue_array_peek_tail_struct (self->formats);
  guint n = gst_queue_array_get_length (self->formats);
  HlsEs *before = self->es_out;

  if (!self->reformat || !format)
    return;
  if (n > 1)
    before = ((HlsFormat *) gst_queue_array_peek_nth_struct (self->formats, n - 2))->es;
  if (hls_es_is_ready (format->es)
      && same_format (hls_es_get_info (before), hls_es_get_info (format->es)))
    self->reformat = FALSE;
}

gboolean
gst_hls_input_inspect (GstHlsInput *self, HlsFrame *frame, gboolean *reformat, GError **error)
{
  GstBuffer *buffer = frame->data;
  gboolean random_access = FALSE, changed = FALSE, ok;
  HlsFormat *format;
  GstMapInfo map;

  if (!self->es || !gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    g_set_error_literal (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "a buffer that cannot be read");
    return FALSE;
  }
  ok = hls_es_inspect (self->es, map.data, map.size, frame->key, &random_access, &changed, error);
  gst_buffer_unmap (buffer, &map);
  if (!ok)
    return FALSE;
  if (self->timing.default_duration == 0)
    self->timing.default_duration = frame_duration (hls_es_get_info (self->es));
  /* Without parameter sets nothing can be decoded from there. */
  frame->key = random_access && hls_es_is_ready (self->es);
  settle_format (self);
  /* Where nothing came before that could be shown, it is no change. */
  *reformat = self->begun && (self->reformat || changed);
  self->begun |= frame->key;
  self->reformat = FALSE;
  format = gst_queue_array_peek_tail_struct (self->formats);
  if (format && !format->first)
    format->first = buffer;
  return TRUE;
}

void
gst_hls_input_enter_format (GstHlsInput *self, GstBuffer *buffer)
{
  HlsFormat *format = gst_queue_array_peek_head_struct (self->formats);

  if (!format || format->first != buffer)
    return;
  hls_es_free (self->es_out);
  self->es_out = format->es;
  gst_queue_array_pop_head_struct (self->formats);
}

static void
gst_hls_input_finalize (GObject *object)
{
  GstHlsInput *self = GST_HLS_INPUT (object);

  drop_state (self);
  gst_queue_array_free (self->items);
  gst_queue_array_free (self->taken);
  gst_queue_array_free (self->formats);
  gst_object_unref (self->output);
  G_OBJECT_CLASS (gst_hls_input_parent_class)->finalize (object);
}

static void
gst_hls_input_class_init (GstHlsInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_hls_input_finalize;
  GST_DEBUG_CATEGORY_INIT (gst_hls_input_debug, "hlsinput", 0, "Sink pads of hlsoutputgroup");
}

static void
gst_hls_input_init (GstHlsInput *self)
{
  self->items = gst_queue_array_new_for_struct (sizeof (HlsItem), 64);
  self->taken = gst_queue_array_new_for_struct (sizeof (HlsItem), 64);
  self->formats = gst_queue_array_new_for_struct (sizeof (HlsFormat), 2);
}
