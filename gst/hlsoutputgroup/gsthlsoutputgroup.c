/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-hlsoutputgroup
 * @title: hlsoutputgroup
 * @short_description: live HLS for one or two pipelines of a downstream system
 *
 * Takes encoded video and audio, cuts it into HLS segments on keyframes that all
 * renditions share, and puts out, on one source pad per pipeline, everything that is
 * to be published: segments, media playlists, the multivariant playlist, deletions.
 * A sink such as cdnsink or dirsink behind each pad publishes it. It does what the
 * HLS output group of AWS Elemental MediaLive does, and its properties are named
 * after that one's fields.
 *
 * Streams whose pads share what follows the underscore are one output, with one media
 * playlist: `video_high` and `audio_high` are muxed together. An output without video
 * is an audio rendition of the outputs without audio, or a variant of its own where
 * there are none. The settings of an output are a #GstChildProxy child under its name
 * (`high::name-modifier=-1080p`), those of a pipeline are on its pad
 * (`src_1::base-name=curling`).
 *
 * ## Example launch line
 *
 * |[
 * gst-launch-1.0 -e hlsoutputgroup name=hls segment-length=6 \
 *     hls.src_0 ! cdnsink location=https://a.example/live/curling \
 *     hls.src_1 ! cdnsink location=https://b.example/live/curling \
 *     videotestsrc is-live=true ! x264enc ! h264parse ! hls.video_high \
 *     audiotestsrc is-live=true ! avenc_aac ! aacparse ! hls.audio_high
 * ]|
 * publishes one channel to two inputs of a downstream system.
 *
 * |[
 * gst-launch-1.0 hlsoutputgroup name=hls mode=vod hls.src_0 ! dirsink location=/srv/www/film \
 *     filesrc location=film.mp4 ! qtdemux name=d d.video_0 ! hls.video_film d.audio_0 ! hls.audio_film
 * ]|
 * makes a video on demand of a file, without encoding it again.
 *
 * Since: 1.0
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gsthlsoutputgroup.h"
#include "es.h"
#include "gsthlspackager.h"
#include "gsthlspipelinepad.h"
#include "gsthlssegmenter.h"
#include "numbering.h"

GST_DEBUG_CATEGORY_STATIC (gst_hls_output_group_debug);
#define GST_CAT_DEFAULT gst_hls_output_group_debug

#define DEFAULT_MODE HLS_MODE_LIVE
#define DEFAULT_SEGMENT_LENGTH 6
#define DEFAULT_INDEX_N_SEGMENTS 10
#define DEFAULT_KEEP_SEGMENTS 21
#define DEFAULT_PROGRAM_DATE_TIME 1

enum
{
  PROP_0,
  PROP_MODE,
  PROP_SEGMENT_LENGTH,
  PROP_INDEX_N_SEGMENTS,
  PROP_KEEP_SEGMENTS,
  PROP_PROGRAM_DATE_TIME,
};

struct _GstHlsOutputGroup
{
  GstBin parent;

  GstElement *segmenter;
  GstElement *tee;

  /* object lock */
  HlsGroupSettings settings;
  GPtrArray *outputs;           /* of GstHlsOutput */
  GPtrArray *pipelines;         /* of GstHlsPipelinePad */
};

static void child_proxy_init (gpointer iface, gpointer data);

G_DEFINE_FINAL_TYPE_WITH_CODE (GstHlsOutputGroup, gst_hls_output_group, GST_TYPE_BIN,
    G_IMPLEMENT_INTERFACE (GST_TYPE_CHILD_PROXY, child_proxy_init));
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (hlsoutputgroup, "hlsoutputgroup", GST_RANK_NONE,
    GST_TYPE_HLS_OUTPUT_GROUP, GST_DEBUG_CATEGORY_INIT (gst_hls_output_group_debug, "hlsoutputgroup", 0,
        "HLS output group"));

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src_%u",
    GST_PAD_SRC, GST_PAD_REQUEST, GST_STATIC_CAPS (GST_DELIVERY_CAPS));

static GType
hls_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {HLS_MODE_LIVE, "A window of segments slides on", "live"},
    {HLS_MODE_VOD, "All segments stay listed: EVENT while it runs, VOD at its end", "vod"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstHlsOutputGroupMode", values));
  return type;
}

static GType
hls_program_date_time_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {FALSE, "No EXT-X-PROGRAM-DATE-TIME", "exclude"},
    {TRUE, "EXT-X-PROGRAM-DATE-TIME from the system clock", "include"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstHlsProgramDateTime", values));
  return type;
}

/* --- children: outputs, then pipelines --- */

static GObject *
get_child_by_index (GstChildProxy *proxy, guint index)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (proxy);
  gpointer child = NULL;

  GST_OBJECT_LOCK (self);
  if (index < self->outputs->len)
    child = g_ptr_array_index (self->outputs, index);
  else if (index - self->outputs->len < self->pipelines->len)
    child = g_ptr_array_index (self->pipelines, index - self->outputs->len);
  if (child)
    gst_object_ref (child);
  GST_OBJECT_UNLOCK (self);
  return child;
}

static guint
get_children_count (GstChildProxy *proxy)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (proxy);
  guint n;

  GST_OBJECT_LOCK (self);
  n = self->outputs->len + self->pipelines->len;
  GST_OBJECT_UNLOCK (self);
  return n;
}

static GObject *
get_child_by_name (GstChildProxy *proxy, const gchar *name)
{
  guint n = get_children_count (proxy);

  for (guint i = 0; i < n; i++) {
    GObject *child = get_child_by_index (proxy, i);

    if (child && g_strcmp0 (GST_OBJECT_NAME (child), name) == 0)
      return child;
    g_clear_object (&child);
  }
  return NULL;
}

static void
child_proxy_init (gpointer g_iface, gpointer data)
{
  GstChildProxyInterface *iface = g_iface;

  iface->get_child_by_index = get_child_by_index;
  iface->get_child_by_name = get_child_by_name;
  iface->get_children_count = get_children_count;
}

/* (transfer full) */
static GstHlsOutput *
ensure_output (GstHlsOutputGroup *self, const gchar *name)
{
  GObject *child = get_child_by_name (GST_CHILD_PROXY (self), name);
  GstHlsOutput *output;

  if (child && GST_IS_HLS_OUTPUT (child))
    return GST_HLS_OUTPUT (child);
  g_clear_object (&child);
  output = gst_hls_output_new (name);
  GST_OBJECT_LOCK (self);
  g_ptr_array_add (self->outputs, gst_object_ref (output));
  GST_OBJECT_UNLOCK (self);
  gst_child_proxy_child_added (GST_CHILD_PROXY (self), G_OBJECT (output), name);
  return output;
}

static void
drop_output_if_unused (GstHlsOutputGroup *self, const gchar *name)
{
  GstHlsOutput *output = NULL;
  gboolean used = FALSE;

  GST_OBJECT_LOCK (self);
  for (GList *l = GST_ELEMENT (self)->sinkpads; l; l = l->next)
    used |= g_strcmp0 (strchr (GST_PAD_NAME (l->data), '_') + 1, name) == 0;
  for (guint i = 0; i < self->outputs->len && !used; i++) {
    if (g_strcmp0 (GST_OBJECT_NAME (g_ptr_array_index (self->outputs, i)), name) == 0) {
      output = gst_object_ref (g_ptr_array_index (self->outputs, i));
      g_ptr_array_remove_index (self->outputs, i);
      break;
    }
  }
  GST_OBJECT_UNLOCK (self);
  if (output) {
    gst_child_proxy_child_removed (GST_CHILD_PROXY (self), G_OBJECT (output), name);
    gst_object_unref (output);
  }
}

/* --- pads --- */

static gboolean
has_pad (GstHlsOutputGroup *self, const gchar *name)
{
  GstPad *pad = gst_element_get_static_pad (GST_ELEMENT (self), name);

  if (!pad)
    return FALSE;
  gst_object_unref (pad);
  return TRUE;
}

/* @prefix and the given name, or the first free number. NULL, said why, when it cannot be. */
static gchar *
choose_name (GstHlsOutputGroup *self, const gchar *prefix, const gchar *name)
{
  g_autoptr (GError) error = NULL;

  if (!name) {
    for (guint i = 0;; i++) {
      g_autofree gchar *numbered = g_strdup_printf ("%s%u", prefix, i);

      if (!has_pad (self, numbered))
        return g_steal_pointer (&numbered);
    }
  }
  if (has_pad (self, name)) {
    g_warning ("%s: pad name %s is used already; each stream needs one of its own", GST_ELEMENT_NAME (self), name);
    return NULL;
  }
  if (!hls_name_part_is_valid (name + strlen (prefix), &error)) {
    g_warning ("%s: pad name %s cannot be: %s", GST_ELEMENT_NAME (self), name, error->message);
    return NULL;
  }
  return g_strdup (name);
}

static GstPad *
request_sink (GstHlsOutputGroup *self, GstPadTemplate *templ, const gchar *name, gboolean video)
{
  const gchar *prefix = video ? "video_" : "audio_";
  g_autofree gchar *chosen = choose_name (self, prefix, name);
  GstHlsOutput *output;
  GstPad *target, *pad;

  if (!chosen)
    return NULL;
  output = ensure_output (self, chosen + strlen (prefix));
  target = gst_hls_segmenter_add_input (GST_HLS_SEGMENTER (self->segmenter), output, video, chosen);
  pad = gst_ghost_pad_new_from_template (chosen, target, templ);
  gst_object_unref (output);
  gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (GST_ELEMENT (self), pad);
  return pad;
}

static GstPad *
request_src (GstHlsOutputGroup *self, GstPadTemplate *templ, const gchar *name)
{
  g_autofree gchar *chosen = choose_name (self, "src_", name);
  HlsGroupSettings settings;
  GstElement *packager;
  guint64 number;
  GstPad *pad;

  if (!chosen)
    return NULL;
  if (!g_ascii_string_to_unsigned (chosen + 4, 10, 0, G_MAXUINT, &number, NULL) || (chosen[4] == '0' && chosen[5])) {
    g_warning ("%s: pad name %s cannot be: the pipeline's id is a number from 0 to %u without leading zeros",
        GST_ELEMENT_NAME (self), chosen, G_MAXUINT);
    return NULL;
  }
  packager = gst_hls_packager_new ((guint) number);
  GST_OBJECT_LOCK (self);
  settings = self->settings;
  GST_OBJECT_UNLOCK (self);
  gst_hls_packager_set_settings (GST_HLS_PACKAGER (packager), &settings);
  gst_bin_add (GST_BIN (self), packager);
  pad = gst_hls_pipeline_pad_new (chosen, templ, GST_HLS_PACKAGER (packager));
  GST_OBJECT_LOCK (self);
  g_ptr_array_add (self->pipelines, gst_object_ref_sink (pad));
  GST_OBJECT_UNLOCK (self);
  gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (GST_ELEMENT (self), pad);
  gst_child_proxy_child_added (GST_CHILD_PROXY (self), G_OBJECT (pad), chosen);
  gst_element_sync_state_with_parent (packager);
  gst_element_link (self->tee, packager);
  return pad;
}

static GstPad *
gst_hls_output_group_request_new_pad (GstElement *element, GstPadTemplate *templ,
    const gchar *name, const GstCaps *caps)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (element);
  const gchar *wanted = GST_PAD_TEMPLATE_NAME_TEMPLATE (templ);

  if (GST_PAD_TEMPLATE_DIRECTION (templ) == GST_PAD_SRC)
    return request_src (self, templ, name);
  return request_sink (self, templ, name, g_str_has_prefix (wanted, "video_"));
}

static void
release_src (GstHlsOutputGroup *self, GstHlsPipelinePad *pad)
{
  GstElement *packager = GST_ELEMENT (gst_hls_pipeline_pad_get_packager (pad));
  GstPad *sink = gst_element_get_static_pad (packager, "sink");
  GstPad *tee_pad = gst_pad_get_peer (sink);

  if (tee_pad) {
    gst_pad_unlink (tee_pad, sink);
    gst_element_release_request_pad (self->tee, tee_pad);
    gst_object_unref (tee_pad);
  }
  gst_object_unref (sink);
  gst_child_proxy_child_removed (GST_CHILD_PROXY (self), G_OBJECT (pad), GST_PAD_NAME (pad));
  gst_ghost_pad_set_target (GST_GHOST_PAD (pad), NULL);
  gst_element_set_locked_state (packager, TRUE);
  gst_element_set_state (packager, GST_STATE_NULL);
  gst_bin_remove (GST_BIN (self), packager);
  GST_OBJECT_LOCK (self);
  g_ptr_array_remove (self->pipelines, pad);
  GST_OBJECT_UNLOCK (self);
}

static void
gst_hls_output_group_release_pad (GstElement *element, GstPad *pad)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (element);
  GstPad *target = gst_ghost_pad_get_target (GST_GHOST_PAD (pad));

  gst_object_ref (pad);
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
  if (GST_IS_HLS_PIPELINE_PAD (pad)) {
    release_src (self, GST_HLS_PIPELINE_PAD (pad));
  } else {
    /* The group's dispose releases pads as well, after its elements are gone. */
    GstElement *segmenter = target ? gst_pad_get_parent_element (target) : NULL;

    gst_ghost_pad_set_target (GST_GHOST_PAD (pad), NULL);
    if (segmenter) {
      gst_element_release_request_pad (segmenter, target);
      gst_object_unref (segmenter);
    }
    drop_output_if_unused (self, strchr (GST_PAD_NAME (pad), '_') + 1);
  }
  gst_clear_object (&target);
  gst_object_unref (pad);
}

/* --- states and properties --- */

static void
hand_out_settings (GstHlsOutputGroup *self)
{
  HlsGroupSettings settings;

  GST_OBJECT_LOCK (self);
  settings = self->settings;
  GST_OBJECT_UNLOCK (self);
  if (settings.keep_segments < settings.index_n_segments) {
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("keep-segments=%u is less than index-n-segments=%u; what is "
            "still listed, or was until lately (RFC 8216bis 6.2.2), is kept all the same", settings.keep_segments,
            settings.index_n_segments), (NULL));
  }
  gst_hls_segmenter_set_settings (GST_HLS_SEGMENTER (self->segmenter), &settings);
  GST_OBJECT_LOCK (self);
  for (guint i = 0; i < self->pipelines->len; i++)
    gst_hls_packager_set_settings (gst_hls_pipeline_pad_get_packager (g_ptr_array_index (self->pipelines, i)),
        &settings);
  GST_OBJECT_UNLOCK (self);
}

static GstStateChangeReturn
gst_hls_output_group_change_state (GstElement *element, GstStateChange transition)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (element);

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    hand_out_settings (self);
    if (GST_ELEMENT (self)->numsrcpads == 0)
      GST_ELEMENT_WARNING (self, CORE, PAD, ("no pipeline: nothing is published until a sink such as cdnsink is linked "
              "to a pad src_0"), (NULL));
  }
  return GST_ELEMENT_CLASS (gst_hls_output_group_parent_class)->change_state (element, transition);
}

static void
gst_hls_output_group_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_MODE:
      self->settings.mode = g_value_get_enum (value);
      break;
    case PROP_SEGMENT_LENGTH:
      self->settings.segment_length = g_value_get_uint (value);
      break;
    case PROP_INDEX_N_SEGMENTS:
      self->settings.index_n_segments = g_value_get_uint (value);
      break;
    case PROP_KEEP_SEGMENTS:
      self->settings.keep_segments = g_value_get_uint (value);
      break;
    case PROP_PROGRAM_DATE_TIME:
      self->settings.program_date_time = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_hls_output_group_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_MODE:
      g_value_set_enum (value, self->settings.mode);
      break;
    case PROP_SEGMENT_LENGTH:
      g_value_set_uint (value, self->settings.segment_length);
      break;
    case PROP_INDEX_N_SEGMENTS:
      g_value_set_uint (value, self->settings.index_n_segments);
      break;
    case PROP_KEEP_SEGMENTS:
      g_value_set_uint (value, self->settings.keep_segments);
      break;
    case PROP_PROGRAM_DATE_TIME:
      g_value_set_enum (value, self->settings.program_date_time);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_hls_output_group_finalize (GObject *object)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (object);

  g_ptr_array_unref (self->outputs);
  g_ptr_array_unref (self->pipelines);
  G_OBJECT_CLASS (gst_hls_output_group_parent_class)->finalize (object);
}

static void
gst_hls_output_group_dispose (GObject *object)
{
  GstHlsOutputGroup *self = GST_HLS_OUTPUT_GROUP (object);

  /* Pipeline pads hold their packagers. */
  GST_OBJECT_LOCK (self);
  g_ptr_array_set_size (self->pipelines, 0);
  GST_OBJECT_UNLOCK (self);
  G_OBJECT_CLASS (gst_hls_output_group_parent_class)->dispose (object);
}

static void
add_sink_template (GstElementClass *klass, const gchar *name, HlsEsType type)
{
  GstCaps *caps = hls_es_ts_caps (type);

  gst_element_class_add_pad_template (klass, gst_pad_template_new (name, GST_PAD_SINK, GST_PAD_REQUEST, caps));
  gst_caps_unref (caps);
}

static void
gst_hls_output_group_class_init (GstHlsOutputGroupClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  object_class->set_property = gst_hls_output_group_set_property;
  object_class->get_property = gst_hls_output_group_get_property;
  object_class->dispose = gst_hls_output_group_dispose;
  object_class->finalize = gst_hls_output_group_finalize;
  element_class->request_new_pad = gst_hls_output_group_request_new_pad;
  element_class->release_pad = gst_hls_output_group_release_pad;
  element_class->change_state = gst_hls_output_group_change_state;

  /**
   * GstHlsOutputGroup:mode:
   *
   * MediaLive: mode.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_MODE,
      g_param_spec_enum ("mode", "Mode", "Whether segments leave the playlist again (live) or stay (vod)",
          hls_mode_get_type (), DEFAULT_MODE, flags));
  /**
   * GstHlsOutputGroup:segment-length:
   *
   * MediaLive: segmentLength. A segment ends at the first keyframe at or after this; encoders are asked for
   * one there.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_SEGMENT_LENGTH,
      g_param_spec_uint ("segment-length", "Segment length", "Length of a segment in seconds", 1, 3600,
          DEFAULT_SEGMENT_LENGTH, flags));
  /**
   * GstHlsOutputGroup:index-n-segments:
   *
   * MediaLive: indexNSegments.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_INDEX_N_SEGMENTS,
      g_param_spec_uint ("index-n-segments", "Segments in the playlist",
          "How many segments a live media playlist lists", 3, G_MAXINT, DEFAULT_INDEX_N_SEGMENTS, flags));
  /**
   * GstHlsOutputGroup:keep-segments:
   *
   * MediaLive: keepSegments. Segments that a player may still ask for by RFC 8216bis 6.2.2 are kept
   * whatever this says: the default is exactly that for the default of #GstHlsOutputGroup:index-n-segments.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_KEEP_SEGMENTS,
      g_param_spec_uint ("keep-segments", "Segments kept",
          "How many segments stay at the destination, in live mode", 1, G_MAXINT, DEFAULT_KEEP_SEGMENTS, flags));
  /**
   * GstHlsOutputGroup:program-date-time:
   *
   * MediaLive: programDateTime.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_PROGRAM_DATE_TIME,
      g_param_spec_enum ("program-date-time", "Program date time", "Whether playlists say the time of day of segments",
          hls_program_date_time_get_type (), DEFAULT_PROGRAM_DATE_TIME, flags));

  add_sink_template (element_class, "video_%s", HLS_ES_VIDEO);
  add_sink_template (element_class, "audio_%s", HLS_ES_AUDIO);
  gst_element_class_add_static_pad_template_with_gtype (element_class, &src_template, GST_TYPE_HLS_PIPELINE_PAD);
  gst_element_class_set_static_metadata (element_class, "HLS output group", "Muxer/Sink/Network",
      "Cuts encoded streams into HLS segments and playlists for one or two pipelines of a downstream system",
      "The gst-output-groups developers");
  gst_type_mark_as_plugin_api (hls_mode_get_type (), 0);
  gst_type_mark_as_plugin_api (hls_program_date_time_get_type (), 0);
  gst_type_mark_as_plugin_api (GST_TYPE_HLS_PIPELINE_PAD, 0);
}

static void
gst_hls_output_group_init (GstHlsOutputGroup *self)
{
  self->settings = (HlsGroupSettings) {
    .mode = DEFAULT_MODE,
    .segment_length = DEFAULT_SEGMENT_LENGTH,
    .index_n_segments = DEFAULT_INDEX_N_SEGMENTS,
    .keep_segments = DEFAULT_KEEP_SEGMENTS,
    .program_date_time = DEFAULT_PROGRAM_DATE_TIME,
  };
  self->outputs = g_ptr_array_new_with_free_func (gst_object_unref);
  self->pipelines = g_ptr_array_new_with_free_func (gst_object_unref);
  self->segmenter = gst_hls_segmenter_new ();
  self->tee = gst_element_factory_make ("tee", "tee");
  /* A pipeline that nobody linked is another machine's. */
  g_object_set (self->tee, "allow-not-linked", TRUE, NULL);
  gst_bin_add_many (GST_BIN (self), self->segmenter, self->tee, NULL);
  gst_element_link (self->segmenter, self->tee);
}
