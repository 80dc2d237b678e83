/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The object contract: the meta that says what a buffer is part of, and the
 * queries that a packager and a sink ask each other.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gstdeliveryobject.h"

#include <string.h>

GST_DEBUG_CATEGORY (gst_delivery_debug);

#define DESTINATION_QUERY "delivery-destination"
#define LOST_QUERY "delivery-lost-objects"

static const gchar *const kind_names[] = {
  [GST_DELIVERY_KIND_INIT] = "init",
  [GST_DELIVERY_KIND_SEGMENT] = "segment",
  [GST_DELIVERY_KIND_PART] = "part",
  [GST_DELIVERY_KIND_KEY] = "key",
  [GST_DELIVERY_KIND_PLAYLIST] = "playlist",
  [GST_DELIVERY_KIND_MULTIVARIANT] = "multivariant",
  [GST_DELIVERY_KIND_DELETE] = "delete",
};

void
gst_delivery_init (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    static const gchar *tags[] = { NULL };

    GST_DEBUG_CATEGORY_INIT (gst_delivery_debug, "delivery", 0, "delivery objects and their sinks");
    /* A process may hold a second copy of this code, linked statically. */
    if (!gst_meta_get_info (GST_DELIVERY_META))
      gst_meta_register_custom (GST_DELIVERY_META, tags, NULL, NULL, NULL);
    g_once_init_leave (&once, 1);
  }
}

const gchar *
gst_delivery_kind_to_string (GstDeliveryKind kind)
{
  g_return_val_if_fail ((guint) kind < G_N_ELEMENTS (kind_names), NULL);

  return kind_names[kind];
}

gboolean
gst_delivery_kind_from_string (const gchar * text, GstDeliveryKind * kind)
{
  guint i;

  for (i = 0; text && i < G_N_ELEMENTS (kind_names); i++) {
    if (strcmp (text, kind_names[i]) == 0) {
      *kind = (GstDeliveryKind) i;
      return TRUE;
    }
  }
  return FALSE;
}

/* --- the meta --- */

/* A name becomes part of a URL path and of a file name: it may not leave the
 * sink's folder, nor smuggle a line into a protocol. */
static const gchar *
name_fault (const gchar * name)
{
  const gchar *component, *p;

  if (*name == '\0')
    return "is empty";
  if (!g_utf8_validate (name, -1, NULL))
    return "is not UTF-8";
  if (*name == '/')
    return "begins with a slash";
  for (p = name; *p; p = g_utf8_next_char (p)) {
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      return "has a control character";
  }
  for (component = name;; component = p + 1) {
    gsize length;

    length = strcspn (component, "/");
    p = component + length;
    if (length == 0)
      return "has an empty path component";
    if ((length == 1 && component[0] == '.') || (length == 2 && component[0] == '.' && component[1] == '.'))
      return "has a \".\" or \"..\" path component";
    if (*p == '\0')
      return NULL;
  }
}

static void
set_string (GstStructure * s, const gchar * field, const gchar * value)
{
  if (value)
    gst_structure_set (s, field, G_TYPE_STRING, value, NULL);
}

GstStructure *
gst_delivery_buffer_add_info (GstBuffer * buffer, const GstDeliveryInfo * info)
{
  GstCustomMeta *meta;
  GstStructure *s;

  g_return_val_if_fail (gst_buffer_is_writable (buffer), NULL);
  g_return_val_if_fail (gst_buffer_get_custom_meta (buffer, GST_DELIVERY_META) == NULL, NULL);

  meta = gst_buffer_add_custom_meta (buffer, GST_DELIVERY_META);
  g_return_val_if_fail (meta != NULL, NULL);
  s = gst_custom_meta_get_structure (meta);

  set_string (s, "name", info->name);
  gst_structure_set (s,
      "kind", G_TYPE_STRING, gst_delivery_kind_to_string (info->kind),
      "track", G_TYPE_STRING, info->track ? info->track : "",
      "sequence", G_TYPE_UINT64, info->sequence,
      "duration", G_TYPE_UINT64, info->duration,
      "created", G_TYPE_INT64, info->created, "losses", G_TYPE_UINT64, info->losses, NULL);
  set_string (s, "content-type", info->content_type);
  set_string (s, "cache-control", info->cache_control);
  set_string (s, "content-encoding", info->content_encoding);
  if (info->size != GST_DELIVERY_SIZE_UNKNOWN)
    gst_structure_set (s, "size", G_TYPE_UINT64, info->size, NULL);
  return s;
}

GstStructure *
gst_delivery_buffer_get_structure (GstBuffer * buffer)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, GST_DELIVERY_META);

  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

/* A field may be missing, but where it is there it has its type. */
static gboolean
check_type (const GstStructure * s, const gchar * field, GType type, gboolean * there, GError ** error)
{
  const GValue *value = gst_structure_get_value (s, field);

  *there = value != NULL;
  if (value && !G_VALUE_HOLDS (value, type)) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "field \"%s\" of a delivery object is a %s, must be a %s", field, G_VALUE_TYPE_NAME (value),
        g_type_name (type));
    return FALSE;
  }
  return TRUE;
}

static gboolean
get_string (const GstStructure * s, const gchar * field, const gchar ** out, GError ** error)
{
  gboolean there;

  if (!check_type (s, field, G_TYPE_STRING, &there, error))
    return FALSE;
  if (there)
    *out = gst_structure_get_string (s, field);
  return TRUE;
}

static gboolean
get_uint64 (const GstStructure * s, const gchar * field, guint64 * out, GError ** error)
{
  gboolean there;

  if (!check_type (s, field, G_TYPE_UINT64, &there, error))
    return FALSE;
  if (there)
    gst_structure_get_uint64 (s, field, out);
  return TRUE;
}

gboolean
gst_delivery_buffer_get_info (GstBuffer * buffer, gboolean allow_unnamed, GstDeliveryInfo * info, GError ** error)
{
  const GstStructure *s = gst_delivery_buffer_get_structure (buffer);
  const gchar *kind = NULL, *fault;
  gboolean there;

  *info = (GstDeliveryInfo) {
    .track = "",
    .duration = GST_CLOCK_TIME_NONE,
    .size = GST_DELIVERY_SIZE_UNKNOWN,
  };

  if (!s) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "buffer has no " GST_DELIVERY_META ", which " GST_DELIVERY_CAPS " must carry");
    return FALSE;
  }
  if (!get_string (s, "name", &info->name, error) || !get_string (s, "kind", &kind, error)
      || !get_string (s, "track", &info->track, error)
      || !get_string (s, "content-type", &info->content_type, error)
      || !get_string (s, "cache-control", &info->cache_control, error)
      || !get_string (s, "content-encoding", &info->content_encoding, error)
      || !get_uint64 (s, "sequence", &info->sequence, error)
      || !get_uint64 (s, "duration", &info->duration, error)
      || !get_uint64 (s, "size", &info->size, error)
      || !get_uint64 (s, "losses", &info->losses, error)
      || !check_type (s, "created", G_TYPE_INT64, &there, error))
    return FALSE;
  if (there)
    gst_structure_get_int64 (s, "created", &info->created);
  if (!info->track)
    info->track = "";

  if (!gst_delivery_kind_from_string (kind, &info->kind)) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "delivery object has %s%s%s; known kinds are init, segment, part, key, playlist, multivariant, delete",
        kind ? "the unknown kind \"" : "no kind", kind ? kind : "", kind ? "\"" : "");
    return FALSE;
  }
  if (!info->name) {
    if (allow_unnamed)
      return TRUE;
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "delivery object of kind %s has no name", kind);
    return FALSE;
  }
  fault = name_fault (info->name);
  if (fault) {
    g_autofree gchar *shown = g_strescape (info->name, NULL);

    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "delivery object name \"%s\" %s; it must be a path below the sink's location, like \"a/b_00001.ts\"",
        shown, fault);
    return FALSE;
  }
  return TRUE;
}

GstBuffer *
gst_delivery_buffer_new_object (const GstDeliveryInfo * info, GBytes * bytes)
{
  GstBuffer *buffer = bytes ? gst_buffer_new_wrapped_bytes (bytes) : gst_buffer_new ();

  if (bytes)
    g_bytes_unref (bytes);
  GST_BUFFER_OFFSET (buffer) = 0;
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
  gst_delivery_buffer_add_info (buffer, info);
  return buffer;
}

/* --- the queries --- */

static gboolean
query_is (GstQuery * query, const gchar * name)
{
  const GstStructure *s;

  if (GST_QUERY_TYPE (query) != GST_QUERY_CUSTOM)
    return FALSE;
  s = gst_query_get_structure (query);
  return s && gst_structure_has_name (s, name);
}

GstQuery *
gst_delivery_query_new_destination (void)
{
  return gst_query_new_custom (GST_QUERY_CUSTOM, gst_structure_new_empty (DESTINATION_QUERY));
}

gboolean
gst_delivery_query_is_destination (GstQuery * query)
{
  return query_is (query, DESTINATION_QUERY);
}

void
gst_delivery_query_set_destination (GstQuery * query, const gchar * base_name)
{
  g_return_if_fail (gst_delivery_query_is_destination (query));

  gst_structure_set (gst_query_writable_structure (query), "base-name", G_TYPE_STRING, base_name, NULL);
}

const gchar *
gst_delivery_query_get_destination (GstQuery * query)
{
  g_return_val_if_fail (gst_delivery_query_is_destination (query), NULL);

  return gst_structure_get_string (gst_query_get_structure (query), "base-name");
}

GstQuery *
gst_delivery_query_new_lost (const gchar * track, const gchar * const *lost, const gchar * playlist, guint64 revision)
{
  static const gchar *const none[] = { NULL };

  return gst_query_new_custom (GST_QUERY_CUSTOM, gst_structure_new (LOST_QUERY,
          "track", G_TYPE_STRING, track, "lost", G_TYPE_STRV, lost ? lost : none,
          "playlist", G_TYPE_STRING, playlist, "revision", G_TYPE_UINT64, revision, NULL));
}

gboolean
gst_delivery_query_is_lost (GstQuery * query)
{
  return query_is (query, LOST_QUERY);
}

void
gst_delivery_query_parse_lost (GstQuery * query, const gchar ** track, gchar *** lost, const gchar ** playlist,
    guint64 * revision)
{
  const GstStructure *s;

  g_return_if_fail (gst_delivery_query_is_lost (query));

  s = gst_query_get_structure (query);
  if (track)
    *track = gst_structure_get_string (s, "track");
  if (lost)
    gst_structure_get (s, "lost", G_TYPE_STRV, lost, NULL);
  if (playlist)
    *playlist = gst_structure_get_string (s, "playlist");
  if (revision)
    gst_structure_get_uint64 (s, "revision", revision);
}

void
gst_delivery_query_set_playlist (GstQuery * query, GstBuffer * buffer)
{
  g_return_if_fail (gst_delivery_query_is_lost (query));

  gst_structure_set (gst_query_writable_structure (query), "buffer", GST_TYPE_BUFFER, buffer, NULL);
  gst_buffer_unref (buffer);
}

GstBuffer *
gst_delivery_query_get_playlist (GstQuery * query)
{
  GstBuffer *buffer = NULL;

  g_return_val_if_fail (gst_delivery_query_is_lost (query), NULL);

  gst_structure_get (gst_query_get_structure (query), "buffer", GST_TYPE_BUFFER, &buffer, NULL);
  return buffer;
}
