/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A segmenter between pads of the test: what goes in on many pads, what comes out in order, events and segments.
 * (GstHarness plays an element with the first pad that is linked, and keeps events apart from buffers.)
 */
#pragma once

#include "encoded.h"

#include "gsthlsinput.h"
#include "gsthlssegmenter.h"

/* GAsyncQueue's lock is inside GLib, where ThreadSanitizer does not see it. */
typedef struct
{
  GMutex lock;
  GCond cond;
  GQueue items;
} Queue;

typedef struct
{
  gchar *track;
  guint64 sequence, size, offset;
  GstClockTime pts, duration;
  gint64 created;
  HlsSegmentExtra extra;
  GByteArray *bytes;
} Segment;

static inline void
segment_free (Segment * s)
{
  g_free (s->track);
  g_byte_array_unref (s->bytes);
  g_free (s);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Segment, segment_free)

/* What came out: read where it came, so that nothing is shared with the thread that brought it. */
typedef struct
{
  Segment *fragment;            /* or an event */
  gboolean last;                /* of its segment */
  GstEventType event;
  GPtrArray *tracks;            /* of HlsTrack: of a tracks event */
} Item;

static inline void
item_free (gpointer data)
{
  Item *item = data;

  g_clear_pointer (&item->fragment, segment_free);
  g_clear_pointer (&item->tracks, g_ptr_array_unref);
  g_free (item);
}

typedef struct
{
  GstElement *element;
  GstPad *sink;
  GstBus *bus;
  Queue out;                    /* of Item, in order */
  GPtrArray *outputs;           /* of GstHlsOutput */
  GPtrArray *inputs;            /* of Input */
  gint flow;                    /* what downstream answers */

  /* as of the last segment pulled */
  GPtrArray *tracks;            /* of HlsTrack */
  guint n_tracks_events;
  gboolean eos;
} Segmenter;

typedef struct
{
  GstPad *src, *pad;
  gboolean live;
  GstClockTime latency;
  Queue upstream;               /* of GstEvent */
  const Encoded *stream;
  guint next;                   /* frame, counted on when the stream is repeated */
  gint64 offset;                /* of its timestamps */
  gint pushed;                  /* atomic */
} Input;

static inline void
queue_init (Queue * q)
{
  g_mutex_init (&q->lock);
  g_cond_init (&q->cond);
  g_queue_init (&q->items);
}

static inline void
queue_push (Queue * q, gpointer object)
{
  g_mutex_lock (&q->lock);
  g_queue_push_tail (&q->items, object);
  g_cond_signal (&q->cond);
  g_mutex_unlock (&q->lock);
}

static inline guint
queue_length (Queue * q)
{
  guint n;

  g_mutex_lock (&q->lock);
  n = g_queue_get_length (&q->items);
  g_mutex_unlock (&q->lock);
  return n;
}

/* NULL: nothing came within the time limit. */
static inline gpointer
queue_pop (Queue * q)
{
  gint64 limit = g_get_monotonic_time () + PATIENCE;
  gpointer object;

  g_mutex_lock (&q->lock);
  while (g_queue_is_empty (&q->items) && g_cond_wait_until (&q->cond, &q->lock, limit));
  object = g_queue_pop_head (&q->items);
  g_mutex_unlock (&q->lock);
  return object;
}

static inline void
queue_clear (Queue * q, GDestroyNotify destroy)
{
  g_queue_clear_full (&q->items, destroy);
  g_mutex_clear (&q->lock);
  g_cond_clear (&q->cond);
}

static inline Segment *
read_fragment (GstBuffer * buffer)
{
  Segment *fragment = g_new0 (Segment, 1);
  GstDeliveryInfo info;
  GError *error = NULL;
  GstMapInfo map;

  fail_unless (gst_delivery_buffer_get_info (buffer, TRUE, &info, &error), "%s", error ? error->message : "");
  fail_unless (info.name == NULL);
  fail_unless_equals_int (info.kind, GST_DELIVERY_KIND_SEGMENT);
  fail_unless (hls_segment_extra_get (gst_delivery_buffer_get_structure (buffer), &fragment->extra));
  fragment->track = g_strdup (info.track);
  fragment->sequence = info.sequence;
  fragment->size = info.size;
  fragment->duration = info.duration;
  fragment->created = info.created;
  fragment->pts = GST_BUFFER_PTS (buffer);
  fragment->offset = GST_BUFFER_OFFSET (buffer);
  fragment->bytes = g_byte_array_new ();
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_byte_array_append (fragment->bytes, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  return fragment;
}

static inline GstFlowReturn
take_buffer (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  Segmenter *s = gst_pad_get_element_private (pad);
  GstFlowReturn flow = g_atomic_int_get (&s->flow);

  if (flow == GST_FLOW_OK) {
    Item *item = g_new0 (Item, 1);

    item->fragment = read_fragment (buffer);
    item->last = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_MARKER);
    queue_push (&s->out, item);
  }
  gst_buffer_unref (buffer);
  return flow;
}

static inline gboolean
take_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  Segmenter *s = gst_pad_get_element_private (pad);
  Item *item = g_new0 (Item, 1);

  item->event = GST_EVENT_TYPE (event);
  item->tracks = hls_tracks_event_parse (event);
  gst_event_unref (event);
  queue_push (&s->out, item);
  return TRUE;
}

static inline Segmenter *
segmenter_new (guint segment_length)
{
  const HlsGroupSettings settings = {.segment_length = segment_length };
  Segmenter *s = g_new0 (Segmenter, 1);
  GstPad *src;

  s->element = gst_object_ref_sink (gst_hls_segmenter_new ());
  gst_hls_segmenter_set_settings (GST_HLS_SEGMENTER (s->element), &settings);
  s->bus = gst_bus_new ();
  gst_element_set_bus (s->element, s->bus);
  queue_init (&s->out);
  s->outputs = g_ptr_array_new_with_free_func (gst_object_unref);
  s->inputs = g_ptr_array_new ();
  s->sink = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_element_private (s->sink, s);
  gst_pad_set_chain_function (s->sink, take_buffer);
  gst_pad_set_event_function (s->sink, take_event);
  gst_pad_set_active (s->sink, TRUE);
  src = gst_element_get_static_pad (s->element, "src");
  fail_unless_equals_int (gst_pad_link (src, s->sink), GST_PAD_LINK_OK);
  gst_object_unref (src);
  return s;
}

static inline gboolean
take_upstream (GstPad * pad, GstObject * parent, GstEvent * event)
{
  Input *in = gst_pad_get_element_private (pad);

  /* That one comes of linking. */
  if (GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE)
    gst_event_unref (event);
  else
    queue_push (&in->upstream, event);
  return TRUE;
}

static inline gboolean
answer_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  Input *in = gst_pad_get_element_private (pad);

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return FALSE;
  gst_query_set_latency (query, in->live, in->latency, GST_CLOCK_TIME_NONE);
  return TRUE;
}

/* Events before the first buffer. */
static inline void
input_begin (Input * in)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_pad_push_event (in->src, gst_event_new_stream_start (GST_PAD_NAME (in->pad))));
  if (in->stream)
    fail_unless (gst_pad_push_event (in->src, gst_event_new_caps (in->stream->caps)));
  fail_unless (gst_pad_push_event (in->src, gst_event_new_segment (&segment)));
}

/* A pad that is linked to nothing. */
static inline GstPad *
segmenter_add_pad (Segmenter * s, const gchar * name)
{
  const gchar *output_name = strchr (name, '_') + 1;
  GstHlsOutput *output = NULL;

  for (guint i = 0; i < s->outputs->len; i++)
    if (g_str_equal (GST_OBJECT_NAME (g_ptr_array_index (s->outputs, i)), output_name))
      output = g_ptr_array_index (s->outputs, i);
  if (!output) {
    output = gst_hls_output_new (output_name);
    g_ptr_array_add (s->outputs, output);
  }
  return gst_hls_segmenter_add_input (GST_HLS_SEGMENTER (s->element), output, g_str_has_prefix (name, "video_"), name);
}

/* @name: "video_high". @stream: what will come, or NULL. */
static inline Input *
segmenter_add (Segmenter * s, const gchar * name, const Encoded * stream)
{
  Input *in = g_new0 (Input, 1);

  in->stream = stream;
  queue_init (&in->upstream);
  in->src = gst_pad_new (name, GST_PAD_SRC);
  gst_pad_set_element_private (in->src, in);
  gst_pad_set_event_function (in->src, take_upstream);
  gst_pad_set_query_function (in->src, answer_query);
  gst_pad_set_active (in->src, TRUE);
  in->pad = gst_object_ref (segmenter_add_pad (s, name));
  fail_unless_equals_int (gst_pad_link (in->src, in->pad), GST_PAD_LINK_OK);
  g_ptr_array_add (s->inputs, in);
  return in;
}

static inline void
segmenter_play (Segmenter * s)
{
  fail_unless (gst_element_set_state (s->element, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
  for (guint i = 0; i < s->inputs->len; i++)
    input_begin (g_ptr_array_index (s->inputs, i));
}

static inline void
segmenter_free (Segmenter * s)
{
  gst_element_set_state (s->element, GST_STATE_NULL);
  for (guint i = 0; i < s->inputs->len; i++) {
    Input *in = g_ptr_array_index (s->inputs, i);

    gst_pad_set_active (in->src, FALSE);
    gst_object_unref (in->src);
    gst_object_unref (in->pad);
    queue_clear (&in->upstream, (GDestroyNotify) gst_event_unref);
    g_free (in);
  }
  g_ptr_array_unref (s->inputs);
  g_ptr_array_unref (s->outputs);
  gst_element_set_bus (s->element, NULL);
  gst_object_unref (s->bus);
  gst_pad_set_active (s->sink, FALSE);
  gst_object_unref (s->sink);
  ASSERT_OBJECT_REFCOUNT (s->element, "segmenter", 1);
  gst_object_unref (s->element);
  queue_clear (&s->out, item_free);
  g_clear_pointer (&s->tracks, g_ptr_array_unref);
  g_free (s);
}

/* The stream's frame @index, repeated behind its end for ever. */
static inline GstBuffer *
input_frame (const Input * in, guint index)
{
  const Encoded *e = in->stream;
  GstBuffer *buffer = gst_buffer_copy (g_ptr_array_index (e->buffers, index % e->buffers->len));
  GstClockTime offset = in->offset + (index / e->buffers->len) * e->length;

  GST_BUFFER_PTS (buffer) += offset;
  if (GST_BUFFER_DTS_IS_VALID (buffer))
    GST_BUFFER_DTS (buffer) += offset;
  return buffer;
}

static inline GstFlowReturn
input_push (Input * in)
{
  GstFlowReturn flow = gst_pad_push (in->src, input_frame (in, in->next++));

  g_atomic_int_inc (&in->pushed);
  return flow;
}

/* Up to the frame that lies at @time of the stream's own. */
static inline void
input_push_until (Input * in, GstClockTime time)
{
  while (gst_util_uint64_scale (in->next, in->stream->length, in->stream->buffers->len) < time)
    fail_unless_equals_int (input_push (in), GST_FLOW_OK);
}

static inline void
input_end (Input * in)
{
  fail_unless (gst_pad_push_event (in->src, gst_event_new_eos ()));
}

/* What comes out next. */
static inline Item *
segmenter_pop (Segmenter * s)
{
  Item *item = queue_pop (&s->out);

  fail_unless (item != NULL, "nothing came out");
  return item;
}

static inline const HlsTrack *
segmenter_track (Segmenter * s, const gchar * name)
{
  for (guint i = 0; s->tracks && i < s->tracks->len; i++) {
    const HlsTrack *track = g_ptr_array_index (s->tracks, i);

    if (g_str_equal (track->name, name))
      return track;
  }
  return NULL;
}

/* The next whole segment; NULL at the end of the stream. */
static inline Segment *
segmenter_pull (Segmenter * s)
{
  Segment *segment = NULL;
  gboolean last = FALSE;

  while (!last && !s->eos) {
    Item *item = segmenter_pop (s);
    Segment *fragment = item->fragment;

    if (item->tracks) {
      g_clear_pointer (&s->tracks, g_ptr_array_unref);
      s->tracks = g_steal_pointer (&item->tracks);
      s->n_tracks_events++;
    }
    s->eos |= item->event == GST_EVENT_EOS;
    if (fragment) {
      fail_unless_equals_uint64 (fragment->offset, segment ? segment->bytes->len : 0);
      if (!segment) {
        segment = g_steal_pointer (&item->fragment);
      } else {
        fail_unless_equals_string (fragment->track, segment->track);
        fail_unless_equals_uint64 (fragment->sequence, segment->sequence);
        g_byte_array_append (segment->bytes, fragment->bytes->data, fragment->bytes->len);
      }
      last = item->last;
    }
    item_free (item);
  }
  fail_unless (!segment || last, "the stream ends within segment %" G_GUINT64_FORMAT, segment ? segment->sequence : 0);
  if (segment)
    fail_unless_equals_uint64 (segment->bytes->len, segment->size);
  return segment;
}

/* The next segment, which is this one. */
static inline Segment *
segmenter_expect (Segmenter * s, const gchar * track, guint64 sequence, GstClockTime pts, GstClockTime duration)
{
  Segment *segment = segmenter_pull (s);

  fail_unless (segment != NULL, "no segment %s %" G_GUINT64_FORMAT, track, sequence);
  fail_unless_equals_string (segment->track, track);
  fail_unless_equals_uint64 (segment->sequence, sequence);
  fail_unless_equals_uint64 (segment->pts, pts);
  fail_unless_equals_uint64 (segment->duration, duration);
  return segment;
}

/* The words of an error or warning. */
static inline gchar *
message_text (GstMessage * message)
{
  g_autoptr (GError) error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  return g_strdup (error->message);
}

/* The next message of @type says @text; with time to come. */
static inline void
expect_message (GstBus * bus, GstMessageType type, const gchar * text)
{
  GstMessage *message = gst_bus_timed_pop_filtered (bus, PATIENCE * 1000, type);
  g_autofree gchar *said = message ? message_text (message) : NULL;

  fail_unless (message != NULL, "no message \"%s\"", text);
  fail_unless (strstr (said, text) != NULL, "\"%s\" is not in \"%s\"", text, said);
  gst_message_unref (message);
}

static inline void
expect_no_message (GstBus * bus)
{
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
  g_autofree gchar *said = message ? message_text (message) : NULL;

  fail_unless (message == NULL, "unexpected: %s", said);
}

/* Whether a streaming thread waits for the others. */
static inline gboolean
input_is_held (const Input * in)
{
  HlsInbox *inbox = GST_HLS_INPUT (in->pad)->inbox;
  gboolean held;

  g_mutex_lock (&inbox->lock);
  held = inbox->blocked > 0;
  g_mutex_unlock (&inbox->lock);
  return held;
}
