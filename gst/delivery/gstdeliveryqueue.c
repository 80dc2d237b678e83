/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative reference: draft-pantos-hls-rfc8216bis, section 6.2.2 (when a segment may
 * be removed). The rules that are named by number are those of docs/architecture.md.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstdeliveryqueue.h"
#include "gstdeliverybacklog.h"
#include "gstdeliverystats.h"

#include <string.h>

/* A pipeline that is not live waits rather than fill memory: that much is enough to
 * keep every connection busy. */
#define MAX_PENDING_NOT_LIVE (32 * 1024 * 1024)
/* Backoff grows to so many retry intervals. */
#define MAX_BACKOFF 4
#define ZERO_RETRY_INTERVAL (100 * GST_MSECOND)
/* A playlist is worth waiting for at least this long, however short its target duration. */
#define MIN_PLAYLIST_TIMEOUT (2 * GST_SECOND)
#define MAX_DELETE_ATTEMPTS 4
/* Playlists remembered for each track, to know since when a delete's revision is out. */
#define MAX_HISTORY 64

GST_DEBUG_CATEGORY_EXTERN (gst_delivery_debug);
#define GST_CAT_DEFAULT gst_delivery_debug

typedef enum {
  GST_DELIVERY_STATE_PUBLISHING,
  GST_DELIVERY_STATE_RETRYING,
  GST_DELIVERY_STATE_ERROR,
  GST_DELIVERY_STATE_STOPPED,
} GstDeliveryState;

struct _GstDeliveryQueue {
  GstDeliveryQueueConfig config;
  GstDeliveryState state;
  guint in_flight;
  gboolean removing;

  guint failures;               /* in a row, those that overlap in time counted once */
  GstClockTime last_failure;
  GstClockTime gate;            /* no attempt of anything before */
  guint epoch;

  GstDeliveryBacklog b;
  GQueue messages;
  GstDeliveryStats stats;
};

GstDeliveryQueue *
gst_delivery_queue_new (const GstDeliveryQueueConfig * config)
{
  GstDeliveryQueue *q = g_new0 (GstDeliveryQueue, 1);

  q->config = *config;
  gst_delivery_backlog_init (&q->b);
  return q;
}

void
gst_delivery_queue_free (GstDeliveryQueue * q)
{
  gst_delivery_backlog_clear (&q->b);
  g_queue_clear_full (&q->messages, (GDestroyNotify) gst_structure_free);
  g_free (q);
}

GstDeliveryQueueConfig *
gst_delivery_queue_get_config (GstDeliveryQueue * q)
{
  return &q->config;
}

guint
gst_delivery_queue_in_flight (const GstDeliveryQueue * q)
{
  return q->in_flight;
}

/* --- messages --- */

gboolean
gst_delivery_queue_has_messages (const GstDeliveryQueue * q)
{
  return q->messages.length > 0;
}

static const gchar *
state_to_string (GstDeliveryState state)
{
  static const gchar *const names[] = { "publishing", "retrying", "error", "stopped" };

  return names[state];
}

static void
set_state (GstDeliveryQueue * q, GstDeliveryState state, const gchar * reason)
{
  if (q->state == state)
    return;
  q->state = state;
  g_queue_push_tail (&q->messages, gst_structure_new ("delivery-state",
          "state", G_TYPE_STRING, state_to_string (state), "reason", G_TYPE_STRING, reason, NULL));
}

GstStructure *
gst_delivery_queue_pop_message (GstDeliveryQueue * q)
{
  return g_queue_pop_head (&q->messages);
}

static void
say_lost (GstDeliveryQueue * q, const GstDeliveryInfo * info, guint64 size, const gchar * reason, guint status)
{
  q->stats.lost++;
  g_queue_push_tail (&q->messages, gst_structure_new ("delivery-lost",
          "name", G_TYPE_STRING, info->name, "kind", G_TYPE_STRING, gst_delivery_kind_to_string (info->kind),
          "track", G_TYPE_STRING, info->track, "sequence", G_TYPE_UINT64, info->sequence,
          "bytes", G_TYPE_UINT64, size, "reason", G_TYPE_STRING, reason, "status", G_TYPE_UINT, status, NULL));
}

/* --- loss (rule 4) --- */

static void
track_lost (GstDeliveryQueue * q, Track * track, const GstDeliveryInfo * info, guint64 size, const gchar * reason,
    guint status)
{
  track->losses++;
  g_ptr_array_add (track->untold, g_strdup (info->name));
  say_lost (q, info, size, reason, status);
}

static void
lose_entry (GstDeliveryQueue * q, Entry * e, const gchar * reason, guint status)
{
  if (is_media (e))
    track_lost (q, e->track, e->info, e->size, reason, status);
  else
    say_lost (q, e->info, e->size, reason, status);
  gst_delivery_backlog_remove (&q->b, e);
}

void
gst_delivery_queue_lose (GstDeliveryQueue * q, const GstDeliveryObject * object, const gchar * reason)
{
  const GstDeliveryInfo *info = gst_delivery_object_get_info (object);
  guint64 size = gst_delivery_object_get_size (object);

  if (GST_DELIVERY_KIND_IS_MEDIA (info->kind))
    track_lost (q, gst_delivery_backlog_get_track (&q->b, info->track), info, size, reason, 0);
  else
    say_lost (q, info, size, reason, 0);
}

/* How long media may wait for its first attempt to begin. */
static GstClockTime
patience (const GstDeliveryQueue * q)
{
  return q->config.cache_duration ? q->config.cache_duration : q->config.timeout;
}

/* Live: the cache is bounded in seconds of each track and in bytes of all. */
static void
evict (GstDeliveryQueue * q, Track * track)
{
  Entry *e;

  while (track->media.length > 1 && track->pending > patience (q)
      && (e = gst_delivery_backlog_oldest_idle (&track->media)))
    lose_entry (q, e, "cache full: more seconds wait than filecache-duration", e->status);
  while (q->b.media.length > 1 && q->b.media_bytes > q->config.cache_bytes
      && (e = gst_delivery_backlog_oldest_idle (&q->b.media)))
    lose_entry (q, e, "cache full: more bytes wait than cache-bytes", e->status);
}

/* Loses what is past its deadline; lowers @due to the next one. */
static void
expire (GstDeliveryQueue * q, GstClockTime now, GstClockTime * due)
{
  Entry *e;

  if (!q->config.live)
    return;
  while ((e = gst_delivery_backlog_oldest_idle (&q->b.media))) {
    GstClockTime deadline = e->arrival + patience (q);
    g_autofree gchar *reason = NULL;

    if (now < deadline) {
      *due = MIN (*due, deadline);
      return;
    }
    reason = g_strdup_printf ("not published within %" G_GUINT64_FORMAT " s%s%s", patience (q) / GST_SECOND,
        e->reason ? ", the last attempt: " : "", e->reason ? e->reason : "");
    lose_entry (q, e, reason, e->status);
  }
}

/* --- in --- */

gboolean
gst_delivery_queue_has_room (const GstDeliveryQueue * q, const GstDeliveryObject * object)
{
  const GstDeliveryInfo *info = gst_delivery_object_get_info (object);
  const Track *track = g_hash_table_lookup (q->b.tracks_by_name, info->track);
  guint64 max_bytes = MIN (q->config.cache_bytes, MAX_PENDING_NOT_LIVE);

  if (q->config.live || q->state == GST_DELIVERY_STATE_STOPPED || !GST_DELIVERY_KIND_IS_MEDIA (info->kind)
      || q->b.media.length == 0)
    return TRUE;
  if (q->b.media_bytes + gst_delivery_object_get_size (object) > max_bytes)
    return FALSE;
  return !track || track->media.length == 0
      || track->pending + duration_of (info) <= q->config.cache_duration;
}

/* When may @e be removed, given what of its track is published? */
static void
set_delete_due (GstDeliveryQueue * q, Entry * e)
{
  GArray *history = e->track->history;
  guint i;

  for (i = 0; i < history->len; i++) {
    const Published *p = &g_array_index (history, Published, i);

    if (p->revision >= e->info->sequence) {
      e->due = p->time + (q->config.live ? duration_of (e->info) : 0);
      return;
    }
  }
}

void
gst_delivery_queue_push (GstDeliveryQueue * q, GstDeliveryObject * object, GstClockTime now)
{
  const GstDeliveryInfo *info = gst_delivery_object_get_info (object);
  Entry *e;

  if (q->state == GST_DELIVERY_STATE_STOPPED) {
    if (info->kind != GST_DELIVERY_KIND_DELETE)
      q->stats.lost++;
    gst_delivery_object_unref (object);
    return;
  }
  if (GST_DELIVERY_KIND_IS_MEDIA (info->kind) && gst_delivery_object_get_size (object) == 0) {
    gst_delivery_queue_lose (q, object, "it is empty");
    gst_delivery_object_unref (object);
    return;
  }

  e = gst_delivery_backlog_add (&q->b, object, now);
  if (e && info->kind == GST_DELIVERY_KIND_DELETE)
    set_delete_due (q, e);
  else if (e && is_media (e) && q->config.live)
    evict (q, e->track);
}

/* --- out --- */

static GstDeliveryJob *
new_report (Track * track, Entry * playlist, GstClockTime now)
{
  GstDeliveryJob *job = g_new0 (GstDeliveryJob, 1);

  job->type = GST_DELIVERY_JOB_REPORT;
  job->object = playlist ? gst_delivery_object_ref (playlist->object) : NULL;
  job->entry = playlist;
  job->track = g_strdup (track->name);
  job->losses = track->losses;
  job->start = now;
  job->limit = GST_CLOCK_TIME_NONE;
  g_ptr_array_add (track->untold, NULL);
  job->lost = (gchar **) g_ptr_array_steal (track->untold, NULL);
  track->reporting = TRUE;
  if (playlist)
    playlist->slot->writing = playlist;
  return job;
}

static GstDeliveryJob *
new_attempt (GstDeliveryQueue * q, Entry * e, GstClockTime now)
{
  GstDeliveryJob *job = g_new0 (GstDeliveryJob, 1);
  GstClockTime timeout = q->config.timeout;

  job->type = e->info->kind == GST_DELIVERY_KIND_DELETE ? GST_DELIVERY_JOB_REMOVE : GST_DELIVERY_JOB_PUBLISH;
  job->object = gst_delivery_object_ref (e->object);
  job->entry = e;
  job->start = now;
  job->epoch = q->epoch;
  if (is_media (e)) {
    job->limit = q->config.live ? MAX (e->arrival + q->config.cache_duration, now + timeout) : GST_CLOCK_TIME_NONE;
  } else {
    if (e->slot) {
      e->slot->writing = e;
      if (GST_CLOCK_TIME_IS_VALID (e->info->duration))
        timeout = MIN (timeout, MAX (MIN_PLAYLIST_TIMEOUT, e->info->duration));
    }
    job->limit = now + timeout;
  }
  q->removing |= job->type == GST_DELIVERY_JOB_REMOVE;
  e->in_flight = TRUE;
  q->in_flight++;
  return job;
}

void
gst_delivery_job_free (GstDeliveryJob * job)
{
  g_clear_pointer (&job->object, gst_delivery_object_unref);
  g_free (job->track);
  g_strfreev (job->lost);
  g_free (job);
}

static GstDeliveryJob *
next_playlist (GstDeliveryQueue * q, GstClockTime now, GstClockTime * due)
{
  guint i;

  for (i = 0; i < q->b.slots->len; i++) {
    Slot *slot = g_ptr_array_index (q->b.slots, i);
    Entry *e;

    if (slot->writing || slot->track->reporting || !(e = gst_delivery_backlog_newest_eligible (&q->b, slot)))
      continue;
    if (now < slot->wait.not_before)
      *due = MIN (*due, slot->wait.not_before);
    else if (e->known_losses < e->track->losses && !e->as_is)
      return new_report (e->track, e, now);
    else
      return new_attempt (q, e, now);
  }
  return NULL;
}

static GstDeliveryJob *
next_media (GstDeliveryQueue * q, GstClockTime now, GstClockTime * due)
{
  GList *l;

  for (l = q->b.media.head; l; l = l->next) {
    Entry *e = l->data;

    if (e->in_flight || e->older)
      continue;
    if (now >= e->wait->not_before)
      return new_attempt (q, e, now);
    *due = MIN (*due, e->wait->not_before);
  }
  return NULL;
}

/* Rule 6: in a slow lane, one at a time. */
static GstDeliveryJob *
next_delete (GstDeliveryQueue * q, GstClockTime now, GstClockTime * due)
{
  GList *l;

  for (l = q->removing ? NULL : q->b.deletes.head; l; l = l->next) {
    Entry *e = l->data;
    GstClockTime when = MAX (e->due, e->wait->not_before);

    if (e->older)
      continue;
    if (now >= when)
      return new_attempt (q, e, now);
    *due = MIN (*due, when);
  }
  return NULL;
}

GstDeliveryJob *
gst_delivery_queue_next (GstDeliveryQueue * q, GstClockTime now, GstClockTime * due)
{
  GstDeliveryJob *job;
  guint i;

  *due = GST_CLOCK_TIME_NONE;
  if (q->state == GST_DELIVERY_STATE_STOPPED)
    return NULL;
  expire (q, now, due);

  /* Reports need no destination: they go while it is down, too. */
  for (i = 0; i < q->b.tracks->len; i++) {
    Track *track = g_ptr_array_index (q->b.tracks, i);

    if (track->untold->len > 0 && !track->reporting)
      return new_report (track, NULL, now);
  }

  if (now < q->gate) {
    *due = MIN (*due, q->gate);
    return NULL;
  }
  if (q->state == GST_DELIVERY_STATE_ERROR)
    set_state (q, GST_DELIVERY_STATE_RETRYING, "restart-delay is over: starting anew");
  /* Where nothing has worked lately, one attempt at a time finds out whether it does. */
  if (q->failures > 1 && q->in_flight > 0)
    return NULL;

  job = next_playlist (q, now, due);
  if (!job)
    job = next_media (q, now, due);
  if (!job)
    job = next_delete (q, now, due);
  return job;
}

/* --- how it ended --- */

/* An entry with more failures of its own than the destination had in a row is its own
 * fault: it goes on waiting while others succeed. */
static void
release (Wait * wait, guint failures)
{
  if (wait->failures <= failures)
    wait->not_before = wait->retry_after;
}

/* Something works: whatever waits because nothing did may go at once. */
static void
note_success (GstDeliveryQueue * q)
{
  GList *l;
  guint i;

  if (q->failures == 0 && q->state == GST_DELIVERY_STATE_PUBLISHING)
    return;
  for (l = q->b.media.head; l; l = l->next)
    release (((Entry *) l->data)->wait, q->failures);
  for (i = 0; i < q->b.slots->len; i++)
    release (&((Slot *) g_ptr_array_index (q->b.slots, i))->wait, q->failures);
  q->failures = 0;
  q->gate = 0;
  set_state (q, GST_DELIVERY_STATE_PUBLISHING, "the destination takes objects");
}

static GstClockTime
backoff (const GstDeliveryQueue * q, guint failures)
{
  GstClockTime interval = q->config.retry_interval ? q->config.retry_interval : ZERO_RETRY_INTERVAL;
  guint factor = failures > 2 ? MAX_BACKOFF : failures;

  return (GstClockTime) (interval * factor * g_random_double_range (0.5, 1.5));
}

/* With restart-delay 0 this is the end of publishing. */
static void
stop_for_good (GstDeliveryQueue * q, const gchar * reason)
{
  Entry *e;
  guint i;

  set_state (q, GST_DELIVERY_STATE_STOPPED, reason);
  while ((e = gst_delivery_backlog_oldest_idle (&q->b.media))) {
    q->stats.lost++;
    gst_delivery_backlog_remove (&q->b, e);
  }
  while ((e = gst_delivery_backlog_oldest_idle (&q->b.deletes)))
    gst_delivery_backlog_remove (&q->b, e);
  for (i = 0; i < q->b.slots->len; i++) {
    Slot *slot = g_ptr_array_index (q->b.slots, i);
    GList *l, *next;

    for (l = slot->entries.head; l; l = next) {
      e = l->data;
      next = l->next;
      if (e != slot->writing)
        gst_delivery_backlog_remove (&q->b, e);
    }
  }
}

static void
note_failure (GstDeliveryQueue * q, GstClockTime start, GstClockTime now, const gchar * reason)
{
  GList *l;
  guint i;

  if (start <= q->last_failure)
    return;
  q->last_failure = now;
  q->failures++;
  if (q->failures > q->config.num_retries) {
    g_autofree gchar *text = g_strdup_printf ("%u attempts in a row failed, the last one: %s", q->failures, reason);

    if (q->config.restart_delay == 0) {
      stop_for_good (q, text);
      return;
    }
    set_state (q, GST_DELIVERY_STATE_ERROR, text);
    q->failures = 0;
    q->gate = now + q->config.restart_delay;
    q->epoch++;
    for (l = q->b.media.head; l; l = l->next)
      memset (((Entry *) l->data)->wait, 0, sizeof (Wait));
    for (i = 0; i < q->b.slots->len; i++)
      memset (&((Slot *) g_ptr_array_index (q->b.slots, i))->wait, 0, sizeof (Wait));
    return;
  }
  set_state (q, GST_DELIVERY_STATE_RETRYING, reason);
  /* A single failure may be that one object's; after two in a row the destination is
   * left alone for a while. */
  if (q->failures > 1)
    q->gate = now + backoff (q, q->failures - 1);
}

static void
wait_after_failure (GstDeliveryQueue * q, Wait * wait, const GstDeliveryResult * result, GstClockTime now)
{
  wait->failures++;
  wait->retry_after = 0;
  wait->not_before = now + backoff (q, wait->failures);
  if (GST_CLOCK_TIME_IS_VALID (result->retry_after)) {
    /* No longer than media may wait: a playlist has no deadline that would end it. */
    wait->retry_after = now + MIN (result->retry_after, patience (q));
    wait->not_before = MAX (wait->not_before, wait->retry_after);
  }
}

static void
entry_published (GstDeliveryQueue * q, Entry * e, GstClockTime now)
{
  GstClockTime since = e->info->created > 0 ? (GstClockTime) e->info->created * GST_USECOND : e->arrival;
  GstClockTime latency = now > since ? now - since : 0;
  Track *track = e->track;
  GList *l, *next;

  gst_delivery_stats_published (&q->stats, e->info->kind, e->size, latency);
  g_queue_push_tail (&q->messages, gst_structure_new ("delivery-published",
          "name", G_TYPE_STRING, e->info->name, "kind", G_TYPE_STRING, gst_delivery_kind_to_string (e->info->kind),
          "track", G_TYPE_STRING, track->name, "sequence", G_TYPE_UINT64, e->info->sequence,
          "bytes", G_TYPE_UINT64, e->size, "attempts", G_TYPE_UINT, e->attempts,
          "latency", G_TYPE_UINT64, latency, NULL));

  if (e->slot) {
    Slot *slot = e->slot;
    guint64 revision = e->info->sequence;

    memset (&slot->wait, 0, sizeof (Wait));
    slot->published = TRUE;
    slot->published_revision = revision;
    if (e->info->kind == GST_DELIVERY_KIND_PLAYLIST) {
      const Published *last = track->history->len == 0 ? NULL
          : &g_array_index (track->history, Published, track->history->len - 1);

      track->playlist_published = TRUE;
      if (!last || revision > last->revision) {
        Published p = { revision, now };

        if (track->history->len == MAX_HISTORY)
          g_array_remove_index (track->history, 0);
        g_array_append_val (track->history, p);
      }
      for (l = q->b.deletes.head; l; l = l->next) {
        Entry *d = l->data;

        if (d->track == track && !GST_CLOCK_TIME_IS_VALID (d->due))
          set_delete_due (q, d);
      }
    }
    for (l = slot->entries.head; l; l = next) {
      Entry *other = l->data;

      next = l->next;
      if (other != e && other->info->sequence < revision)
        gst_delivery_backlog_remove (&q->b, other);
    }
  }
  gst_delivery_backlog_remove (&q->b, e);
}

static void
entry_failed (GstDeliveryQueue * q, Entry * e, const GstDeliveryResult * result, GstClockTime start, GstClockTime now)
{
  const gchar *reason = result->message ? result->message : "no reason given";
  GstClockTime unused;

  if (e->abandoned) {
    lose_entry (q, e, e->reason, result->status);
    return;
  }
  if (result->free_attempt && !e->free_used) {
    e->free_used = TRUE;
    return;
  }
  e->free_used = FALSE;
  q->stats.retries++;
  g_free (e->reason);
  e->reason = g_strdup (reason);
  e->status = result->status;
  wait_after_failure (q, e->wait, result, now);

  if (e->info->kind == GST_DELIVERY_KIND_DELETE) {
    /* Never an error: what stays only takes up space. */
    if (e->attempts >= MAX_DELETE_ATTEMPTS) {
      GST_WARNING ("gave up removing \"%s\" after %u attempts: %s", e->info->name, e->attempts, reason);
      gst_delivery_backlog_remove (&q->b, e);
    }
    return;
  }
  if (is_media (e) && q->config.live && q->config.cache_duration == 0)
    lose_entry (q, e, reason, result->status);
  note_failure (q, start, now, reason);
  expire (q, now, &unused);
}

void
gst_delivery_queue_finish (GstDeliveryQueue * q, GstDeliveryJob * job, const GstDeliveryResult * result,
    GstClockTime now)
{
  Entry *e = job->entry;
  gboolean published = result->verdict == GST_DELIVERY_PUBLISHED;
  gboolean counted = published || !result->free_attempt || e->free_used;

  e->in_flight = FALSE;
  q->in_flight--;
  if (e->slot)
    e->slot->writing = NULL;
  if (job->type == GST_DELIVERY_JOB_REMOVE)
    q->removing = FALSE;
  if (counted)
    e->attempts++;

  if (q->state == GST_DELIVERY_STATE_STOPPED && !published) {
    if (job->type == GST_DELIVERY_JOB_PUBLISH)
      q->stats.lost++;
    gst_delivery_backlog_remove (&q->b, e);
  } else if (published) {
    if (q->state != GST_DELIVERY_STATE_STOPPED)
      note_success (q);
    if (job->type == GST_DELIVERY_JOB_PUBLISH) {
      entry_published (q, e, now);
    } else {
      q->stats.deleted++;
      gst_delivery_backlog_remove (&q->b, e);
    }
  } else if (result->verdict == GST_DELIVERY_FAILED) {
    entry_failed (q, e, result, job->start, now);
  } else if (job->type == GST_DELIVERY_JOB_PUBLISH) {
    lose_entry (q, e, result->message ? result->message : "refused", result->status);
  } else {
    GST_WARNING ("removal of \"%s\" was refused: %s", e->info->name, result->message);
    gst_delivery_backlog_remove (&q->b, e);
  }
  gst_delivery_job_free (job);
}

void
gst_delivery_queue_finish_report (GstDeliveryQueue * q, GstDeliveryJob * job, GstDeliveryObject * playlist)
{
  Track *track = g_hash_table_lookup (q->b.tracks_by_name, job->track);
  Entry *e = job->entry;

  track->reporting = FALSE;
  if (e) {
    e->slot->writing = NULL;
    if (e->abandoned || q->state == GST_DELIVERY_STATE_STOPPED) {
      if (e->abandoned)
        lose_entry (q, e, e->reason, 0);
      else
        gst_delivery_backlog_remove (&q->b, e);
      g_clear_pointer (&playlist, gst_delivery_object_unref);
    } else if (playlist) {
      /* The job held the losses of the track until now, and one report is under way at
       * a time: its writer knew of at least those. */
      gst_delivery_entry_set_object (e, playlist);
      e->known_losses = MAX (job->losses, e->info->losses);
    } else {
      e->as_is = TRUE;
    }
  }
  gst_delivery_job_free (job);
}

/* --- the end --- */

gboolean
gst_delivery_queue_is_drained (const GstDeliveryQueue * q, GstClockTime eos)
{
  GList *l;
  guint i;

  if (q->b.media.length > 0)
    return FALSE;
  for (i = 0; i < q->b.tracks->len; i++) {
    const Track *track = g_ptr_array_index (q->b.tracks, i);

    if (track->reporting)
      return FALSE;
    if (q->state != GST_DELIVERY_STATE_STOPPED && track->untold->len > 0)
      return FALSE;
  }
  /* Media playlists can all go now. A multivariant playlist may wait for ever: for a track whose
   * playlist was refused, and no other will come. */
  for (i = 0; i < q->b.slots->len; i++) {
    const Slot *slot = g_ptr_array_index (q->b.slots, i);

    if (slot->writing || (slot->entries.head && gst_delivery_backlog_is_eligible (&q->b, slot->entries.head->data)))
      return FALSE;
  }
  for (l = q->b.deletes.head; l; l = l->next) {
    const Entry *e = l->data;

    if (e->in_flight || e->due <= eos)
      return FALSE;
  }
  return TRUE;
}

static void
abandon_list (GstDeliveryQueue * q, GQueue * list, const Entry * writing, const gchar * reason)
{
  GList *l, *next;

  for (l = list->head; l; l = next) {
    Entry *e = l->data;

    next = l->next;
    if (e->in_flight || e == writing) {
      e->abandoned = TRUE;
      g_free (e->reason);
      e->reason = g_strdup (reason);
    } else if (is_media (e) || !next) {
      lose_entry (q, e, reason, e->status);
    } else {
      gst_delivery_backlog_remove (&q->b, e);      /* an older playlist: the newest one is what is lost */
    }
  }
}

void
gst_delivery_queue_abandon (GstDeliveryQueue * q, const gchar * reason)
{
  guint i;

  abandon_list (q, &q->b.media, NULL, reason);
  for (i = 0; i < q->b.slots->len; i++) {
    Slot *slot = g_ptr_array_index (q->b.slots, i);

    abandon_list (q, &slot->entries, slot->writing, reason);
  }
}

GstStructure *
gst_delivery_queue_get_stats (const GstDeliveryQueue * q)
{
  GstStructure *s = gst_delivery_stats_to_structure (&q->stats);
  guint64 objects = q->b.media.length, bytes = q->b.media_bytes;
  GstClockTime seconds = 0;
  GList *l;
  guint i;

  for (i = 0; i < q->b.tracks->len; i++)
    seconds = MAX (seconds, ((Track *) g_ptr_array_index (q->b.tracks, i))->pending);
  for (i = 0; i < q->b.slots->len; i++) {
    const Slot *slot = g_ptr_array_index (q->b.slots, i);

    for (l = slot->entries.head; l; l = l->next) {
      objects++;
      bytes += ((Entry *) l->data)->size;
    }
  }
  gst_structure_set (s, "backlog-objects", G_TYPE_UINT64, objects, "backlog-bytes", G_TYPE_UINT64, bytes,
      "backlog-seconds", G_TYPE_DOUBLE, (gdouble) seconds / GST_SECOND,
      "state", G_TYPE_STRING, state_to_string (q->state), NULL);
  return s;
}
