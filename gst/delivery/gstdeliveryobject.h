/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The object contract: what is published under one name, and how it travels
 * through a pipeline. docs/architecture.md tells it in prose.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#ifdef BUILDING_GST_DELIVERY
#define GST_DELIVERY_API __attribute__ ((visibility ("default")))
#else
#define GST_DELIVERY_API
#endif

/* An object travels as one or more GstBuffers with these caps, each with a
 * GstCustomMeta of this name. GST_BUFFER_OFFSET is the byte offset inside the
 * object; the last fragment has GST_BUFFER_FLAG_MARKER. Fragments of different
 * objects may interleave; those of one object come in order. */
#define GST_DELIVERY_CAPS "application/x-delivery-object"
#define GST_DELIVERY_META "GstDeliveryObjectMeta"

/**
 * GstDeliveryKind:
 * @GST_DELIVERY_KIND_INIT: initialization section of a track
 * @GST_DELIVERY_KIND_SEGMENT: media segment
 * @GST_DELIVERY_KIND_PART: partial segment
 * @GST_DELIVERY_KIND_KEY: encryption key
 * @GST_DELIVERY_KIND_PLAYLIST: media playlist; `sequence` is its revision
 * @GST_DELIVERY_KIND_MULTIVARIANT: multivariant playlist; `sequence` is its revision
 * @GST_DELIVERY_KIND_DELETE: no bytes: `name` is to be removed. `sequence` is the
 *   first revision of the track's playlist that no longer names it, `duration`
 *   how long after that revision was published it must still be there
 *   (RFC 8216bis 6.2.2).
 */
typedef enum {
  GST_DELIVERY_KIND_INIT,
  GST_DELIVERY_KIND_SEGMENT,
  GST_DELIVERY_KIND_PART,
  GST_DELIVERY_KIND_KEY,
  GST_DELIVERY_KIND_PLAYLIST,
  GST_DELIVERY_KIND_MULTIVARIANT,
  GST_DELIVERY_KIND_DELETE,
} GstDeliveryKind;

/* init, segment, part and key: what a playlist may name. */
#define GST_DELIVERY_KIND_IS_MEDIA(k) ((k) <= GST_DELIVERY_KIND_KEY)
#define GST_DELIVERY_KIND_IS_PLAYLIST(k) \
    ((k) == GST_DELIVERY_KIND_PLAYLIST || (k) == GST_DELIVERY_KIND_MULTIVARIANT)

/**
 * GstDeliveryInfo:
 * @name: path relative to the sink's location, UTF-8, no leading slash, no "." or
 *   ".." component. NULL only between a segmenter and its packager.
 * @kind: what it is
 * @track: the rendition: the unit of order. "" for a multivariant playlist
 * @sequence: media sequence number, or revision of a playlist; see #GstDeliveryKind
 * @content_type: MIME type, or NULL
 * @cache_control: value of Cache-Control, or NULL
 * @content_encoding: "gzip" or NULL
 * @duration: of media: its length. Of a playlist: its target duration. Of a
 *   delete: the hold. GST_CLOCK_TIME_NONE when not known (yet)
 * @size: bytes of the whole object, or GST_DELIVERY_SIZE_UNKNOWN
 * @created: g_get_monotonic_time() when the last input that went into the object
 *   came in (microseconds): publish latency counts from here. 0: unknown
 * @losses: of a playlist: how many lost objects of its track its writer had been
 *   told of when it was written
 *
 * What the meta's #GstStructure holds, as a plain struct. Strings are borrowed
 * from whatever the struct was filled from.
 */
typedef struct {
  const gchar *name;
  GstDeliveryKind kind;
  const gchar *track;
  guint64 sequence;
  const gchar *content_type;
  const gchar *cache_control;
  const gchar *content_encoding;
  GstClockTime duration;
  guint64 size;
  gint64 created;
  guint64 losses;
} GstDeliveryInfo;

#define GST_DELIVERY_SIZE_UNKNOWN G_MAXUINT64

/* Registers the meta and the query types. Idempotent, thread safe; every plugin
 * that uses delivery objects calls it from plugin_init. */
GST_DELIVERY_API void gst_delivery_init (void);

GST_DELIVERY_API const gchar *gst_delivery_kind_to_string (GstDeliveryKind kind);
GST_DELIVERY_API gboolean gst_delivery_kind_from_string (const gchar * text, GstDeliveryKind * kind);

/* Attaches @info to @buffer, which must be writable and have no such meta yet.
 * Returns the meta's structure (owned by the buffer), to which a producer may
 * add fields of its own. */
GST_DELIVERY_API GstStructure *gst_delivery_buffer_add_info (GstBuffer * buffer, const GstDeliveryInfo * info);

/* Reads the meta of @buffer into @info. FALSE with @error (GST_STREAM_ERROR_FORMAT)
 * that names what is missing or wrong: no meta, no or bad name (unless
 * @allow_unnamed), unknown kind. The strings live as long as the buffer. */
GST_DELIVERY_API gboolean gst_delivery_buffer_get_info (GstBuffer * buffer, gboolean allow_unnamed,
    GstDeliveryInfo * info, GError ** error);

/* The meta's structure, or NULL. Writable only where the buffer is. */
GST_DELIVERY_API GstStructure *gst_delivery_buffer_get_structure (GstBuffer * buffer);

/* A whole object in one buffer: MARKER set, offset 0; takes @bytes (may be NULL
 * for a delete). */
GST_DELIVERY_API GstBuffer *gst_delivery_buffer_new_object (const GstDeliveryInfo * info, GBytes * bytes);

/* --- Queries that a sink and a packager ask each other. Both are
 * GST_QUERY_CUSTOM with serialized = FALSE. --- */

/* Downstream, packager to sink: what is your location's base name?
 * ("https://host/live/curling" : "curling"; "https://host/live/" : "index") */
GST_DELIVERY_API GstQuery *gst_delivery_query_new_destination (void);
GST_DELIVERY_API gboolean gst_delivery_query_is_destination (GstQuery * query);
GST_DELIVERY_API void gst_delivery_query_set_destination (GstQuery * query, const gchar * base_name);
GST_DELIVERY_API const gchar *gst_delivery_query_get_destination (GstQuery * query);

/* Upstream, sink to packager, from one of the sink's worker threads: these
 * objects (@lost: NULL-terminated names) of @track will never be published.
 * With @playlist (a name; NULL for none): write revision @revision of that
 * playlist again with every loss told so far marked as EXT-X-GAP, and return it
 * (a buffer with meta, as the packager would push it). */
GST_DELIVERY_API GstQuery *gst_delivery_query_new_lost (const gchar * track, const gchar * const *lost,
    const gchar * playlist, guint64 revision);
GST_DELIVERY_API gboolean gst_delivery_query_is_lost (GstQuery * query);
/* @lost is (transfer full), free with g_strfreev; the others are borrowed. */
GST_DELIVERY_API void gst_delivery_query_parse_lost (GstQuery * query, const gchar ** track, gchar *** lost,
    const gchar ** playlist, guint64 * revision);
/* Takes @buffer. */
GST_DELIVERY_API void gst_delivery_query_set_playlist (GstQuery * query, GstBuffer * buffer);
/* (transfer full) (nullable) */
GST_DELIVERY_API GstBuffer *gst_delivery_query_get_playlist (GstQuery * query);

/* --- An assembled object, as a sink's subclass sees it. Reference counted,
 * immutable once it is handed out, usable from any thread. --- */
typedef struct _GstDeliveryObject GstDeliveryObject;

GST_DELIVERY_API GstDeliveryObject *gst_delivery_object_ref (GstDeliveryObject * object);
GST_DELIVERY_API void gst_delivery_object_unref (GstDeliveryObject * object);
GST_DELIVERY_API const GstDeliveryInfo *gst_delivery_object_get_info (const GstDeliveryObject * object);
/* Bytes of the whole object. */
GST_DELIVERY_API guint64 gst_delivery_object_get_size (const GstDeliveryObject * object);
/* Its bytes, in order, as the memories of its buffers: a subclass maps and
 * writes them one after the other; nothing is merged or copied. */
GST_DELIVERY_API guint gst_delivery_object_n_memories (const GstDeliveryObject * object);
GST_DELIVERY_API GstMemory *gst_delivery_object_peek_memory (const GstDeliveryObject * object, guint index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstDeliveryObject, gst_delivery_object_unref)
G_END_DECLS
