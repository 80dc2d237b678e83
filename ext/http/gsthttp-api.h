/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plugins that publish over HTTP share one library: GstHttpSink is a type, and a
 * type can be registered only once in a process.
 */
#pragma once

#ifdef BUILDING_GST_HTTP
#define GST_HTTP_API __attribute__ ((visibility ("default")))
#else
#define GST_HTTP_API
#endif
