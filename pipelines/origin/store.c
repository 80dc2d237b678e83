/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <string.h>

typedef struct {
  StoreObject *object;
  gchar *path;
  GList link;                   /* in Store.arrivals */
} Entry;

struct _Store {
  GHashTable *entries;          /* path: Entry */
  GHashTable *collections;      /* paths */
  GQueue arrivals;              /* of Entry, the oldest first; pinned ones are not in it */
  guint64 bytes, keep_bytes;
  guint64 epoch, puts;          /* together an entity tag that no other run of the origin gave */
};

StoreObject *
store_object_new (GBytes * body, const gchar * content_type)
{
  StoreObject *object = g_new0 (StoreObject, 1);

  object->body = g_bytes_ref (body);
  object->content_type = g_strdup (content_type);
  return object;
}

void
store_object_free (StoreObject * object)
{
  g_bytes_unref (object->body);
  g_free (object->content_type);
  g_free (object->cache_control);
  g_free (object->content_encoding);
  g_free (object->etag);
  g_free (object);
}

static void
entry_free (Entry * entry)
{
  store_object_free (entry->object);
  g_free (entry->path);
  g_free (entry);
}

Store *
store_new (guint64 keep_bytes)
{
  Store *store = g_new0 (Store, 1);

  store->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) entry_free);
  store->collections = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_add (store->collections, g_strdup ("/"));
  g_queue_init (&store->arrivals);
  store->keep_bytes = keep_bytes;
  store->epoch = g_get_real_time ();
  return store;
}

void
store_free (Store * store)
{
  g_hash_table_unref (store->entries);
  g_hash_table_unref (store->collections);
  g_free (store);
}

static void
drop (Store * store, Entry * entry)
{
  store->bytes -= g_bytes_get_size (entry->object->body);
  if (!entry->object->pinned)
    g_queue_unlink (&store->arrivals, &entry->link);
  g_hash_table_remove (store->entries, entry->path);
}

/* "/0/a/b.ts", "/0/a/b/": "/0/a/" */
static gchar *
parent_of (const gchar * path)
{
  gsize end = strlen (path) - 1;

  while (path[end - 1] != '/')
    end--;
  return g_strndup (path, end);
}

static gboolean
is_object (Store * store, const gchar * collection)
{
  g_autofree gchar *path = g_strndup (collection, strlen (collection) - 1);

  return g_hash_table_contains (store->entries, path);
}

static gboolean
make_parents (Store * store, const gchar * path)
{
  g_autofree gchar *parent = parent_of (path);

  if (g_hash_table_contains (store->collections, parent))
    return TRUE;
  if (is_object (store, parent) || !make_parents (store, parent))
    return FALSE;
  g_hash_table_add (store->collections, g_steal_pointer (&parent));
  return TRUE;
}

StoreResult
store_put (Store * store, const gchar * path, StoreObject * object)
{
  gsize size = g_bytes_get_size (object->body);
  g_autofree gchar *as_collection = g_strconcat (path, "/", NULL);
  StoreResult result = STORE_CREATED;
  Entry *old, *entry;

  if (g_str_has_suffix (path, "/") || g_hash_table_contains (store->collections, as_collection)) {
    store_object_free (object);
    return STORE_IS_COLLECTION;
  }
  if (!make_parents (store, path)) {
    store_object_free (object);
    return STORE_NO_PARENT;
  }

  old = g_hash_table_lookup (store->entries, path);
  if (old != NULL)
    store->bytes -= g_bytes_get_size (old->object->body);
  while (store->bytes + size > store->keep_bytes) {
    Entry *oldest = g_queue_peek_head (&store->arrivals);

    if (oldest != NULL && oldest == old)
      oldest = old->link.next != NULL ? old->link.next->data : NULL;
    if (oldest == NULL) {
      if (old != NULL)
        store->bytes += g_bytes_get_size (old->object->body);
      store_object_free (object);
      return STORE_FULL;
    }
    drop (store, oldest);
  }
  if (old != NULL) {
    store->bytes += g_bytes_get_size (old->object->body);
    drop (store, old);
    result = STORE_REPLACED;
  }

  object->arrived = g_get_real_time ();
  object->etag = g_strdup_printf ("\"%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x\"", store->epoch, ++store->puts);
  entry = g_new0 (Entry, 1);
  entry->object = object;
  entry->path = g_strdup (path);
  entry->link.data = entry;
  g_hash_table_insert (store->entries, entry->path, entry);
  if (!object->pinned)
    g_queue_push_tail_link (&store->arrivals, &entry->link);
  store->bytes += size;
  return result;
}

const StoreObject *
store_lookup (Store * store, const gchar * path)
{
  Entry *entry = g_hash_table_lookup (store->entries, path);

  return entry != NULL ? entry->object : NULL;
}

gboolean
store_has_collection (Store * store, const gchar * path)
{
  return g_hash_table_contains (store->collections, path);
}

StoreResult
store_remove (Store * store, const gchar * path)
{
  Entry *entry = g_hash_table_lookup (store->entries, path);

  if (entry == NULL)
    return g_hash_table_contains (store->collections, path) ? STORE_IS_COLLECTION : STORE_NOT_FOUND;
  drop (store, entry);
  return STORE_REMOVED;
}

StoreResult
store_make_collection (Store * store, const gchar * path)
{
  g_autofree gchar *parent = NULL;

  if (g_hash_table_contains (store->collections, path) || is_object (store, path))
    return STORE_EXISTS;
  parent = parent_of (path);
  if (!g_hash_table_contains (store->collections, parent))
    return STORE_NO_PARENT;
  g_hash_table_add (store->collections, g_strdup (path));
  return STORE_CREATED;
}
