/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the origin holds: objects and collections by path, in memory, no more than so
 * many bytes of it. Knows nothing of HTTP or HLS. One thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  GBytes *body;
  gchar *content_type;
  gchar *cache_control;         /* or NULL */
  gchar *content_encoding;      /* or NULL */
  gboolean pinned;              /* not given up for newer bytes */
  /* set by the store: */
  gchar *etag;
  gint64 arrived;               /* g_get_real_time() */
} StoreObject;

typedef enum {
  STORE_CREATED,
  STORE_REPLACED,
  STORE_REMOVED,
  STORE_NOT_FOUND,
  STORE_EXISTS,                 /* a collection or an object is there already */
  STORE_NO_PARENT,              /* the collection it should go into is not there, or is an object */
  STORE_IS_COLLECTION,
  STORE_FULL,
} StoreResult;

typedef struct _Store Store;

/* @keep_bytes: when there is more, the oldest objects that are not pinned go. */
Store *store_new (guint64 keep_bytes);
void store_free (Store * store);

StoreObject *store_object_new (GBytes * body, const gchar * content_type);
void store_object_free (StoreObject * object);

/* Paths begin with a slash; those of collections end in one. */

/* Takes @object, whole, in place of what was there; makes the collections on the way to it.
 * STORE_CREATED, REPLACED, IS_COLLECTION, NO_PARENT or FULL. */
StoreResult store_put (Store * store, const gchar * path, StoreObject * object);
/* Until the next call that changes the store; NULL: not there. */
const StoreObject *store_lookup (Store * store, const gchar * path);
gboolean store_has_collection (Store * store, const gchar * path);
/* STORE_REMOVED, NOT_FOUND or IS_COLLECTION. */
StoreResult store_remove (Store * store, const gchar * path);
/* STORE_CREATED, EXISTS or NO_PARENT. */
StoreResult store_make_collection (Store * store, const gchar * path);

G_END_DECLS
