/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/delivery/gstdeliveryobject.h>
#include <gst/delivery/gstdeliverysink.h>
