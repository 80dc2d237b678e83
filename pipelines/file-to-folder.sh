#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A file with H.264 or H.265 and AAC, AC-3 or MPEG audio, as video on demand in a folder, nothing encoded again:
#
#   pipelines/file-to-folder.sh film.mp4 /var/www/html/film
#
# writes /var/www/html/film/index.m3u8. The plugins have to be installed, or this run in `meson devenv -C build`.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 FILE FOLDER" >&2; exit 2; }
mkdir -p "$2"

exec gst-launch-1.0 hlsoutputgroup name=hls mode=vod segment-length=6 \
  hls.src_0 ! dirsink location="$2/" \
  filesrc location="$1" ! parsebin name=file \
  file. ! 'video/x-h264;video/x-h265' ! queue ! hls.video_main \
  file. ! 'audio/mpeg;audio/x-ac3;audio/x-eac3' ! queue ! hls.audio_main
