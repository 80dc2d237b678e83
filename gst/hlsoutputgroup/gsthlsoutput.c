/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gsthlsoutput.h"
#include "numbering.h"

enum
{
  PROP_0,
  PROP_NAME_MODIFIER,
  PROP_SEGMENT_MODIFIER,
};

struct _GstHlsOutput
{
  GstObject parent;

  gchar *name_modifier;         /* NULL: "-" and the output's name */
  gchar *segment_modifier;
};

G_DEFINE_FINAL_TYPE (GstHlsOutput, gst_hls_output, GST_TYPE_OBJECT);

GstHlsOutput *
gst_hls_output_new (const gchar *name)
{
  return gst_object_ref_sink (g_object_new (GST_TYPE_HLS_OUTPUT, "name", name, NULL));
}

gchar *
gst_hls_output_dup_name_modifier (GstHlsOutput *self)
{
  gchar *text;

  GST_OBJECT_LOCK (self);
  text = self->name_modifier ? g_strdup (self->name_modifier)
      : g_strconcat ("-", GST_OBJECT_NAME (self), NULL);
  GST_OBJECT_UNLOCK (self);
  return text;
}

gchar *
gst_hls_output_dup_segment_modifier (GstHlsOutput *self)
{
  gchar *text;

  GST_OBJECT_LOCK (self);
  text = g_strdup (self->segment_modifier);
  GST_OBJECT_UNLOCK (self);
  return text;
}

static void
set_modifier (GstHlsOutput *self, gchar **field, const GValue *value, GParamSpec *pspec)
{
  const gchar *text = g_value_get_string (value);
  g_autoptr (GError) error = NULL;

  if (text && *text && !hls_name_part_is_valid (text, &error)) {
    g_warning ("output %s: %s cannot be \"%s\": %s", GST_OBJECT_NAME (self), pspec->name, text, error->message);
    return;
  }
  GST_OBJECT_LOCK (self);
  g_free (*field);
  *field = text && *text ? g_strdup (text) : NULL;
  GST_OBJECT_UNLOCK (self);
}

static void
gst_hls_output_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstHlsOutput *self = GST_HLS_OUTPUT (object);

  switch (id) {
    case PROP_NAME_MODIFIER:
      set_modifier (self, &self->name_modifier, value, pspec);
      break;
    case PROP_SEGMENT_MODIFIER:
      set_modifier (self, &self->segment_modifier, value, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
gst_hls_output_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstHlsOutput *self = GST_HLS_OUTPUT (object);

  switch (id) {
    case PROP_NAME_MODIFIER:
      g_value_take_string (value, gst_hls_output_dup_name_modifier (self));
      break;
    case PROP_SEGMENT_MODIFIER:
      g_value_take_string (value, gst_hls_output_dup_segment_modifier (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
gst_hls_output_finalize (GObject *object)
{
  GstHlsOutput *self = GST_HLS_OUTPUT (object);

  g_free (self->name_modifier);
  g_free (self->segment_modifier);
  G_OBJECT_CLASS (gst_hls_output_parent_class)->finalize (object);
}

static void
gst_hls_output_class_init (GstHlsOutputClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = gst_hls_output_set_property;
  object_class->get_property = gst_hls_output_get_property;
  object_class->finalize = gst_hls_output_finalize;

  /**
   * GstHlsOutput:name-modifier:
   *
   * What tells this output's names from the others', between base name and counter or extension
   * (MediaLive: nameModifier). Default: "-" and the output's name.
   */
  g_object_class_install_property (object_class, PROP_NAME_MODIFIER,
      g_param_spec_string ("name-modifier", "Name modifier",
          "Follows the base name in the names of this output's playlist and segments; "
          "NULL: a dash and the output's name", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  /**
   * GstHlsOutput:segment-modifier:
   *
   * Follows the name modifier in the names of segments (MediaLive: segmentModifier).
   */
  g_object_class_install_property (object_class, PROP_SEGMENT_MODIFIER,
      g_param_spec_string ("segment-modifier", "Segment modifier",
          "Follows the name modifier in the names of this output's segments", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
}

static void
gst_hls_output_init (GstHlsOutput *self)
{
}
