#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An hour of media at accelerated pace: memory is flat."""
import os
import statistics
import unittest

from channel import Channel
from common import temporary_folder

HOUR, LENGTH, RATE = 3600, 6, 25
SEGMENTS = HOUR // LENGTH
SPARE_BLOCKS = 64 * 348 * 188    # tswriter.c: what one rendition keeps to use again


class Memory(unittest.TestCase):
    @unittest.skipIf(os.environ.get('TESTS_QUICK'), 'slow; left out by --quick')
    def test_an_hour_is_flat(self):
        out = temporary_folder(self)
        text = (f'hlsoutputgroup name=hls segment-length={LENGTH} '
                f'hls.src_0 ! dirsink name=p0 location={out}/a/live hls.src_1 ! dirsink name=p1 location={out}/b/live '
                f'videotestsrc pattern=black num-buffers={HOUR * RATE} ! '
                f'video/x-raw,format=I420,width=64,height=36,framerate={RATE}/1 ! '
                f'x264enc bitrate=64 speed-preset=ultrafast key-int-max={LENGTH * RATE} ! h264parse ! queue ! hls.video_a '
                f'audiotestsrc samplesperbuffer=1152 num-buffers={HOUR * 32000 // 1152} ! '
                'audio/x-raw,rate=32000,channels=1 ! twolamemp2enc bitrate=32 ! mpegaudioparse ! queue ! hls.audio_a')
        resident = {}
        with Channel(text) as channel:
            for part in (0.15, 0.20, 0.25, 0.40, 0.60, 0.80, 0.90, 0.95, 0.99):
                channel.wait_message('delivery-published', 240, 'p1', lambda f, part=part: f['kind'] == 'playlist'
                                     and f['sequence'] >= part * SEGMENTS)
                resident[part] = channel.rss()
            channel.wait_eos(60)
            stats = channel.stats('p0')
            channel.stop()
        early = statistics.median(resident[p] for p in (0.15, 0.20, 0.25))
        late = statistics.median(resident[p] for p in (0.90, 0.95, 0.99))
        said = {p: f'{r / 1e6:.1f} MB' for p, r in resident.items()}
        self.assertLess(late, early * 1.03 + 1e6 + SPARE_BLOCKS, said)
        # A moment of load may fill the muxer's spare blocks, once; a leak grows all the time.
        parts = (0.25, 0.40, 0.60, 0.80, 0.99)
        self.assertLess(min(resident[b] - resident[a] for a, b in zip(parts, parts[1:])), 2e5, said)
        self.assertEqual(stats['lost'], 0)
        self.assertEqual(stats['segments-published'], SEGMENTS)
        # Live: what players can no longer ask for is gone.
        self.assertLess(len(os.listdir(f'{out}/a')), 40)


if __name__ == '__main__':
    unittest.main()
