/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits to be published, and in which order it stands. Private to
 * libgstdelivery: the data that gstdeliveryqueue.c decides over.
 *
 * Entries wait in lists by what they wait for: media in the backlog's and its track's
 * order of arrival, playlists in a slot for each name, deletes in one list. An
 * entry stays in its lists while an attempt of it is under way.
 */
#pragma once

#include "gstdeliveryobject.h"

G_BEGIN_DECLS

typedef struct _Entry Entry;

typedef struct {
  guint failures;               /* in a row */
  GstClockTime not_before;
  GstClockTime retry_after;     /* the destination's own wish: outlives a success of others */
} Wait;

typedef struct {
  guint64 revision;
  GstClockTime time;
} Published;

/* The unit of order. */
typedef struct {
  gchar *name;
  guint64 first_order;
  GQueue media;                 /* Entry, unfinished, in order of arrival */
  GstClockTime pending;         /* their durations */
  guint64 losses;
  GPtrArray *untold;            /* names lost that upstream does not know of */
  gboolean reporting;
  gboolean has_playlist, playlist_published;
  GArray *history;              /* Published, ascending */
} Track;

/* All revisions of one playlist name. */
typedef struct {
  Track *track;
  GQueue entries;               /* in order of arrival */
  Entry *writing;               /* under way, or asked for again */
  gboolean published;
  guint64 published_revision;
  Wait wait;
} Slot;

struct _Entry {
  GstDeliveryObject *object;
  const GstDeliveryInfo *info;  /* of @object */
  guint64 size;
  Track *track;
  Slot *slot;                   /* of a playlist */
  guint64 order;
  GstClockTime arrival;
  GstClockTime due;             /* of a delete; NONE: its playlist is not out yet */
  Wait own_wait, *wait;
  guint attempts;
  gboolean in_flight;
  gboolean free_used;           /* was repeated without counting since the last counted attempt */
  gboolean abandoned;           /* lost, unless the attempt under way ends well */
  gboolean as_is;               /* a playlist that nobody can write again */
  guint64 known_losses;         /* of a playlist: what its writer knew */
  gchar *reason;                /* why the last attempt failed */
  guint status;
  Entry *older, *newer;         /* unfinished media and deletes of the same name */
  GList link, track_link;
};

typedef struct {
  guint64 order;
  GPtrArray *tracks;            /* in order of appearance */
  GHashTable *tracks_by_name;
  GPtrArray *slots;
  GHashTable *slots_by_name;
  GHashTable *by_name;          /* newest unfinished media or delete Entry of a name */
  GQueue media;                 /* Entry, unfinished, in order of arrival */
  guint64 media_bytes;
  GQueue deletes;
} GstDeliveryBacklog;

void gst_delivery_backlog_init (GstDeliveryBacklog * backlog);
void gst_delivery_backlog_clear (GstDeliveryBacklog * backlog);

Track *gst_delivery_backlog_get_track (GstDeliveryBacklog * backlog, const gchar * name);

/* Takes @object. NULL: a playlist older than the one published. */
Entry *gst_delivery_backlog_add (GstDeliveryBacklog * backlog, GstDeliveryObject * object, GstClockTime now);
/* Takes @e out of every list and frees it. */
void gst_delivery_backlog_remove (GstDeliveryBacklog * backlog, Entry * e);
/* Takes @object. */
void gst_delivery_entry_set_object (Entry * e, GstDeliveryObject * object);

/* Rule 2: has what came before @playlist been published, or lost? */
gboolean gst_delivery_backlog_is_eligible (const GstDeliveryBacklog * backlog, const Entry * playlist);
/* Rule 3: the newest of those that may go, without the others. One that may not go yet
 * stays, and leaves the older ones be: an uplink that always lags still publishes. */
Entry *gst_delivery_backlog_newest_eligible (GstDeliveryBacklog * backlog, Slot * slot);

/* The first of @list with no attempt under way. */
Entry *gst_delivery_backlog_oldest_idle (GQueue * list);

static inline gboolean
is_media (const Entry * e)
{
  return GST_DELIVERY_KIND_IS_MEDIA (e->info->kind);
}

static inline GstClockTime
duration_of (const GstDeliveryInfo * info)
{
  return GST_CLOCK_TIME_IS_VALID (info->duration) ? info->duration : 0;
}

G_END_DECLS
