/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gsthlspipelinepad.h"
#include "numbering.h"

enum
{
  PROP_0,
  PROP_BASE_NAME,
};

struct _GstHlsPipelinePad
{
  GstGhostPad parent;

  GstHlsPackager *packager;
  gchar *base_name;
};

G_DEFINE_FINAL_TYPE (GstHlsPipelinePad, gst_hls_pipeline_pad, GST_TYPE_GHOST_PAD);

GstPad *
gst_hls_pipeline_pad_new (const gchar *name, GstPadTemplate *templ, GstHlsPackager *packager)
{
  GstHlsPipelinePad *self = g_object_new (GST_TYPE_HLS_PIPELINE_PAD, "name", name,
      "direction", GST_PAD_SRC, "template", templ, NULL);
  GstPad *target = gst_element_get_static_pad (GST_ELEMENT (packager), "src");

  self->packager = gst_object_ref (packager);
  gst_ghost_pad_set_target (GST_GHOST_PAD (self), target);
  gst_object_unref (target);
  return GST_PAD (self);
}

GstHlsPackager *
gst_hls_pipeline_pad_get_packager (GstHlsPipelinePad *self)
{
  return self->packager;
}

static void
gst_hls_pipeline_pad_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstHlsPipelinePad *self = GST_HLS_PIPELINE_PAD (object);
  const gchar *text;
  g_autoptr (GError) error = NULL;

  switch (id) {
    case PROP_BASE_NAME:
      text = g_value_get_string (value);
      if (text && !hls_name_part_is_valid (text, &error)) {
        g_warning ("pad %s: base-name cannot be \"%s\": %s", GST_PAD_NAME (self), text, error->message);
        break;
      }
      GST_OBJECT_LOCK (self);
      g_free (self->base_name);
      self->base_name = g_strdup (text);
      GST_OBJECT_UNLOCK (self);
      gst_hls_packager_set_base_name (self->packager, text);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
gst_hls_pipeline_pad_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstHlsPipelinePad *self = GST_HLS_PIPELINE_PAD (object);

  switch (id) {
    case PROP_BASE_NAME:
      GST_OBJECT_LOCK (self);
      g_value_set_string (value, self->base_name);
      GST_OBJECT_UNLOCK (self);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
gst_hls_pipeline_pad_finalize (GObject *object)
{
  GstHlsPipelinePad *self = GST_HLS_PIPELINE_PAD (object);

  gst_clear_object (&self->packager);
  g_free (self->base_name);
  G_OBJECT_CLASS (gst_hls_pipeline_pad_parent_class)->finalize (object);
}

static void
gst_hls_pipeline_pad_class_init (GstHlsPipelinePadClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = gst_hls_pipeline_pad_set_property;
  object_class->get_property = gst_hls_pipeline_pad_get_property;
  object_class->finalize = gst_hls_pipeline_pad_finalize;

  /**
   * GstHlsPipelinePad:base-name:
   *
   * What the names of this pipeline begin with. By default the pad asks its sink, whose location ends in it;
   * to be set where there is no such sink: an appsink, a pipeline of another process.
   */
  g_object_class_install_property (object_class, PROP_BASE_NAME,
      g_param_spec_string ("base-name", "Base name",
          "What the names of playlists and segments begin with; NULL: the last component of the sink's location", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
}

static void
gst_hls_pipeline_pad_init (GstHlsPipelinePad *self)
{
}
