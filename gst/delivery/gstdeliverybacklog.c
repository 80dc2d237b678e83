/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstdeliverybacklog.h"

static void
track_free (Track * track)
{
  g_free (track->name);
  g_ptr_array_unref (track->untold);
  g_array_unref (track->history);
  g_free (track);
}

void
gst_delivery_backlog_init (GstDeliveryBacklog * b)
{
  b->tracks = g_ptr_array_new_with_free_func ((GDestroyNotify) track_free);
  b->tracks_by_name = g_hash_table_new (g_str_hash, g_str_equal);
  b->slots = g_ptr_array_new_with_free_func (g_free);
  b->slots_by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  b->by_name = g_hash_table_new (g_str_hash, g_str_equal);
}

void
gst_delivery_backlog_clear (GstDeliveryBacklog * b)
{
  guint i;

  while (b->media.head)
    gst_delivery_backlog_remove (b, b->media.head->data);
  while (b->deletes.head)
    gst_delivery_backlog_remove (b, b->deletes.head->data);
  for (i = 0; i < b->slots->len; i++) {
    Slot *slot = g_ptr_array_index (b->slots, i);

    while (slot->entries.head)
      gst_delivery_backlog_remove (b, slot->entries.head->data);
  }
  g_hash_table_unref (b->by_name);
  g_hash_table_unref (b->slots_by_name);
  g_ptr_array_unref (b->slots);
  g_hash_table_unref (b->tracks_by_name);
  g_ptr_array_unref (b->tracks);
}

Track *
gst_delivery_backlog_get_track (GstDeliveryBacklog * b, const gchar * name)
{
  Track *track = g_hash_table_lookup (b->tracks_by_name, name);

  if (!track) {
    track = g_new0 (Track, 1);
    track->name = g_strdup (name);
    track->first_order = b->order;
    track->untold = g_ptr_array_new_with_free_func (g_free);
    track->history = g_array_new (FALSE, FALSE, sizeof (Published));
    g_ptr_array_add (b->tracks, track);
    g_hash_table_insert (b->tracks_by_name, track->name, track);
  }
  return track;
}

static Slot *
get_slot (GstDeliveryBacklog * b, const gchar * name, Track * track)
{
  Slot *slot = g_hash_table_lookup (b->slots_by_name, name);

  if (!slot) {
    slot = g_new0 (Slot, 1);
    slot->track = track;
    g_ptr_array_add (b->slots, slot);
    g_hash_table_insert (b->slots_by_name, g_strdup (name), slot);
  }
  return slot;
}

void
gst_delivery_entry_set_object (Entry * e, GstDeliveryObject * object)
{
  if (e->object)
    gst_delivery_object_unref (e->object);
  e->object = object;
  e->info = gst_delivery_object_get_info (object);
  e->size = gst_delivery_object_get_size (object);
}

static void
entry_free (Entry * e)
{
  gst_delivery_object_unref (e->object);
  g_free (e->reason);
  g_free (e);
}

/* Attempts of one name never overlap, and go in order. */
static void
chain_by_name (GstDeliveryBacklog * b, Entry * e)
{
  Entry *older = g_hash_table_lookup (b->by_name, e->info->name);

  /* What is written again must not be removed after that. */
  if (older && is_media (e) && !is_media (older) && !older->in_flight) {
    gst_delivery_backlog_remove (b, older);
    older = g_hash_table_lookup (b->by_name, e->info->name);
  }
  e->older = older;
  if (older)
    older->newer = e;
  g_hash_table_replace (b->by_name, (gpointer) e->info->name, e);
}

static void
unchain_by_name (GstDeliveryBacklog * b, Entry * e)
{
  if (e->older)
    e->older->newer = e->newer;
  if (e->newer)
    e->newer->older = e->older;
  else if (e->older)
    g_hash_table_replace (b->by_name, (gpointer) e->older->info->name, e->older);
  else
    g_hash_table_remove (b->by_name, e->info->name);
}

static gboolean
add_playlist (GstDeliveryBacklog * b, Entry * e)
{
  Track *track = e->track;
  Slot *slot = get_slot (b, e->info->name, track);
  Entry *last_media = g_queue_peek_tail (&track->media);
  Entry *before = g_queue_peek_tail (&slot->entries);

  if (slot->published && e->info->sequence < slot->published_revision)
    return FALSE;
  e->slot = slot;
  e->wait = &slot->wait;
  e->known_losses = e->info->losses;
  /* A writer that outlived this sink's last run has been told of more. */
  if (e->known_losses > track->losses)
    track->losses = e->known_losses + track->untold->len;

  if (e->info->kind == GST_DELIVERY_KIND_PLAYLIST) {
    track->has_playlist = TRUE;
    /* Nothing stands between the two: the older one can never go first. */
    if (before && before != slot->writing && before->info->sequence <= e->info->sequence
        && (!last_media || last_media->order < before->order))
      gst_delivery_backlog_remove (b, before);
  }
  g_queue_push_tail_link (&slot->entries, &e->link);
  return TRUE;
}

Entry *
gst_delivery_backlog_add (GstDeliveryBacklog * b, GstDeliveryObject * object, GstClockTime now)
{
  Entry *e = g_new0 (Entry, 1);

  e->link.data = e->track_link.data = e;
  gst_delivery_entry_set_object (e, object);
  e->track = gst_delivery_backlog_get_track (b, e->info->track);
  e->order = b->order++;
  e->arrival = now;
  e->due = GST_CLOCK_TIME_NONE;
  e->wait = &e->own_wait;

  if (GST_DELIVERY_KIND_IS_PLAYLIST (e->info->kind)) {
    if (!add_playlist (b, e)) {
      entry_free (e);
      return NULL;
    }
    return e;
  }

  chain_by_name (b, e);
  if (is_media (e)) {
    g_queue_push_tail_link (&b->media, &e->link);
    g_queue_push_tail_link (&e->track->media, &e->track_link);
    b->media_bytes += e->size;
    e->track->pending += duration_of (e->info);
  } else {
    g_queue_push_tail_link (&b->deletes, &e->link);
  }
  return e;
}

void
gst_delivery_backlog_remove (GstDeliveryBacklog * b, Entry * e)
{
  if (e->slot) {
    g_queue_unlink (&e->slot->entries, &e->link);
  } else if (is_media (e)) {
    g_queue_unlink (&b->media, &e->link);
    g_queue_unlink (&e->track->media, &e->track_link);
    b->media_bytes -= e->size;
    e->track->pending -= duration_of (e->info);
    unchain_by_name (b, e);
  } else {
    g_queue_unlink (&b->deletes, &e->link);
    unchain_by_name (b, e);
  }
  entry_free (e);
}

gboolean
gst_delivery_backlog_is_eligible (const GstDeliveryBacklog * b, const Entry * playlist)
{
  const Entry *first_media = g_queue_peek_head (&playlist->track->media);
  guint i;

  if (first_media && first_media->order < playlist->order)
    return FALSE;
  if (playlist->info->kind != GST_DELIVERY_KIND_MULTIVARIANT)
    return TRUE;
  for (i = 0; i < b->tracks->len; i++) {
    const Track *track = g_ptr_array_index (b->tracks, i);

    if (track->first_order < playlist->order && track->has_playlist && !track->playlist_published)
      return FALSE;
  }
  return TRUE;
}

Entry *
gst_delivery_backlog_newest_eligible (GstDeliveryBacklog * b, Slot * slot)
{
  Entry *newest = NULL;
  GList *l, *next;

  for (l = slot->entries.head; l; l = next) {
    Entry *e = l->data, *older = newest;

    next = l->next;
    if (!gst_delivery_backlog_is_eligible (b, e))
      break;
    if (newest && e->info->sequence < newest->info->sequence)
      older = e;
    else
      newest = e;
    if (older)
      gst_delivery_backlog_remove (b, older);
  }
  return newest;
}

Entry *
gst_delivery_backlog_oldest_idle (GQueue * list)
{
  GList *l;

  for (l = list->head; l; l = l->next) {
    Entry *e = l->data;

    if (!e->in_flight)
      return e;
  }
  return NULL;
}
