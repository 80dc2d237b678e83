#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A live test channel, two renditions, to two HTTP origins by PUT, until Ctrl-C:
#
#   pipelines/two-origins.sh http://primary.example/live/curling http://backup.example/live/curling
#
# The plugins have to be installed, or this run in `meson devenv -C build`.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 URL URL" >&2; exit 2; }

exec gst-launch-1.0 -e hlsoutputgroup name=hls segment-length=6 \
  hls.src_0 ! cdnsink location="$1" \
  hls.src_1 ! cdnsink location="$2" \
  videotestsrc is-live=true ! video/x-raw,format=I420,width=1280,height=720,framerate=25/1 ! tee name=picture \
  audiotestsrc is-live=true volume=0.1 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! tee name=tone \
  picture. ! queue ! x264enc bitrate=2000 speed-preset=superfast tune=zerolatency key-int-max=1000 ! h264parse ! hls.video_720p \
  tone. ! queue ! hls.audio_720p \
  picture. ! queue ! videoscale ! video/x-raw,width=640,height=360 \
    ! x264enc bitrate=600 speed-preset=superfast tune=zerolatency key-int-max=1000 ! h264parse ! hls.video_360p \
  tone. ! queue ! hls.audio_360p
