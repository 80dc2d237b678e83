/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Normative reference: ISO/IEC 13818-1 (2.4.4 program specific information, 2.6 descriptors).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>
#include <gst/mpegts/mpegts.h>

#include "tsmux.h"
#include "tspsi.h"

/* Takes @section. */
static GByteArray *
packetize (GstMpegtsSection * section, guint version)
{
  GByteArray *packets = g_byte_array_new ();
  const guint8 *data;
  gsize size, done = 0;

  section->version_number = version;
  data = gst_mpegts_section_packetize (section, &size);
  g_assert (data);
  while (done < size) {
    guint8 packet[TS_PACKET_SIZE] = { 0x47, section->pid >> 8, section->pid & 0xff, 0x10 };
    guint head = 4;
    gsize n;

    if (done == 0) {
      packet[1] |= 0x40;        /* payload_unit_start_indicator; pointer_field 0 */
      head++;
    }
    n = MIN (size - done, TS_PACKET_SIZE - head);
    memcpy (packet + head, data + done, n);
    memset (packet + head + n, 0xff, TS_PACKET_SIZE - head - n);
    g_byte_array_append (packets, packet, sizeof packet);
    done += n;
  }
  gst_mpegts_section_unref (section);
  return packets;
}

GByteArray *
ts_psi_new_pat (guint16 transport_stream_id, guint16 program_number, guint16 pmt_pid, guint version)
{
  GPtrArray *programs = gst_mpegts_pat_new ();
  GstMpegtsPatProgram *program = gst_mpegts_pat_program_new ();

  program->program_number = program_number;
  program->network_or_program_map_PID = pmt_pid;
  g_ptr_array_add (programs, program);
  return packetize (gst_mpegts_section_from_pat (programs, transport_stream_id), version);
}

GByteArray *
ts_psi_new_pmt (guint16 program_number, guint16 pmt_pid, guint16 pcr_pid,
    const TsPsiStream * streams, guint n_streams, guint version)
{
  GstMpegtsPMT *pmt = gst_mpegts_pmt_new ();

  pmt->pcr_pid = pcr_pid;
  pmt->program_number = program_number;
  for (guint i = 0; i < n_streams; i++) {
    GstMpegtsPMTStream *stream = gst_mpegts_pmt_stream_new ();
    gsize at = 0;

    stream->stream_type = streams[i].stream_type;
    stream->pid = streams[i].pid;
    while (at + 2 <= streams[i].descriptors_size) {
      const guint8 *d = streams[i].descriptors + at;

      g_ptr_array_add (stream->descriptors, gst_mpegts_descriptor_from_custom (d[0], d + 2, d[1]));
      at += 2 + d[1];
    }
    if (streams[i].language)
      g_ptr_array_add (stream->descriptors, gst_mpegts_descriptor_from_iso_639_language (streams[i].language));
    g_ptr_array_add (pmt->streams, stream);
  }
  return packetize (gst_mpegts_section_from_pmt (pmt, pmt_pid), version);
}
