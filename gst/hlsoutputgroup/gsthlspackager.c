/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hlspackager: one per pipeline of an hlsoutputgroup. It names the segments for its pipeline, keeps that
 * pipeline's playlists and adds them, and the deletes, to the stream; and it answers what its sink
 * reports as lost. Private to hlsoutputgroup.
 *
 * Two kinds of threads: the streaming thread, and any of the sink's workers in the lost query.
 * Playlists and what is counted for them are under one mutex, held across no push and no query.
 * Everything else belongs to the streaming thread.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gsthlspackager.h"
#include "numbering.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (gst_hls_packager_debug);
#define GST_CAT_DEFAULT gst_hls_packager_debug

#define PLAYLIST_CONTENT_TYPE "application/vnd.apple.mpegurl"
#define SEGMENT_CACHE_CONTROL "public, max-age=31536000, immutable"
/* An ended playlist changes only for a loss reported late, or when its name is used again. */
#define ENDED_MAX_AGE 3600

typedef struct {
  HlsTrack *info;               /* streaming thread */

  /* The mutex guards writing all of these, and reading them outside the streaming thread. */
  HlsMediaPlaylist *playlist;   /* NULL before the first segment */
  gchar *playlist_name;
  guint target_duration;        /* seconds */
  gint64 created;               /* of the newest segment */
  guint64 losses;               /* names the sink told lost */
  guint64 published_bandwidth;  /* as it stands in the multivariant playlist */
  guint n_segments;
  gboolean ended;               /* its playlist has ENDLIST */
  gboolean gone;                /* left out of the newest tracks event */
  gboolean unlisted;            /* and out of the multivariant playlist */

  /* The segment on its way, until its MARKER. */
  gchar *name;
  guint64 sequence;
  guint64 bytes;
  gboolean lost;                /* given up by the sink before it was complete */
} Track;

struct _GstHlsPackager {
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;
  guint pipeline;
  HlsGroupSettings settings;    /* before PAUSED */
  gchar *wanted_base_name;      /* before PAUSED */

  GMutex lock;
  GPtrArray *tracks;            /* of Track, in the event's order, then those that are gone */
  gchar *base_name;             /* of this run; streaming thread */
  gchar *multivariant_name;
  gchar *multivariant;          /* as last pushed */
  guint64 multivariant_revision;
  gboolean multivariant_stale;
};

G_DEFINE_TYPE (GstHlsPackager, gst_hls_packager, GST_TYPE_ELEMENT)

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (HLS_SEGMENT_CAPS));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (GST_DELIVERY_CAPS));

static void
track_drop_segment (Track * track)
{
  g_clear_pointer (&track->name, g_free);
  track->bytes = 0;
  track->lost = FALSE;
}

/* The count of losses stays: the sink's does as well. */
static void
track_drop_playlist (Track * track)
{
  g_clear_pointer (&track->playlist, hls_media_playlist_free);
  g_clear_pointer (&track->playlist_name, g_free);
  track->published_bandwidth = 0;
  track->n_segments = 0;
  track->ended = track->unlisted = FALSE;
}

static void
track_free (gpointer data)
{
  Track *track = data;

  track_drop_segment (track);
  track_drop_playlist (track);
  hls_track_free (track->info);
  g_free (track);
}

static Track *
find_track (GstHlsPackager * self, const gchar * name)
{
  guint i;

  for (i = 0; i < self->tracks->len; i++) {
    Track *track = g_ptr_array_index (self->tracks, i);

    if (g_strcmp0 (track->info->name, name) == 0)
      return track;
  }
  return NULL;
}

/* A name is one path component of a relative reference: whatever is not plain is escaped, the colon
 * too, which would make it look like a scheme. */
static gchar *
name_to_uri (const gchar * name)
{
  return g_uri_escape_string (name, "!$&'()*+,;=@", FALSE);
}

/* --- playlists, under the mutex --- */

static GstBuffer *
new_playlist_object (GstHlsPackager * self, GstDeliveryInfo * info, guint target_duration, gboolean ended,
    gchar * text)
{
  gsize size = strlen (text);
  GBytes *bytes = g_bytes_new_take (text, size);
  gchar cache_control[32];

  /* Half the target duration: what a player may wait before it asks again. */
  g_snprintf (cache_control, sizeof (cache_control), "max-age=%u",
      ended && self->settings.mode == HLS_MODE_VOD ? ENDED_MAX_AGE : MAX (target_duration / 2, 1));
  info->content_type = PLAYLIST_CONTENT_TYPE;
  info->cache_control = cache_control;
  info->duration = target_duration * GST_SECOND;
  info->size = size;
  return gst_delivery_buffer_new_object (info, bytes);
}

/* NULL where the revision can no longer be written. */
static GstBuffer *
write_playlist (GstHlsPackager * self, Track * track, guint64 revision)
{
  gchar *text = hls_media_playlist_write (track->playlist, revision);
  GstDeliveryInfo info = {
    .name = track->playlist_name,
    .kind = GST_DELIVERY_KIND_PLAYLIST,
    .track = track->info->name,
    .sequence = revision,
    .created = track->created,
    .losses = track->losses,
  };

  return text ? new_playlist_object (self, &info, track->target_duration, track->ended, text) : NULL;
}

/* Ends the playlist and queues it for the last time. */
static void
end_track (GstHlsPackager * self, Track * track, GQueue * out)
{
  track_drop_segment (track);
  if (!track->playlist || track->ended)
    return;
  hls_media_playlist_end (track->playlist);
  track->ended = TRUE;
  g_queue_push_tail (out, write_playlist (self, track, hls_media_playlist_get_revision (track->playlist)));
}

/* The first one waits for all renditions, so that no player misses one; but no longer than one segment. */
static gboolean
multivariant_is_ready (GstHlsPackager * self)
{
  gboolean waiting = FALSE, waited = FALSE;
  guint i;

  for (i = 0; i < self->tracks->len; i++) {
    Track *track = g_ptr_array_index (self->tracks, i);

    if (track->gone)
      continue;
    waiting |= track->playlist == NULL;
    waited |= track->n_segments > 1 || track->ended;
  }
  return !waiting || waited || self->multivariant_revision > 0;
}

/* Streams never end in the same instant: a track leaves the multivariant playlist only once another has gone on
 * for a segment after it, so that the end of all of them leaves it whole. */
static void
unlist_tracks (GstHlsPackager * self, guint64 sequence)
{
  guint i;

  for (i = 0; i < self->tracks->len; i++) {
    Track *track = g_ptr_array_index (self->tracks, i);

    if (track->gone && !track->unlisted && track->playlist
        && sequence > hls_media_playlist_get_revision (track->playlist)) {
      track->unlisted = TRUE;
      self->multivariant_stale = TRUE;
    }
  }
}

/* Queues the multivariant playlist if it says something new. */
static void
update_multivariant (GstHlsPackager * self, GQueue * out)
{
  g_autofree HlsVariant *variants = NULL;
  g_autofree gchar *text = NULL;
  GstDeliveryInfo info = {.kind = GST_DELIVERY_KIND_MULTIVARIANT,.track = "" };
  GPtrArray *uris;
  gboolean ended = TRUE;
  guint i, n = 0, target_duration = 0;

  if (!self->multivariant_stale || !multivariant_is_ready (self))
    return;

  variants = g_new0 (HlsVariant, self->tracks->len);
  uris = g_ptr_array_new_with_free_func (g_free);
  for (i = 0; i < self->tracks->len; i++) {
    Track *track = g_ptr_array_index (self->tracks, i);
    HlsVariant *variant = &variants[n];

    if (track->unlisted || !track->playlist)
      continue;
    variant->uri = name_to_uri (track->playlist_name);
    g_ptr_array_add (uris, (gpointer) variant->uri);
    variant->codecs = track->info->codecs;
    variant->width = track->info->width;
    variant->height = track->info->height;
    variant->fps_n = track->info->fps_n;
    variant->fps_d = track->info->fps_d;
    variant->video = track->info->video;
    variant->audio = track->info->audio;
    variant->name = track->info->name;
    variant->language = track->info->language;
    variant->channels = track->info->channels;
    variant->bandwidth = track->published_bandwidth = hls_media_playlist_get_bandwidth (track->playlist);
    variant->average_bandwidth = hls_media_playlist_get_average_bandwidth (track->playlist);
    target_duration = MAX (target_duration, track->target_duration);
    info.created = MAX (info.created, track->created);
    ended &= track->ended;
    n++;
  }

  if (n > 0) {
    self->multivariant_stale = FALSE;
    text = hls_multivariant_write (variants, n);
    if (g_strcmp0 (text, self->multivariant) != 0) {
      g_free (self->multivariant);
      self->multivariant = g_strdup (text);
      info.name = self->multivariant_name;
      info.sequence = ++self->multivariant_revision;
      g_queue_push_tail (out, new_playlist_object (self, &info, target_duration, ended, g_steal_pointer (&text)));
    }
  }
  g_ptr_array_unref (uris);
}

/* Queues a delete for every segment no player can want any more. */
static void
expire_segments (Track * track, GQueue * out)
{
  HlsSegment *segment;
  GstClockTime hold;
  guint64 revision;

  while ((segment = hls_media_playlist_pop_expired (track->playlist, &revision, &hold))) {
    GstDeliveryInfo info = {
      .name = segment->name,
      .kind = GST_DELIVERY_KIND_DELETE,
      .track = track->info->name,
      .sequence = revision,
      .duration = hold,
    };

    /* A gap without bytes was never made. */
    if (segment->size > 0)
      g_queue_push_tail (out, gst_delivery_buffer_new_object (&info, NULL));
    hls_segment_free (segment);
  }
}

/* --- streaming thread --- */

static GstFlowReturn
push_all (GstHlsPackager * self, GQueue * out)
{
  GstFlowReturn flow = GST_FLOW_OK;
  GstBuffer *buffer;

  while ((buffer = g_queue_pop_head (out))) {
    if (flow == GST_FLOW_OK)
      flow = gst_pad_push (self->srcpad, buffer);
    else
      gst_buffer_unref (buffer);
  }
  return flow;
}

static gboolean
resolve_base_name (GstHlsPackager * self)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *name = g_strdup (self->wanted_base_name);

  if (!name) {
    GstQuery *query = gst_delivery_query_new_destination ();

    if (gst_pad_peer_query (self->srcpad, query))
      name = g_strdup (gst_delivery_query_get_destination (query));
    gst_query_unref (query);
  }
  if (!name || !*name) {
    g_free (name);
    name = g_strdup ("index");
  }
  if (!hls_name_part_is_valid (name, &error)) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("pipeline %u: bad base name: %s", self->pipeline, error->message),
        ("it is the last component of the sink's location, or the pad's base-name"));
    return FALSE;
  }

  g_mutex_lock (&self->lock);
  self->base_name = g_steal_pointer (&name);
  self->multivariant_name = hls_playlist_name (self->base_name, NULL);
  g_mutex_unlock (&self->lock);
  GST_INFO_OBJECT (self, "pipeline %u publishes as %s", self->pipeline, self->multivariant_name);
  return TRUE;
}

static void
begin_segment (GstHlsPackager * self, Track * track, guint64 sequence)
{
  g_mutex_lock (&self->lock);
  track_drop_segment (track);
  track->name = hls_segment_name (self->base_name, track->info->name_modifier, track->info->segment_modifier,
      sequence, track->info->extension);
  track->sequence = sequence;
  g_mutex_unlock (&self->lock);
}

/* Takes the complete segment into its playlist. FALSE, posted, where it does not fit there. */
static gboolean
append_segment (GstHlsPackager * self, Track * track, const GstDeliveryInfo * info, const HlsSegmentExtra * extra)
{
  HlsSegment segment = {
    .sequence = info->sequence,
    .duration = info->duration,
    .size = track->bytes,
    .program_date_time = extra->program_date_time,
    .discontinuity = extra->discontinuity,
  };
  guint64 expected = info->sequence;
  gboolean taken = FALSE;

  if (!GST_CLOCK_TIME_IS_VALID (info->duration) || extra->target_duration == 0) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("output %s: segment %" G_GUINT64_FORMAT " has no %s",
            info->track, info->sequence, extra->target_duration ? "duration" : "target duration"), (NULL));
    return FALSE;
  }

  g_mutex_lock (&self->lock);
  if (track->ended)
    track_drop_playlist (track);
  if (!track->playlist) {
    HlsMediaPlaylistConfig config = {
      .mode = self->settings.mode,
      .target_duration = extra->target_duration,
      .window = self->settings.index_n_segments,
      .keep = self->settings.keep_segments,
      .program_date_time = self->settings.program_date_time,
    };

    track->playlist = hls_media_playlist_new (&config);
    track->playlist_name = hls_playlist_name (self->base_name, track->info->name_modifier);
    track->target_duration = extra->target_duration;
    self->multivariant_stale = TRUE;
  } else {
    expected = hls_media_playlist_get_revision (track->playlist) + 1;
  }
  if (info->sequence == expected) {
    segment.gap = extra->gap || track->lost;
    segment.uri = name_to_uri (track->name);
    segment.name = g_steal_pointer (&track->name);
    taken = hls_media_playlist_append (track->playlist, &segment);
    track->n_segments++;
    track->created = info->created;
    if (hls_media_playlist_get_bandwidth (track->playlist) > track->published_bandwidth)
      self->multivariant_stale = TRUE;
    unlist_tracks (self, info->sequence);
  }
  track_drop_segment (track);
  g_mutex_unlock (&self->lock);

  if (!taken)
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("output %s: segment %" G_GUINT64_FORMAT " came where %" G_GUINT64_FORMAT
            " was due", info->track, info->sequence, expected), (NULL));
  return taken;
}

static GstFlowReturn
push_playlists (GstHlsPackager * self, Track * track)
{
  GQueue out = G_QUEUE_INIT;

  g_mutex_lock (&self->lock);
  g_queue_push_tail (&out, write_playlist (self, track, hls_media_playlist_get_revision (track->playlist)));
  update_multivariant (self, &out);
  expire_segments (track, &out);
  g_mutex_unlock (&self->lock);
  return push_all (self, &out);
}

/* The same bytes under this pipeline's name. */
static GstBuffer *
name_fragment (Track * track, GstBuffer * buffer, const GstDeliveryInfo * info, gboolean last)
{
  GstDeliveryInfo named = *info;
  GstBuffer *out = gst_buffer_copy_region (buffer,
      GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_MEMORY, 0, -1);

  named.name = track->name;
  named.content_type = track->info->content_type;
  named.cache_control = SEGMENT_CACHE_CONTROL;
  if (last)
    named.size = track->bytes;
  gst_delivery_buffer_add_info (out, &named);
  return out;
}

static GstFlowReturn
gst_hls_packager_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  GstHlsPackager *self = GST_HLS_PACKAGER (parent);
  const gboolean last = GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_MARKER);
  HlsSegmentExtra extra = { 0, };
  GstFlowReturn flow = GST_FLOW_ERROR;
  GstBuffer *out = NULL;
  GstDeliveryInfo info;
  GError *error = NULL;
  Track *track;

  if (!gst_delivery_buffer_get_info (buffer, TRUE, &info, &error)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", error->message), (NULL));
    g_error_free (error);
    goto done;
  }
  track = find_track (self, info.track);
  if (info.kind != GST_DELIVERY_KIND_SEGMENT || !track || track->gone) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s of output %s: only segments of outputs that the tracks event names are "
            "expected", gst_delivery_kind_to_string (info.kind), info.track), (NULL));
    goto done;
  }
  if (last && !hls_segment_extra_get (gst_delivery_buffer_get_structure (buffer), &extra)) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("output %s: the last fragment of segment %" G_GUINT64_FORMAT
            " lacks its date or target duration", info.track, info.sequence), (NULL));
    goto done;
  }
  if (!self->base_name && !resolve_base_name (self))
    goto done;

  if (!track->name || track->sequence != info.sequence) {
    /* Linked or flushed in the middle of it: half a segment is none. */
    if (!extra.gap && GST_BUFFER_OFFSET (buffer) != 0) {
      flow = GST_FLOW_OK;
      goto done;
    }
    begin_segment (self, track, info.sequence);
  }
  if (!extra.gap) {
    track->bytes += gst_buffer_get_size (buffer);
    out = name_fragment (track, buffer, &info, last);
  }
  /* In its playlist before its last fragment goes out: the sink may report it lost from then on. */
  if (last && !append_segment (self, track, &info, &extra)) {
    gst_clear_buffer (&out);
    goto done;
  }
  flow = out ? gst_pad_push (self->srcpad, out) : GST_FLOW_OK;
  if (last && flow == GST_FLOW_OK)
    flow = push_playlists (self, track);

done:
  gst_buffer_unref (buffer);
  return flow;
}

/* Each track has a playlist of its own, and the multivariant playlist has the name without modifier. */
static gboolean
check_names (GstHlsPackager * self, GPtrArray * infos)
{
  guint i, j;

  for (i = 0; i < infos->len; i++) {
    const HlsTrack *info = g_ptr_array_index (infos, i);

    if (!info->name_modifier || !*info->name_modifier) {
      GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("output %s: name-modifier is empty; it must not be, as its "
              "playlist would take the multivariant playlist's name", info->name), (NULL));
      return FALSE;
    }
    for (j = 0; j < i; j++) {
      const HlsTrack *other = g_ptr_array_index (infos, j);

      if (strcmp (info->name_modifier, other->name_modifier) == 0) {
        GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("outputs %s and %s: name-modifier \"%s\" is used twice; each "
                "output needs its own", other->name, info->name, info->name_modifier), (NULL));
        return FALSE;
      }
    }
  }
  return TRUE;
}

/* Takes the members of @infos. */
static void
take_tracks (GstHlsPackager * self, GPtrArray * infos)
{
  GPtrArray *tracks = g_ptr_array_new_with_free_func (track_free);
  GQueue out = G_QUEUE_INIT;

  g_mutex_lock (&self->lock);
  while (infos->len > 0) {
    HlsTrack *info = g_ptr_array_steal_index (infos, 0);
    Track *track = find_track (self, info->name);
    guint index;

    if (!track) {
      track = g_new0 (Track, 1);
    } else {
      g_ptr_array_find (self->tracks, track, &index);
      g_ptr_array_steal_index (self->tracks, index);
      if (track->gone)
        track_drop_playlist (track);
      hls_track_free (track->info);
    }
    track->info = info;
    track->gone = FALSE;
    g_ptr_array_add (tracks, track);
  }
  /* Kept: the sink may still report losses of theirs. */
  while (self->tracks->len > 0) {
    Track *track = g_ptr_array_steal_index (self->tracks, 0);

    end_track (self, track, &out);
    track->gone = TRUE;
    g_ptr_array_add (tracks, track);
  }
  g_ptr_array_unref (self->tracks);
  self->tracks = tracks;
  self->multivariant_stale = TRUE;
  update_multivariant (self, &out);
  g_mutex_unlock (&self->lock);
  push_all (self, &out);
}

static void
finish (GstHlsPackager * self)
{
  GQueue out = G_QUEUE_INIT;
  guint i;

  g_mutex_lock (&self->lock);
  for (i = 0; i < self->tracks->len; i++)
    end_track (self, g_ptr_array_index (self->tracks, i), &out);
  self->multivariant_stale = TRUE;
  update_multivariant (self, &out);
  g_mutex_unlock (&self->lock);
  push_all (self, &out);
}

static void
drop_unfinished (GstHlsPackager * self)
{
  guint i;

  g_mutex_lock (&self->lock);
  for (i = 0; i < self->tracks->len; i++)
    track_drop_segment (g_ptr_array_index (self->tracks, i));
  g_mutex_unlock (&self->lock);
}

static gboolean
gst_hls_packager_sink_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  GstHlsPackager *self = GST_HLS_PACKAGER (parent);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_CAPS:{
      GstCaps *caps = gst_static_pad_template_get_caps (&src_template);
      gboolean result = gst_pad_push_event (self->srcpad, gst_event_new_caps (caps));

      gst_caps_unref (caps);
      gst_event_unref (event);
      return result;
    }
    case GST_EVENT_CUSTOM_DOWNSTREAM_STICKY:{
      GPtrArray *infos = hls_tracks_event_parse (event);
      gboolean result;

      if (!infos)
        break;
      result = check_names (self, infos);
      if (result)
        take_tracks (self, infos);
      g_ptr_array_unref (infos);
      gst_event_unref (event);
      return result;
    }
    case GST_EVENT_FLUSH_STOP:
      drop_unfinished (self);
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      if (!hls_event_is_end (event))
        break;
      finish (self);
      gst_event_unref (event);
      return TRUE;
    case GST_EVENT_EOS:
      finish (self);
      break;
    default:
      break;
  }
  return gst_pad_event_default (pad, parent, event);
}

/* --- the sink's workers --- */

static gboolean
gst_hls_packager_src_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstHlsPackager *self = GST_HLS_PACKAGER (parent);
  const gchar *name, *playlist;
  GstBuffer *buffer = NULL;
  g_auto (GStrv) lost = NULL;
  guint64 revision;
  Track *track;
  guint i;

  if (!gst_delivery_query_is_lost (query))
    return gst_pad_query_default (pad, parent, query);
  gst_delivery_query_parse_lost (query, &name, &lost, &playlist, &revision);

  g_mutex_lock (&self->lock);
  track = find_track (self, name);
  for (i = 0; track && lost && lost[i]; i++) {
    track->losses++;
    if (g_strcmp0 (lost[i], track->name) == 0)
      track->lost = TRUE;
    else if (track->playlist)
      hls_media_playlist_mark_gap (track->playlist, lost[i]);
  }
  if (track && track->playlist && playlist && strcmp (playlist, track->playlist_name) == 0)
    buffer = write_playlist (self, track, revision);
  g_mutex_unlock (&self->lock);

  GST_DEBUG_OBJECT (self, "output %s: %u lost, revision %" G_GUINT64_FORMAT " %s", name, i, revision,
      buffer ? "written again" : "not written");
  if (buffer)
    gst_delivery_query_set_playlist (query, buffer);
  return track != NULL;
}

/* --- element --- */

static void
reset (GstHlsPackager * self)
{
  g_mutex_lock (&self->lock);
  g_ptr_array_set_size (self->tracks, 0);
  g_clear_pointer (&self->base_name, g_free);
  g_clear_pointer (&self->multivariant_name, g_free);
  g_clear_pointer (&self->multivariant, g_free);
  self->multivariant_revision = 0;
  self->multivariant_stale = FALSE;
  g_mutex_unlock (&self->lock);
}

static GstStateChangeReturn
gst_hls_packager_change_state (GstElement * element, GstStateChange transition)
{
  GstStateChangeReturn result =
      GST_ELEMENT_CLASS (gst_hls_packager_parent_class)->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    reset (GST_HLS_PACKAGER (element));
  return result;
}

static void
gst_hls_packager_finalize (GObject * object)
{
  GstHlsPackager *self = GST_HLS_PACKAGER (object);

  reset (self);
  g_ptr_array_unref (self->tracks);
  g_free (self->wanted_base_name);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gst_hls_packager_parent_class)->finalize (object);
}

static void
gst_hls_packager_class_init (GstHlsPackagerClass * klass)
{
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gst_hls_packager_finalize;
  element_class->change_state = gst_hls_packager_change_state;
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "HLS packager", "Formatter/Network",
      "Names the segments of one pipeline of an HLS output group and writes its playlists",
      "gst-output-groups");
  GST_DEBUG_CATEGORY_INIT (gst_hls_packager_debug, "hlspackager", 0, "HLS packager");
}

static void
gst_hls_packager_init (GstHlsPackager * self)
{
  g_mutex_init (&self->lock);
  self->tracks = g_ptr_array_new_with_free_func (track_free);
  self->settings = (HlsGroupSettings) {
    .mode = HLS_MODE_LIVE,.segment_length = 10,.index_n_segments = 10,.keep_segments = 21,.program_date_time = TRUE,
  };

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_hls_packager_chain);
  gst_pad_set_event_function (self->sinkpad, gst_hls_packager_sink_event);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_query_function (self->srcpad, gst_hls_packager_src_query);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}

GstElement *
gst_hls_packager_new (guint pipeline)
{
  g_autofree gchar *name = g_strdup_printf ("hlspackager%u", pipeline);
  GstHlsPackager *self = g_object_new (GST_TYPE_HLS_PACKAGER, "name", name, NULL);

  self->pipeline = pipeline;
  return GST_ELEMENT (self);
}

void
gst_hls_packager_set_settings (GstHlsPackager * self, const HlsGroupSettings * settings)
{
  self->settings = *settings;
}

void
gst_hls_packager_set_base_name (GstHlsPackager * self, const gchar * base_name)
{
  g_free (self->wanted_base_name);
  self->wanted_base_name = g_strdup (base_name);
}
