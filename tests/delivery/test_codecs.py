#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each codec, muxed and alone: encoded frames with known timestamps in, and every one of them out again at its time."""
import glob
import os
import re
import unittest

from channel import Channel, Clip, source
from common import ffmpeg_says, join, packets, probe, temporary_folder, ts_faults
from hlspoll import Poller

SECONDS, LENGTH = 6, 2
PICTURE = (f'videotestsrc num-buffers={25 * SECONDS} ! video/x-raw,format=I420,width=160,height=90,framerate=25/1 ! '
           'timeoverlay ! ')
TONE = ('audiotestsrc num-buffers={count} samplesperbuffer={size} wave=ticks ! audio/x-raw,rate={rate},channels=2 ! '
        'audioconvert ! ')
X264 = 'x264enc bitrate=200 key-int-max=50 bframes=2 b-adapt=false ! h264parse config-interval={ci} ! video/x-h264,'
X265 = 'x265enc bitrate=200 key-int-max=50 speed-preset=superfast option-string=scenecut=0:log-level=none ! h265parse ! '


def tone(encoder, size=1024, rate=48000):
    return TONE.format(count=SECONDS * rate // size, size=size, rate=rate) + encoder


VIDEO = {
    'h264': ('h264', PICTURE + X264.format(ci=-1) + 'stream-format=byte-stream,alignment=au'),
    'h264-avc': ('h264', PICTURE + X264.format(ci=0) + 'stream-format=avc,alignment=au'),
    'h265': ('hevc', PICTURE + X265 + 'video/x-h265,stream-format=byte-stream,alignment=au'),
    'h265-hvc1': ('hevc', PICTURE + X265 + 'video/x-h265,stream-format=hvc1,alignment=au'),
}
AUDIO = {
    'aac-raw': ('aac', tone('avenc_aac ! aacparse ! audio/mpeg,stream-format=raw')),
    'aac-adts': ('aac', tone('avenc_aac ! aacparse ! audio/mpeg,stream-format=adts')),
    'aac-44100': ('aac', tone('avenc_aac ! aacparse ! audio/mpeg,stream-format=raw', rate=44100)),
    'ac3': ('ac3', tone('avenc_ac3 ! ac3parse', 1536)),
    'eac3': ('eac3', tone('avenc_eac3 ! ac3parse', 1536)),
    'mp3': ('mp3', tone('lamemp3enc ! mpegaudioparse', 1152)),
    'mp2': ('mp2', tone('twolamemp2enc ! mpegaudioparse', 1152)),
}
CODECS = {'h264': r'avc1\.[0-9a-f]{6}', 'h264-avc': r'avc1\.[0-9a-f]{6}', 'h265': r'(hvc1|hev1)\..*',
          'h265-hvc1': r'(hvc1|hev1)\..*', 'aac-raw': r'mp4a\.40\.2', 'aac-adts': r'mp4a\.40\.2', 'aac-44100': r'mp4a\.40\.2',
          'ac3': 'ac-3', 'eac3': 'ec-3', 'mp3': r'mp4a\.40\.34', 'mp2': r'mp4a\.40\.33'}
# Not at a boundary, not a multiple of anything: audio that is this much later than video must stay so.
AUDIO_LATER = 137_000_000


class Codecs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        cls.clips = {}

    def clip(self, name):
        if name not in self.clips:
            clip = self.clips[name] = Clip(self.folder, name, (VIDEO.get(name) or AUDIO[name])[1])
            # Encoders add a frame or two at the end: a segment of one frame would be too short for ffmpeg to know as TS.
            clip.units = [u for u in clip.units if u[2] < (SECONDS + 0.95) * 1e9]
        return self.clips[name]

    def publish(self, name, streams):
        """Feeds clips {pad: (clip name, offset)} as VOD; the folder."""
        out = os.path.join(self.folder, name)
        text = f'hlsoutputgroup name=hls mode=vod segment-length={LENGTH} hls.src_0 ! dirsink location={out}/live '
        for pad, (clip, _) in streams.items():
            # quoted: caps may hold spaces
            text += f"{source(pad, self.clip(clip).caps.replace(', ', ','), live=False)} ! hls.{pad} "
        with Channel(text) as channel:
            for pad, (clip, offset) in streams.items():
                channel.command('feed', element=pad, file=self.clip(clip).file, units=self.clip(clip).shifted(offset))
                channel.command('end', element=pad)
            channel.wait_eos()
            channel.stop()
        self.assertEqual(channel.warnings(), [])
        return out

    def check_times(self, whole, stream, clip, offset, base):
        """@base: seconds that the output is later than the input; found with the first stream."""
        found = sorted(p for p, *_ in packets(whole, stream))
        due = sorted((u[2] + offset) / 1e9 for u in self.clip(clip).units)
        self.assertEqual(len(found), len(due), f'{stream}: frames')
        base = found[0] - due[0] if base is None else base
        worst = max(abs(f - d - base) for f, d in zip(found, due))
        self.assertLess(worst, 0.002, f'{stream} is up to {worst:.4f} s off')
        return base

    def check(self, name, streams):
        out = self.publish(name, streams)
        with Poller(f'file://{out}/live.m3u8') as poller:
            self.assertTrue(poller.wait_ended(20), poller.report())
        self.assertEqual(poller.all_faults(), [])
        track = next(iter(poller.tracks.values()))
        self.assertAlmostEqual(sum(s['seconds'] for s in track.segments.values()), SECONDS, delta=0.3)
        files = sorted(glob.glob(f'{out}/*.ts'))
        self.assertEqual(len(files), len(track.segments))
        self.assertEqual(ts_faults(*files), '')
        whole = join(files, os.path.join(out, 'whole.ts'))
        for file in [*files, whole]:
            self.assertEqual(ffmpeg_says(file), '', file)
        wanted = {(VIDEO.get(clip) or AUDIO[clip])[0] for clip, _ in streams.values()}
        self.assertEqual({s['codec_name'] for s in probe(whole)['streams']}, wanted)
        codecs = poller.multivariants[-1][1].variants[0]['CODECS'].split(',')
        base = None
        for pad, (clip, offset) in streams.items():
            base = self.check_times(whole, 'v:0' if pad[0] == 'v' else 'a:0', clip, offset, base)
            self.assertTrue(any(re.fullmatch(CODECS[clip], c) for c in codecs), (clip, codecs))

    def muxed(self, video, audio):
        self.check(f'{video}+{audio}', {'video_a': (video, 0), 'audio_a': (audio, AUDIO_LATER)})

    def test_h264_aac_raw(self):
        self.muxed('h264', 'aac-raw')

    def test_h264_avc_aac_adts(self):
        self.muxed('h264-avc', 'aac-adts')

    def test_h264_aac_44100(self):
        self.muxed('h264', 'aac-44100')

    def test_h265_aac(self):
        self.muxed('h265', 'aac-raw')

    def test_h265_hvc1_eac3(self):
        self.muxed('h265-hvc1', 'eac3')

    def test_h264_ac3(self):
        self.muxed('h264', 'ac3')

    def test_h264_mp3(self):
        self.muxed('h264', 'mp3')

    def test_h264_mp2(self):
        self.muxed('h264', 'mp2')

    def test_video_only(self):
        self.check('video-only', {'video_a': ('h264', 0)})

    def test_audio_only(self):
        for clip in AUDIO:
            with self.subTest(clip):
                self.check(f'audio-only-{clip}', {'audio_a': (clip, 0)})

    def test_audio_rendition_beside_video(self):
        out = self.publish('rendition', {'video_a': ('h264', 0), 'audio_eng': ('aac-raw', 0)})
        with Poller(f'file://{out}/live.m3u8') as poller:
            self.assertTrue(poller.wait_ended(20), poller.report())
        self.assertEqual(poller.all_faults(), [])
        last = poller.multivariants[-1][1]
        self.assertEqual(len(last.variants), 1)
        self.assertEqual([m['NAME'] for m in last.media], ['eng'])
        self.assertRegex(last.variants[0]['CODECS'], r'avc1.*mp4a\.40\.2')
        self.assertEqual(ffmpeg_says(f'{out}/live.m3u8', '-allowed_extensions', 'ALL'), '')


if __name__ == '__main__':
    unittest.main()
