/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The threads that publish, and what they tell: bus messages downstream of the lock,
 * lost objects upstream.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstdeliveryworker.h"

#include <string.h>

GST_DEBUG_CATEGORY_EXTERN (gst_delivery_debug);
#define GST_CAT_DEFAULT gst_delivery_debug

/* One warning of lost objects in so much time; the next one counts the others. */
#define WARNING_INTERVAL (10 * GST_SECOND)

typedef struct {
  GstDeliverySink *sink;
  GThread *thread;
  GCancellable *cancellable;    /* of the attempt under way; under the lock */
  gboolean connected;
  gpointer connection;
  guint epoch;                  /* the connection's */
} Worker;

GstClockTime
gst_delivery_sink_now (void)
{
  return g_get_monotonic_time () * GST_USECOND;
}

/* --- messages --- */

static void
post_loss_warning (GstDeliverySink * self, GstStructure * s, guint unsaid)
{
  g_autofree gchar *others = unsaid ? g_strdup_printf (" (and %u more since the last warning)", unsaid) : NULL;

  GST_ELEMENT_WARNING (self, RESOURCE, WRITE,
      ("Lost %s \"%s\" of track \"%s\": %s%s", gst_structure_get_string (s, "kind"),
          gst_structure_get_string (s, "name"), gst_structure_get_string (s, "track"),
          gst_structure_get_string (s, "reason"), others ? others : ""), (NULL));
}

void
gst_delivery_sink_post_unsaid_losses (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;
  guint unsaid = priv->unsaid_losses;

  if (unsaid == 0)
    return;
  priv->unsaid_losses = 0;
  priv->warned_at = gst_delivery_sink_now ();
  g_mutex_unlock (&priv->lock);
  GST_ELEMENT_WARNING (self, RESOURCE, WRITE, ("Lost %u more objects since the last warning", unsaid), (NULL));
  g_mutex_lock (&priv->lock);
}

/* With the lock, which it gives back in between. Takes @s. */
static void
post_message (GstDeliverySink * self, GstStructure * s)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstClockTime now = gst_delivery_sink_now ();
  gboolean lost = gst_structure_has_name (s, "delivery-lost");
  gboolean stopped = gst_structure_has_name (s, "delivery-state")
      && strcmp (gst_structure_get_string (s, "state"), "stopped") == 0;
  gboolean warn = lost && (!GST_CLOCK_TIME_IS_VALID (priv->warned_at) || now >= priv->warned_at + WARNING_INTERVAL);
  guint unsaid = priv->unsaid_losses;
  g_autofree gchar *reason = stopped ? g_strdup (gst_structure_get_string (s, "reason")) : NULL;

  if (warn) {
    priv->warned_at = now;
    priv->unsaid_losses = 0;
  } else if (lost) {
    priv->unsaid_losses++;
  }

  g_mutex_unlock (&priv->lock);
  if (warn)
    post_loss_warning (self, s, unsaid);
  gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), s));
  if (stopped) {
    gst_delivery_workers_cancel (self);
    GST_ELEMENT_ERROR (self, RESOURCE, WRITE,
        ("Stopped publishing: %s. It does not start anew because restart-delay is 0", reason), (NULL));
  }
  g_mutex_lock (&priv->lock);
}

gboolean
gst_delivery_sink_post_messages (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;
  GstStructure *s;
  gboolean posted = FALSE;

  if (priv->posting)
    return FALSE;
  priv->posting = TRUE;
  while ((s = gst_delivery_queue_pop_message (priv->queue))) {
    post_message (self, s);
    posted = TRUE;
  }
  if (priv->unsaid_losses > 0 && gst_delivery_sink_now () >= priv->warned_at + WARNING_INTERVAL) {
    gst_delivery_sink_post_unsaid_losses (self);
    posted = TRUE;
  }
  priv->posting = FALSE;
  if (posted)
    g_cond_broadcast (&priv->progress);
  return posted;
}

/* --- jobs, all without the lock --- */

/* Rule 4. Returns the playlist that the job asks for, or NULL. */
static GstDeliveryObject *
run_report (GstDeliverySink * self, GstDeliveryJob * job)
{
  GstDeliverySinkPrivate *priv = self->priv;
  const GstDeliveryInfo *info = job->object ? gst_delivery_object_get_info (job->object) : NULL;
  GstQuery *query = gst_delivery_query_new_lost (job->track, (const gchar * const *) job->lost,
      info ? info->name : NULL, info ? info->sequence : 0);
  GstBuffer *buffer = NULL;
  GstDeliveryObject *playlist = NULL;
  g_autoptr (GError) error = NULL;
  gboolean warn = FALSE;

  if (gst_pad_peer_query (GST_BASE_SINK_PAD (self), query))
    buffer = gst_delivery_query_get_playlist (query);
  gst_query_unref (query);
  if (!info) {
    gst_clear_buffer (&buffer);
    return NULL;
  }

  if (buffer)
    playlist = gst_delivery_object_new_whole (buffer, &error);
  if (playlist) {
    const GstDeliveryInfo *written = gst_delivery_object_get_info (playlist);

    if (written->kind == info->kind && strcmp (written->name, info->name) == 0
        && strcmp (written->track, info->track) == 0)
      return playlist;
    gst_delivery_object_unref (playlist);
    g_set_error (&error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "another object came back");
  }

  g_mutex_lock (&priv->lock);
  if (!priv->stopping && !priv->unanswered_said)
    warn = priv->unanswered_said = TRUE;
  g_mutex_unlock (&priv->lock);
  if (warn)
    GST_ELEMENT_WARNING (self, STREAM, FAILED,
        ("Objects of track \"%s\" were lost, and nobody upstream writes playlist \"%s\" again to say so%s%s: it is "
            "published as it came, and may list what is not there", info->track, info->name,
            error ? ": " : "", error ? error->message : ""), (NULL));
  return NULL;
}

static gboolean
on_limit (GstClock * clock, GstClockTime time, GstClockID id, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return TRUE;
}

/* Cancels @cancellable at @limit. The timer knows nothing but the cancellable of one
 * attempt: where it fires late, it hits no other. */
static GstClockID
set_alarm (GstClockTime limit, GCancellable * cancellable)
{
  GstClock *clock = gst_system_clock_obtain ();
  GstClockTime now = gst_delivery_sink_now ();
  GstClockID id = gst_clock_new_single_shot_id (clock, gst_clock_get_time (clock) + (limit > now ? limit - now : 0));

  gst_clock_id_wait_async (id, on_limit, g_object_ref (cancellable), g_object_unref);
  gst_object_unref (clock);
  return id;
}

static void
drop_connection (Worker * w)
{
  GstDeliverySinkClass *klass = GST_DELIVERY_SINK_GET_CLASS (w->sink);

  if (w->connected && klass->disconnect)
    klass->disconnect (w->sink, w->connection);
  w->connected = FALSE;
  w->connection = NULL;
}

static void
run_attempt (Worker * w, GstDeliveryJob * job, GstDeliveryResult * result)
{
  GstDeliverySink *self = w->sink;
  GstDeliverySinkClass *klass = GST_DELIVERY_SINK_GET_CLASS (self);
  GCancellable *cancellable = w->cancellable;
  GstClockID alarm = NULL;

  /* Rule 3: an error closes all connections. */
  if (w->epoch != job->epoch)
    drop_connection (w);
  if (!w->connected) {
    w->connection = klass->connect ? klass->connect (self) : NULL;
    w->connected = TRUE;
    w->epoch = job->epoch;
  }
  if (GST_CLOCK_TIME_IS_VALID (job->limit))
    alarm = set_alarm (job->limit, cancellable);

  if (job->type == GST_DELIVERY_JOB_PUBLISH)
    klass->publish (self, w->connection, job->object, cancellable, result);
  else
    klass->remove (self, w->connection, gst_delivery_object_get_info (job->object)->name, cancellable, result);

  if (alarm) {
    gst_clock_id_unschedule (alarm);
    gst_clock_id_unref (alarm);
  }
  if (g_cancellable_is_cancelled (cancellable)) {
    result->keep_connection = FALSE;
    result->free_attempt = FALSE;
    if (result->verdict == GST_DELIVERY_FAILED) {
      g_free (result->message);
      result->message = g_strdup_printf ("ended after %.1f s without a result",
          (gdouble) (gst_delivery_sink_now () - job->start) / GST_SECOND);
    }
  }
  if (!result->keep_connection)
    drop_connection (w);
}

/* With the lock, which it gives back while the job runs. Takes @job. */
static void
run_job (Worker * w, GstDeliveryJob * job)
{
  GstDeliverySinkPrivate *priv = w->sink->priv;

  if (job->type == GST_DELIVERY_JOB_REPORT) {
    GstDeliveryObject *playlist;

    g_mutex_unlock (&priv->lock);
    playlist = run_report (w->sink, job);
    g_mutex_lock (&priv->lock);
    gst_delivery_queue_finish_report (priv->queue, job, playlist);
  } else {
    GstDeliveryResult result = {.retry_after = GST_CLOCK_TIME_NONE };

    w->cancellable = g_cancellable_new ();
    g_mutex_unlock (&priv->lock);
    run_attempt (w, job, &result);
    g_mutex_lock (&priv->lock);
    g_clear_object (&w->cancellable);
    /* What ends because the sink stops is no failure; the queue goes away with it. */
    if (priv->stopping && result.verdict != GST_DELIVERY_PUBLISHED)
      gst_delivery_job_free (job);
    else
      gst_delivery_queue_finish (priv->queue, job, &result, gst_delivery_sink_now ());
    g_free (result.message);
  }
  g_cond_broadcast (&priv->progress);
}

static gpointer
worker_main (gpointer data)
{
  Worker *w = data;
  GstDeliverySink *self = w->sink;
  GstDeliverySinkPrivate *priv = self->priv;

  g_mutex_lock (&priv->lock);
  while (!priv->stopping) {
    GstClockTime due;
    GstDeliveryJob *job = gst_delivery_queue_next (priv->queue, gst_delivery_sink_now (), &due);
    gboolean posted;

    /* One thing ready often means another: each worker that finds one wakes the next. */
    if (job)
      g_cond_signal (&priv->work);
    posted = gst_delivery_sink_post_messages (self);
    if (job) {
      run_job (w, job);
      continue;
    }
    if (posted || priv->stopping)
      continue;
    if (priv->unsaid_losses > 0)
      due = MIN (due, priv->warned_at + WARNING_INTERVAL);
    if (GST_CLOCK_TIME_IS_VALID (due))
      g_cond_wait_until (&priv->work, &priv->lock, (due + GST_USECOND - 1) / GST_USECOND);
    else
      g_cond_wait (&priv->work, &priv->lock);
  }
  g_mutex_unlock (&priv->lock);
  drop_connection (w);
  return NULL;
}

/* --- their life --- */

gboolean
gst_delivery_workers_start (GstDeliverySink * self, GError ** error)
{
  GstDeliverySinkPrivate *priv = self->priv;
  guint i;

  g_mutex_lock (&priv->lock);
  for (i = 0; i < priv->max_connections; i++) {
    g_autofree gchar *name = g_strdup_printf ("delivery-%u", i);
    Worker *w = g_new0 (Worker, 1);

    w->sink = self;
    w->thread = g_thread_try_new (name, worker_main, w, error);
    if (!w->thread) {
      g_free (w);
      break;
    }
    g_ptr_array_add (priv->workers, w);
  }
  g_mutex_unlock (&priv->lock);
  return i == priv->max_connections;
}

void
gst_delivery_workers_cancel (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;
  g_autoptr (GPtrArray) cancellables = g_ptr_array_new_with_free_func (g_object_unref);
  guint i;

  g_mutex_lock (&priv->lock);
  for (i = 0; i < priv->workers->len; i++) {
    Worker *w = g_ptr_array_index (priv->workers, i);

    if (w->cancellable)
      g_ptr_array_add (cancellables, g_object_ref (w->cancellable));
  }
  g_mutex_unlock (&priv->lock);
  for (i = 0; i < cancellables->len; i++)
    g_cancellable_cancel (g_ptr_array_index (cancellables, i));
}

void
gst_delivery_workers_join (GstDeliverySink * self)
{
  GstDeliverySinkPrivate *priv = self->priv;
  guint i;

  for (i = 0; i < priv->workers->len; i++)
    g_thread_join (((Worker *) g_ptr_array_index (priv->workers, i))->thread);
  for (i = 0; i < priv->workers->len; i++)
    g_free (g_ptr_array_index (priv->workers, i));
  g_ptr_array_set_size (priv->workers, 0);
}
