/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's face: properties, states, the streaming thread. What is published
 * when is decided in gstdeliveryqueue.c, and done in gstdeliveryworker.c.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/**
 * SECTION:gstdeliverysink
 * @title: GstDeliverySink
 * @short_description: base class of the sinks that publish delivery objects
 *
 * Objects come in as buffers with a meta (#GstDeliveryInfo) and are published by a
 * pool of worker threads: media in the order of arrival, a playlist once all that came
 * before it in its track is there, deletes last.
 *
 * A live pipeline is never blocked. Media that cannot be published in time is lost, and
 * whoever writes the playlists is told. A pipeline that is not live waits instead.
 *
 * ## Element messages
 *
 * - `delivery-published`: name, kind, track (strings), sequence, bytes (uint64), attempts
 *   (uint), latency (uint64, ns since the object was made)
 * - `delivery-lost`: name, kind, track, sequence, bytes, reason (string), status (uint, of
 *   the protocol, 0 if there was none)
 * - `delivery-state`: state ("publishing", "retrying", "error", "stopped"), reason
 *
 * At EOS the sink waits until everything is published, for `drain-timeout` at the
 * longest. Deletes count only if they are due by then.
 *
 * Since: 1.0
 */

#include "gstdeliveryworker.h"

#include <string.h>

GST_DEBUG_CATEGORY_EXTERN (gst_delivery_debug);
#define GST_CAT_DEFAULT gst_delivery_debug

#define DEFAULT_CONNECTIONS 4
/* After drain-timeout, so long for the attempts that were cancelled to come back. */
#define CANCEL_GRACE (G_TIME_SPAN_SECOND)

enum
{
  PROP_0,
  PROP_LOCATION,
  PROP_CONNECTION_RETRY_INTERVAL,
  PROP_NUM_RETRIES,
  PROP_FILECACHE_DURATION,
  PROP_RESTART_DELAY,
  PROP_MAX_CONNECTIONS,
  PROP_CACHE_BYTES,
  PROP_TIMEOUT,
  PROP_DRAIN_TIMEOUT,
  PROP_STATS,
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (GST_DELIVERY_CAPS));

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GstDeliverySink, gst_delivery_sink, GST_TYPE_BASE_SINK);

/* --- helpers of subclasses --- */

void
gst_delivery_result_set (GstDeliveryResult * result, GstDeliveryVerdict verdict, guint status, const gchar * format, ...)
{
  va_list args;

  result->verdict = verdict;
  result->status = status;
  g_free (result->message);
  va_start (args, format);
  result->message = format ? g_strdup_vprintf (format, args) : NULL;
  va_end (args);
}

gchar *
gst_delivery_sink_dup_location (GstDeliverySink * self)
{
  gchar *location;

  g_return_val_if_fail (GST_IS_DELIVERY_SINK (self), NULL);

  g_mutex_lock (&self->priv->lock);
  location = g_strdup (self->priv->location);
  g_mutex_unlock (&self->priv->lock);
  return location;
}

GstClockTime
gst_delivery_sink_get_timeout (GstDeliverySink * self)
{
  GstClockTime timeout;

  g_return_val_if_fail (GST_IS_DELIVERY_SINK (self), 0);

  g_mutex_lock (&self->priv->lock);
  timeout = self->priv->config.timeout;
  g_mutex_unlock (&self->priv->lock);
  return timeout;
}

void
gst_delivery_split_location (const gchar * location, gchar ** folder, gchar ** base_name)
{
  const gchar *authority = *location == '/' ? NULL : strstr (location, "://");
  const gchar *path = authority ? strchr (authority + 3, '/') : location;
  const gchar *slash = path ? strrchr (path, '/') : NULL;
  const gchar *base = path ? (slash ? slash + 1 : path) : "";

  if (folder)
    *folder = path ? g_strndup (location, base - location) : g_strconcat (location, "/", NULL);
  if (base_name) {
    /* Names of objects are plain text, a URI is not. */
    gchar *plain = authority ? g_uri_unescape_string (base, "/") : g_strdup (base);

    if (!plain)
      plain = g_strdup (base);
    if (*plain == '\0') {
      g_free (plain);
      plain = g_strdup ("index");
    }
    *base_name = plain;
  }
}

/* --- what comes in, on the streaming thread --- */

/* The object is lost before it was whole. */
static void
lose (GstDeliverySink * self, GstDeliveryObject * object, const gchar * reason)
{
  GstDeliverySinkPrivate *priv = self->priv;

  g_mutex_lock (&priv->lock);
  gst_delivery_queue_lose (priv->queue, object, reason);
  g_cond_signal (&priv->work);
  gst_delivery_sink_post_messages (self);
  g_mutex_unlock (&priv->lock);
  gst_delivery_object_unref (object);
}

static void
lose_open (GstDeliverySink * self, const gchar * track, const gchar * reason)
{
  GstDeliveryObject *open;

  while ((open = gst_delivery_assembly_take_open (self->priv->assembly, track)))
    lose (self, open, reason);
}

/* Rule 5 wants to know. */
static void
ask_live (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstQuery *query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (GST_BASE_SINK_PAD (self), query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  gst_query_unref (query);
  priv->asked_live = TRUE;
  GST_INFO_OBJECT (self, "the pipeline is %s", live ? "live: never blocked" : "not live: waits for the destination");

  g_mutex_lock (&priv->lock);
  gst_delivery_queue_get_config (priv->queue)->live = live;
  g_mutex_unlock (&priv->lock);
}

/* Waits for progress, at most until @end (monotonic). The base class holds its preroll lock
 * around render() and event(), and a change of state wants it: unlock() asks for it.
 * With the lock, which it gives back in between. */
static GstFlowReturn
wait_for_progress (GstDeliverySink * self, gint64 end)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstFlowReturn ret = GST_FLOW_OK;

  if (priv->stopping || priv->flushing) {
    ret = GST_FLOW_FLUSHING;
  } else if (priv->unlocked) {
    g_mutex_unlock (&priv->lock);
    ret = gst_base_sink_wait_preroll (GST_BASE_SINK (self));
    g_mutex_lock (&priv->lock);
  } else if (end == G_MAXINT64) {
    g_cond_wait (&priv->progress, &priv->lock);
  } else {
    g_cond_wait_until (&priv->progress, &priv->lock, end);
  }
  return ret;
}

/* Takes @object. A pipeline that is not live waits here while too much is pending. */
static GstFlowReturn
push_object (GstDeliverySink * self, GstDeliveryObject * object)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstFlowReturn ret = GST_FLOW_OK;

  g_mutex_lock (&priv->lock);
  while (ret == GST_FLOW_OK && !gst_delivery_queue_has_room (priv->queue, object))
    ret = wait_for_progress (self, G_MAXINT64);
  if (ret == GST_FLOW_OK) {
    gst_delivery_queue_push (priv->queue, object, gst_delivery_sink_now ());
    g_cond_signal (&priv->work);
    gst_delivery_sink_post_messages (self);
  } else {
    gst_delivery_object_unref (object);
  }
  g_mutex_unlock (&priv->lock);
  return ret;
}

static GstFlowReturn
take_buffer (GstDeliverySink * self, GstBuffer * buffer)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstDeliveryObject *object;
  const GstDeliveryInfo *info;
  guint64 max_open;
  g_autoptr (GError) error = NULL;

  if (!priv->asked_live)
    ask_live (self);

  g_mutex_lock (&priv->lock);
  max_open = priv->config.cache_bytes;
  g_mutex_unlock (&priv->lock);

  if (!gst_delivery_assembly_add (priv->assembly, gst_buffer_ref (buffer), max_open, &object, &error)) {
    if (object)
      lose (self, object, error->message);
    else
      GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("Dropped a buffer on pad \"sink\": %s", error->message), (NULL));
    return GST_FLOW_OK;
  }
  if (!object)
    return GST_FLOW_OK;

  info = gst_delivery_object_get_info (object);
  if (info->kind == GST_DELIVERY_KIND_PLAYLIST)
    lose_open (self, info->track, "its last fragment did not come before the next playlist of its track");
  return push_object (self, object);
}

static GstFlowReturn
gst_delivery_sink_render (GstBaseSink * sink, GstBuffer * buffer)
{
  return take_buffer (GST_DELIVERY_SINK (sink), buffer);
}

static GstFlowReturn
gst_delivery_sink_render_list (GstBaseSink * sink, GstBufferList * list)
{
  guint i, n = gst_buffer_list_length (list);
  GstFlowReturn ret = GST_FLOW_OK;

  for (i = 0; i < n && ret == GST_FLOW_OK; i++)
    ret = take_buffer (GST_DELIVERY_SINK (sink), gst_buffer_list_get (list, i));
  return ret;
}

/* Is what EOS waits for done, and has the application been told? With the lock. */
static gboolean
is_drained (GstDeliverySink * self, GstClockTime eos)
{
  GstDeliverySinkPrivate *priv = self->priv;

  return gst_delivery_queue_is_drained (priv->queue, eos) && !priv->posting
      && !gst_delivery_queue_has_messages (priv->queue);
}

/* Rule 7: until everything is published, or lost, or drain-timeout is over. FALSE: the
 * pipeline flushes or stops. */
static gboolean
drain (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstClockTime eos = gst_delivery_sink_now ();
  GstFlowReturn ret = GST_FLOW_OK;
  g_autofree gchar *reason = NULL;
  gint64 end;

  lose_open (self, NULL, "its last fragment did not come before EOS");

  g_mutex_lock (&priv->lock);
  end = (eos + priv->drain_timeout) / GST_USECOND;
  while (ret == GST_FLOW_OK && !is_drained (self, eos) && g_get_monotonic_time () < end)
    ret = wait_for_progress (self, end);
  if (ret != GST_FLOW_OK)
    goto done;

  if (is_drained (self, eos))
    reason = g_strdup ("no playlist of one of its tracks could be published");
  else
    reason = g_strdup_printf ("not published within drain-timeout, %" G_GUINT64_FORMAT " s, at EOS",
        priv->drain_timeout / GST_SECOND);
  gst_delivery_queue_abandon (priv->queue, reason);

  if (gst_delivery_queue_in_flight (priv->queue) > 0) {
    g_mutex_unlock (&priv->lock);
    gst_delivery_workers_cancel (self);
    g_mutex_lock (&priv->lock);
    end = g_get_monotonic_time () + CANCEL_GRACE;
    while (ret == GST_FLOW_OK && gst_delivery_queue_in_flight (priv->queue) > 0 && g_get_monotonic_time () < end)
      ret = wait_for_progress (self, end);
  }
  if (ret == GST_FLOW_OK) {
    gst_delivery_sink_post_messages (self);
    gst_delivery_sink_post_unsaid_losses (self);
  }
done:
  g_mutex_unlock (&priv->lock);
  return ret == GST_FLOW_OK;
}

static void
set_flushing (GstDeliverySink * self, gboolean flushing)
{
  GstDeliverySinkPrivate *priv = self->priv;

  g_mutex_lock (&priv->lock);
  priv->flushing = flushing;
  g_cond_broadcast (&priv->progress);
  g_mutex_unlock (&priv->lock);
}

static gboolean
gst_delivery_sink_event (GstBaseSink * sink, GstEvent * event)
{
  GstDeliverySink *self = GST_DELIVERY_SINK (sink);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_EOS:
      /* The base class looks for a flush before event(), not after. */
      if (!drain (self)) {
        gst_event_unref (event);
        return FALSE;
      }
      break;
    case GST_EVENT_FLUSH_START:
      set_flushing (self, TRUE);
      break;
    case GST_EVENT_FLUSH_STOP:
      gst_delivery_assembly_free (self->priv->assembly);
      self->priv->assembly = gst_delivery_assembly_new ();
      set_flushing (self, FALSE);
      break;
    default:
      break;
  }
  return GST_BASE_SINK_CLASS (gst_delivery_sink_parent_class)->event (sink, event);
}

static gboolean
gst_delivery_sink_query (GstBaseSink * sink, GstQuery * query)
{
  if (gst_delivery_query_is_destination (query)) {
    g_autofree gchar *location = gst_delivery_sink_dup_location (GST_DELIVERY_SINK (sink));
    g_autofree gchar *base_name = NULL;

    if (!location || !*location)
      return FALSE;
    gst_delivery_split_location (location, NULL, &base_name);
    gst_delivery_query_set_destination (query, base_name);
    return TRUE;
  }
  return GST_BASE_SINK_CLASS (gst_delivery_sink_parent_class)->query (sink, query);
}

static void
set_unlocked (GstDeliverySink * self, gboolean unlocked)
{
  GstDeliverySinkPrivate *priv = self->priv;

  g_mutex_lock (&priv->lock);
  priv->unlocked = unlocked;
  g_cond_broadcast (&priv->progress);
  g_mutex_unlock (&priv->lock);
}

static gboolean
gst_delivery_sink_unlock (GstBaseSink * sink)
{
  set_unlocked (GST_DELIVERY_SINK (sink), TRUE);
  return TRUE;
}

static gboolean
gst_delivery_sink_unlock_stop (GstBaseSink * sink)
{
  set_unlocked (GST_DELIVERY_SINK (sink), FALSE);
  return TRUE;
}

/* --- states --- */

/* Lets the workers end and closes; `stopping` is set. */
static void
finish_stop (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstDeliverySinkClass *klass = GST_DELIVERY_SINK_GET_CLASS (self);
  GstDeliveryQueue *queue;

  gst_delivery_workers_join (self);
  g_mutex_lock (&priv->lock);
  queue = g_steal_pointer (&priv->queue);
  g_clear_pointer (&priv->last_stats, gst_structure_free);
  priv->last_stats = gst_delivery_queue_get_stats (queue);
  g_mutex_unlock (&priv->lock);
  gst_delivery_queue_free (queue);
  g_clear_pointer (&priv->assembly, gst_delivery_assembly_free);
  if (klass->close)
    klass->close (self);
}

static void
begin_stop (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;

  g_mutex_lock (&priv->lock);
  priv->stopping = TRUE;
  g_cond_broadcast (&priv->work);
  g_cond_broadcast (&priv->progress);
  g_mutex_unlock (&priv->lock);
  gst_delivery_workers_cancel (self);
}

static gboolean
start (GstDeliverySink * self, GError ** error)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstDeliverySinkClass *klass = GST_DELIVERY_SINK_GET_CLASS (self);
  g_autofree gchar *location = gst_delivery_sink_dup_location (self);

  if (!location || !*location) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "Property \"location\" of %s is not set: it says where to publish, and its last path component is the base "
        "name of what is published", GST_OBJECT_NAME (self));
    return FALSE;
  }
  if (klass->check_location && !klass->check_location (self, location, error))
    return FALSE;
  if (klass->open && !klass->open (self, error))
    return FALSE;

  priv->assembly = gst_delivery_assembly_new ();
  priv->asked_live = FALSE;
  g_mutex_lock (&priv->lock);
  priv->queue = gst_delivery_queue_new (&priv->config);
  priv->stopping = priv->flushing = priv->unlocked = priv->posting = priv->unanswered_said = FALSE;
  priv->warned_at = GST_CLOCK_TIME_NONE;
  priv->unsaid_losses = 0;
  g_mutex_unlock (&priv->lock);

  if (!gst_delivery_workers_start (self, error)) {
    begin_stop (self);
    finish_stop (self);
    return FALSE;
  }
  return TRUE;
}

static GstStateChangeReturn
gst_delivery_sink_change_state (GstElement * element, GstStateChange transition)
{
  GstDeliverySink *self = GST_DELIVERY_SINK (element);
  GstStateChangeReturn ret;
  GError *error = NULL;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !start (self, &error)) {
    gst_element_message_full (element, GST_MESSAGE_ERROR, error->domain, error->code, g_strdup (error->message), NULL,
        __FILE__, GST_FUNCTION, __LINE__);
    g_error_free (error);
    return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    begin_stop (self);

  ret = GST_ELEMENT_CLASS (gst_delivery_sink_parent_class)->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE) {
    begin_stop (self);
    finish_stop (self);
  } else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    finish_stop (self);
  }
  return ret;
}

/* --- properties --- */

static void
gst_delivery_sink_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstDeliverySink *self = GST_DELIVERY_SINK (object);
  GstDeliverySinkPrivate *priv = self->priv;
  GstDeliveryQueueConfig *config = &priv->config;

  g_mutex_lock (&priv->lock);
  if (priv->queue && (id == PROP_LOCATION || id == PROP_MAX_CONNECTIONS)) {
    g_mutex_unlock (&priv->lock);
    g_warning ("%s: property \"%s\" can only be set in state NULL or READY", GST_OBJECT_NAME (self), pspec->name);
    return;
  }
  switch (id) {
    case PROP_LOCATION:
      g_free (priv->location);
      priv->location = g_value_dup_string (value);
      break;
    case PROP_CONNECTION_RETRY_INTERVAL:
      config->retry_interval = g_value_get_uint (value) * GST_SECOND;
      break;
    case PROP_NUM_RETRIES:
      config->num_retries = g_value_get_uint (value);
      break;
    case PROP_FILECACHE_DURATION:
      config->cache_duration = g_value_get_uint (value) * GST_SECOND;
      break;
    case PROP_RESTART_DELAY:
      config->restart_delay = g_value_get_uint (value) * GST_SECOND;
      break;
    case PROP_MAX_CONNECTIONS:
      priv->max_connections = g_value_get_uint (value);
      break;
    case PROP_CACHE_BYTES:
      config->cache_bytes = g_value_get_uint64 (value);
      break;
    case PROP_TIMEOUT:
      config->timeout = g_value_get_uint (value) * GST_SECOND;
      break;
    case PROP_DRAIN_TIMEOUT:
      priv->drain_timeout = g_value_get_uint (value) * GST_SECOND;
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  if (priv->queue) {
    GstDeliveryQueueConfig *running = gst_delivery_queue_get_config (priv->queue);
    gboolean live = running->live;

    *running = *config;
    running->live = live;
    g_cond_broadcast (&priv->work);
    g_cond_broadcast (&priv->progress);
  }
  g_mutex_unlock (&priv->lock);
}

static GstStructure *
get_stats (const GstDeliverySinkPrivate * priv)
{
  GstStructure *stats;

  if (priv->queue)
    return gst_delivery_queue_get_stats (priv->queue);
  if (priv->last_stats)
    return gst_structure_copy (priv->last_stats);
  else {
    /* all fields are always there */
    GstDeliveryQueue *none = gst_delivery_queue_new (&priv->config);

    stats = gst_delivery_queue_get_stats (none);
    gst_delivery_queue_free (none);
    return stats;
  }
}

static void
gst_delivery_sink_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstDeliverySinkPrivate *priv = GST_DELIVERY_SINK (object)->priv;

  g_mutex_lock (&priv->lock);
  switch (id) {
    case PROP_LOCATION:
      g_value_set_string (value, priv->location);
      break;
    case PROP_CONNECTION_RETRY_INTERVAL:
      g_value_set_uint (value, priv->config.retry_interval / GST_SECOND);
      break;
    case PROP_NUM_RETRIES:
      g_value_set_uint (value, priv->config.num_retries);
      break;
    case PROP_FILECACHE_DURATION:
      g_value_set_uint (value, priv->config.cache_duration / GST_SECOND);
      break;
    case PROP_RESTART_DELAY:
      g_value_set_uint (value, priv->config.restart_delay / GST_SECOND);
      break;
    case PROP_MAX_CONNECTIONS:
      g_value_set_uint (value, priv->max_connections);
      break;
    case PROP_CACHE_BYTES:
      g_value_set_uint64 (value, priv->config.cache_bytes);
      break;
    case PROP_TIMEOUT:
      g_value_set_uint (value, priv->config.timeout / GST_SECOND);
      break;
    case PROP_DRAIN_TIMEOUT:
      g_value_set_uint (value, priv->drain_timeout / GST_SECOND);
      break;
    case PROP_STATS:
      g_value_take_boxed (value, get_stats (priv));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  g_mutex_unlock (&priv->lock);
}

static void
gst_delivery_sink_constructed (GObject * object)
{
  GstDeliverySink *self = GST_DELIVERY_SINK (object);
  GstDeliverySinkClass *klass = GST_DELIVERY_SINK_GET_CLASS (self);

  G_OBJECT_CLASS (gst_delivery_sink_parent_class)->constructed (object);
  if (klass->default_connections)
    self->priv->max_connections = klass->default_connections;
}

static void
gst_delivery_sink_finalize (GObject * object)
{
  GstDeliverySinkPrivate *priv = GST_DELIVERY_SINK (object)->priv;

  g_free (priv->location);
  g_clear_pointer (&priv->last_stats, gst_structure_free);
  g_ptr_array_unref (priv->workers);
  g_cond_clear (&priv->work);
  g_cond_clear (&priv->progress);
  g_mutex_clear (&priv->lock);
  G_OBJECT_CLASS (gst_delivery_sink_parent_class)->finalize (object);
}

static void
gst_delivery_sink_init (GstDeliverySink * self)
{
  GstBaseSink *sink = GST_BASE_SINK (self);
  GstDeliverySinkPrivate *priv = gst_delivery_sink_get_instance_private (self);

  self->priv = priv;
  g_mutex_init (&priv->lock);
  g_cond_init (&priv->work);
  g_cond_init (&priv->progress);
  priv->workers = g_ptr_array_new ();
  priv->max_connections = DEFAULT_CONNECTIONS;
  priv->drain_timeout = 30 * GST_SECOND;
  priv->config = (GstDeliveryQueueConfig) {
    .cache_duration = 300 * GST_SECOND,
    .cache_bytes = G_GUINT64_CONSTANT (1) << 30,
    .retry_interval = GST_SECOND,
    .num_retries = 10,
    .restart_delay = 15 * GST_SECOND,
    .timeout = 10 * GST_SECOND,
  };

  /* Objects are published when they are there, whatever their timestamps say. */
  gst_base_sink_set_sync (sink, FALSE);
  gst_base_sink_set_async_enabled (sink, FALSE);
  gst_base_sink_set_qos_enabled (sink, FALSE);
  gst_base_sink_set_last_sample_enabled (sink, FALSE);
  gst_base_sink_set_drop_out_of_segment (sink, FALSE);
}

static void
install_uint (GObjectClass * klass, guint id, const gchar * name, const gchar * nick, const gchar * blurb,
    guint min, guint max, guint value, GParamFlags mutability)
{
  g_object_class_install_property (klass, id, g_param_spec_uint (name, nick, blurb, min, max, value,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | mutability));
}

static void
gst_delivery_sink_class_init (GstDeliverySinkClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSinkClass *sink_class = GST_BASE_SINK_CLASS (klass);

  gst_delivery_init ();

  object_class->set_property = gst_delivery_sink_set_property;
  object_class->get_property = gst_delivery_sink_get_property;
  object_class->constructed = gst_delivery_sink_constructed;
  object_class->finalize = gst_delivery_sink_finalize;
  element_class->change_state = GST_DEBUG_FUNCPTR (gst_delivery_sink_change_state);
  sink_class->render = GST_DEBUG_FUNCPTR (gst_delivery_sink_render);
  sink_class->render_list = GST_DEBUG_FUNCPTR (gst_delivery_sink_render_list);
  sink_class->event = GST_DEBUG_FUNCPTR (gst_delivery_sink_event);
  sink_class->query = GST_DEBUG_FUNCPTR (gst_delivery_sink_query);
  sink_class->unlock = GST_DEBUG_FUNCPTR (gst_delivery_sink_unlock);
  sink_class->unlock_stop = GST_DEBUG_FUNCPTR (gst_delivery_sink_unlock_stop);
  gst_element_class_add_static_pad_template (element_class, &sink_template);

  g_object_class_install_property (object_class, PROP_LOCATION,
      g_param_spec_string ("location", "Location",
          "Where to publish; the last path component is the base name (\"index\" if it ends in a slash)", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  install_uint (object_class, PROP_CONNECTION_RETRY_INTERVAL, "connection-retry-interval",
      "Connection retry interval", "Seconds to wait after a first failure; grows to four times as much, jittered "
      "(0: a tenth of a second)", 0, G_MAXUINT / 4, 1, GST_PARAM_MUTABLE_PLAYING);
  install_uint (object_class, PROP_NUM_RETRIES, "num-retries", "Number of retries",
      "Failures in a row after which publishing pauses for restart-delay", 0, G_MAXUINT, 10,
      GST_PARAM_MUTABLE_PLAYING);
  install_uint (object_class, PROP_FILECACHE_DURATION, "filecache-duration", "File cache duration",
      "Live: seconds that media is tried for before it is lost (0: one attempt). Not live: seconds of media of a "
      "track that wait before the pipeline does", 0, 600, 300, GST_PARAM_MUTABLE_PLAYING);
  install_uint (object_class, PROP_RESTART_DELAY, "restart-delay", "Restart delay",
      "Seconds until publishing starts anew after num-retries failures (0: never, the element posts an error)",
      0, 15, 15, GST_PARAM_MUTABLE_PLAYING);
  install_uint (object_class, PROP_MAX_CONNECTIONS, "max-connections", "Maximum connections",
      "Objects published side by side, each over its own connection", 1, 64, DEFAULT_CONNECTIONS,
      GST_PARAM_MUTABLE_READY);
  g_object_class_install_property (object_class, PROP_CACHE_BYTES,
      g_param_spec_uint64 ("cache-bytes", "Cache bytes",
          "Bytes of media that wait at most. Live: the oldest is lost beyond. Not live: the pipeline waits, "
          "beyond 32 MiB in any case", 1, G_MAXUINT64, G_GUINT64_CONSTANT (1) << 30,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
  install_uint (object_class, PROP_TIMEOUT, "timeout", "Timeout",
      "Seconds without progress after which an attempt has failed", 1, 3600, 10, GST_PARAM_MUTABLE_PLAYING);
  install_uint (object_class, PROP_DRAIN_TIMEOUT, "drain-timeout", "Drain timeout",
      "Seconds that EOS waits at most for everything to be published", 0, G_MAXUINT, 30, GST_PARAM_MUTABLE_PLAYING);
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "objects-, segments-, playlists- and bytes-published, retries, lost, deleted, backlog-objects, -bytes and "
          "-seconds, latency-last, -p50 and -p99 (ns, of playlists), state", GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}
