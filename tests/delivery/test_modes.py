#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live and VOD playlists over a whole run, and what becomes of input that is not as it should be."""
import glob
import os
import subprocess
import time
import unittest

import hlscheck
from channel import Channel, Clip, source
from common import audio, ffmpeg_says, join, probe, temporary_folder, ts_faults, video
from hlspoll import Poller
from servers import Certificates, Nginx

SECOND = 1_000_000_000
FRAME = SECOND // 25
H264 = 'video/x-h264,stream-format=byte-stream,alignment=au'
PICTURE = ('videotestsrc num-buffers={frames} pattern={pattern} ! video/x-raw,format=I420,width={width},height={height},'
           'framerate=25/1 ! x264enc bitrate=200 key-int-max={gop} bframes=0 ! h264parse config-interval=-1 ! ' + H264)
TONE = ('audiotestsrc num-buffers=470 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! '
        'audio/mpeg,stream-format=adts')


class Modes(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        picture = {'frames': 250, 'pattern': 'ball', 'width': 160, 'height': 90, 'gop': 25}
        cls.video = Clip(cls.folder, 'video', PICTURE.format(**picture))
        cls.wide = Clip(cls.folder, 'wide', PICTURE.format(**{**picture, 'width': 256, 'height': 144}))
        cls.sparse = Clip(cls.folder, 'sparse', PICTURE.format(**{**picture, 'gop': 250}))
        cls.audio = Clip(cls.folder, 'audio', TONE)

    def out(self):
        return os.path.join(self.folder, self.id().rsplit('.', 1)[1])

    def channel(self, pads, options='segment-length=1 mode=vod', live=False):
        text = f'hlsoutputgroup name=hls {options} hls.src_0 ! dirsink name=p0 location={self.out()}/live '
        for pad, clip in pads.items():
            text += f'{source(pad, clip.caps.replace(", ", ","), live)} ! hls.{pad} '
        return Channel(text)

    def feed(self, channel, pad, clip, units=None, end=True):
        channel.command('feed', element=pad, file=clip.file, units=clip.units if units is None else units)
        if end:
            channel.command('end', element=pad)

    def finish(self, channel):
        channel.wait_eos()
        channel.stop()

    def published(self, faults=True):
        """name: MediaPlaylist, as they are in the end."""
        with Poller(f'file://{self.out()}/live.m3u8') as poller:
            self.assertTrue(poller.wait_ended(20), poller.report())
        if faults:
            self.assertEqual(poller.all_faults(), [])
        return {os.path.basename(t.url)[5:-5]: t.last for t in poller.tracks.values()}

    def segments(self, track='a'):
        return sorted(glob.glob(f'{self.out()}/live-{track}_*.ts'))

    # --- what is asked for

    def test_live_window(self):
        with self.channel({'video_a': self.video}, 'segment-length=1 index-n-segments=4') as channel:
            self.feed(channel, 'video_a', self.video)
            self.finish(channel)
        playlist = self.published()['a']
        self.assertEqual([s.sequence for s in playlist.segments], [7, 8, 9, 10])
        self.assertIsNone(playlist.type)

    def test_vod_is_event_until_it_is_vod(self):
        with self.channel({'video_a': self.video}, live=True) as channel, \
                Poller(f'file://{self.out()}/live.m3u8', interval=0.01) as poller:
            for number in range(5):
                self.feed(channel, 'video_a', self.video, self.video.units[number * 50:number * 50 + 50], end=False)
                self.assertTrue(poller.wait(lambda n=number: any(
                    t.last and len(t.last.segments) >= 2 * n + 1 for t in poller.tracks.values()), 20))
            channel.command('end', element='video_a')
            self.finish(channel)
            self.assertTrue(poller.wait_ended(10))
        self.assertEqual(poller.all_faults(), [])
        versions = [p for _, p in next(iter(poller.tracks.values())).versions]
        self.assertGreater(len(versions), 4)
        self.assertEqual({p.type for p in versions if not p.ended}, {'EVENT'})
        self.assertEqual(versions[-1].type, 'VOD')
        self.assertEqual([s.sequence for s in versions[-1].segments], list(range(1, 11)))

    def test_deletion_on_the_destination(self):
        folder = os.path.join(self.folder, 'nginx')
        os.mkdir(folder)
        with Nginx(folder) as nginx:
            location = f'http://127.0.0.1:{nginx.port}/live'
            text = (f'hlsoutputgroup name=hls segment-length=1 index-n-segments=3 keep-segments=3 '
                    f'hls.src_0 ! cdnsink name=p0 location={location} '
                    f'{video(160, 90, 200, "tune=zerolatency")} ! hls.video_a')
            with Poller(location + '.m3u8') as poller, Channel(text) as channel:
                requests = nginx.wait_for(lambda found: sum(r[0] == 'DELETE' for r in found) >= 4, 60)
                channel.drain()
                channel.stop()
        self.assertEqual(poller.all_faults(), [])
        deleted = [r for r in requests if r[0] == 'DELETE']
        self.assertEqual({r[2] for r in deleted}, {204})
        self.assertEqual([r[1] for r in deleted], [f'/live-a_{n:05d}.ts' for n in range(1, len(deleted) + 1)])

    # --- time

    def test_jump_is_a_discontinuity(self):
        for name, offset in (('forward', 100 * SECOND), ('back', -3 * SECOND)):
            with self.subTest(name):
                with self.channel({'video_a': self.video, 'audio_a': self.audio}) as channel:
                    for pad, clip, half in (('video_a', self.video, 125), ('audio_a', self.audio, 234)):
                        later = clip.shifted(offset, clip.units[half:])
                        self.feed(channel, pad, clip, clip.units[:half], end=False)
                        self.feed(channel, pad, clip, later)
                    self.finish(channel)
                playlist = self.published()['a']
                self.assertEqual(sum(s.discontinuity for s in playlist.segments), 1, playlist.segments)
                self.assertAlmostEqual(float(playlist.duration), 10, delta=0.2)
                for file in self.segments():
                    self.assertEqual(ffmpeg_says(file), '')
                for file in glob.glob(f'{self.out()}/*'):
                    os.unlink(file)

    def test_audio_that_starts_late_and_ends_early(self):
        with self.channel({'video_a': self.video, 'audio_a': self.audio}) as channel:
            self.feed(channel, 'video_a', self.video)
            self.feed(channel, 'audio_a', self.audio, [u for u in self.audio.units if 3.5 < u[2] / SECOND < 7.5])
            self.finish(channel)
        playlist = self.published()['a']
        # All renditions start together; nothing that came before is published, nothing that comes after is lost.
        self.assertGreaterEqual(float(playlist.duration), 10 - 3.5)
        whole = join(self.segments(), f'{self.out()}/whole.ts')
        self.assertEqual({s['codec_type'] for s in probe(whole)['streams']}, {'video', 'audio'})
        self.assertEqual(ts_faults(*self.segments()), '')
        self.assertEqual(sum(s.discontinuity for s in playlist.segments), 0)

    def test_rendition_that_ends_early(self):
        with self.channel({'video_a': self.video, 'video_b': self.wide}) as channel:
            self.feed(channel, 'video_a', self.video)
            self.feed(channel, 'video_b', self.wide, self.wide.units[:125])
            self.finish(channel)
        found = self.published()
        self.assertEqual(len(found['a'].segments), 10)
        # what has ended is no choice for a viewer any more, but stays for those who are on it
        self.assertEqual(list(found), ['a'])
        with open(f'{self.out()}/live-b.m3u8', 'rb') as file:
            ended = hlscheck.parse(file.read())
        self.assertEqual(len(ended.segments), 5)
        self.assertTrue(ended.ended)
        self.assertEqual(hlscheck.check_aligned({**found, 'b': ended}), [])

    def test_missing_timestamps(self):
        holes = [(o, s, p if i % 50 not in (7, 8) else None, d if i % 50 not in (7, 8) else None, t, k)
                 for i, (o, s, p, d, t, k) in enumerate(self.video.units)]
        with self.channel({'video_a': self.video}) as channel:
            self.feed(channel, 'video_a', self.video, holes)
            self.finish(channel)
        self.assertRegex('\n'.join(channel.warnings()), r'video_a.*no timestamp')
        playlist = self.published()['a']
        self.assertEqual([float(s.duration) for s in playlist.segments], [1.0] * 10)
        self.assertEqual(ts_faults(*self.segments()), '')

    def test_timestamp_that_goes_back_a_little(self):
        units = list(self.video.units)
        o, s, p, d, t, k = units[60]
        units[60] = (o, s, p - 3 * FRAME, d - 3 * FRAME, t, k)
        with self.channel({'video_a': self.video}) as channel:
            self.feed(channel, 'video_a', self.video, units)
            self.finish(channel)
        self.assertRegex('\n'.join(channel.warnings()), r'video_a.*goes back')
        playlist = self.published()['a']
        self.assertEqual(sum(s.discontinuity for s in playlist.segments), 0)
        self.assertEqual(len(playlist.segments), 10)
        self.assertEqual(ts_faults(*self.segments()), '')

    def test_caps_change_in_mid_stream(self):
        with self.channel({'video_a': self.video}) as channel:
            self.feed(channel, 'video_a', self.video, self.video.units[:125], end=False)
            channel.command('caps', element='video_a', caps=self.wide.caps)
            self.feed(channel, 'video_a', self.wide, self.wide.units[125:])
            self.finish(channel)
        with open(f'{self.out()}/live.m3u8') as file:
            multivariant = hlscheck.parse(file.read())
        self.assertEqual([v['RESOLUTION'] for v in multivariant.variants], ['256x144'])
        playlist = self.published()['a']
        self.assertEqual([s.sequence for s in playlist.segments if s.discontinuity], [6])
        for number, height in ((5, 90), (6, 144)):
            self.assertEqual(probe(self.segments()[number - 1])['streams'][0]['height'], height)

    def test_empty_buffers(self):
        units = list(self.video.units)
        units[30:30] = [(0, 0, units[30][2], units[30][3], FRAME, False)]
        with self.channel({'video_a': self.video}) as channel:
            self.feed(channel, 'video_a', self.video, units)
            self.finish(channel)
        self.assertRegex('\n'.join(channel.warnings()), r'video_a.*empty buffer')
        self.assertEqual(len(self.published()['a'].segments), 10)

    def test_no_keyframe_in_time(self):
        with self.channel({'video_a': self.sparse}) as channel:
            self.feed(channel, 'video_a', self.sparse)
            self.finish(channel)
        self.assertRegex('\n'.join(channel.warnings()), r'video_a.*no keyframe in time.*force-key-unit')
        playlist = self.published()['a']
        self.assertAlmostEqual(float(playlist.duration), 10, delta=0.1)
        self.assertGreater(len(playlist.segments), 1)

    def test_no_keyframe_at_all(self):
        with self.channel({'video_a': self.sparse}, live=True) as channel:
            self.feed(channel, 'video_a', self.sparse, self.sparse.units[1:])
            self.finish(channel)
        self.assertRegex('\n'.join(channel.warnings()), r'video_a.*no keyframe for three segment lengths')
        self.assertEqual(self.segments(), [])

    def test_eos_before_any_data(self):
        with self.channel({'video_a': self.video, 'audio_a': self.audio}) as channel:
            channel.command('end', element='video_a')
            channel.command('end', element='audio_a')
            self.finish(channel)
        self.assertRegex('\n'.join(channel.warnings()), 'before anything could be published')
        self.assertEqual(glob.glob(f'{self.out()}/*'), [])

    def test_plays_again_after_null(self):
        with self.channel({'video_a': self.video}) as channel:
            self.feed(channel, 'video_a', self.video)
            channel.wait_eos()
            channel.stop()
            start = channel.count()
            for file in glob.glob(f'{self.out()}/*'):
                os.unlink(file)
            channel.command('state', state='PLAYING')
            self.feed(channel, 'video_a', self.video)
            channel.wait(lambda e: e['event'] == 'eos', 30, 'the second end of stream', start)
            channel.stop()
        self.assertEqual(len(self.published()['a'].segments), 10)


class BadInput(unittest.TestCase):
    """What cannot work says so: the element, the property or pad, the value, and what would be right."""

    def launch(self, text, timeout=30):
        result = subprocess.run(['gst-launch-1.0', '--no-fault', *text.split()], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=timeout)
        return result.returncode, result.stdout + result.stderr

    def fails(self, text, *patterns):
        code, output = self.launch(text)
        self.assertNotEqual(code, 0, output)
        for pattern in patterns:
            self.assertRegex(output, pattern)
        self.assertNotIn('CRITICAL', output)
        return output

    FEED = video(160, 90, 200, 'tune=zerolatency', frames=50) + ' ! hls.video_a'

    def test_no_location(self):
        for sink in ('dirsink', 'cdnsink'):
            with self.subTest(sink):
                self.fails(f'hlsoutputgroup name=hls hls.src_0 ! {sink} {self.FEED}', sink, 'location')

    def test_unknown_scheme(self):
        self.fails(f'hlsoutputgroup name=hls hls.src_0 ! cdnsink location=ftp://127.0.0.1/live {self.FEED}', 'cdnsink',
                   'ftp', 'https?')

    def test_pad_name_used_twice(self):
        folder = temporary_folder(self)
        # gst-launch finds the pad taken before it asks for one
        self.fails(f'hlsoutputgroup name=hls hls.src_0 ! dirsink location={folder}/live {self.FEED} {self.FEED}',
                   'could not link .* hls')
        result = subprocess.run(
            ['/usr/bin/python3', '-c', 'import gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst\n'
             'Gst.init(None); hls = Gst.ElementFactory.make("hlsoutputgroup", "hls")\n'
             'assert hls.request_pad_simple("video_a") and not hls.request_pad_simple("video_a")'],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r'hls.*video_a.*used already')

    def test_group_without_streams(self):
        folder = temporary_folder(self)
        with Channel(f'hlsoutputgroup name=hls hls.src_0 ! dirsink location={folder}/live') as channel:
            channel.wait_warning('nothing is linked', 'video_', timeout=20)

    def test_unsupported_caps(self):
        folder = temporary_folder(self)
        # known when linking, and only when caps come
        self.fails(f'hlsoutputgroup name=hls hls.src_0 ! dirsink location={folder}/live '
                   'videotestsrc num-buffers=20 ! vp8enc ! hls.video_a', 'vp8enc0', 'hls')
        with Channel(f'hlsoutputgroup name=hls hls.src_0 ! dirsink location={folder}/live '
                     'videotestsrc num-buffers=20 ! vp8enc ! identity ! appsink name=x '
                     f'{source("v")} ! hls.video_a', allow_errors=True) as channel:
            channel.command('caps', element='v', caps='video/x-vp8,width=320,height=240')
            channel.command('feed', element='v', file=__file__, units=[[0, 100, 0, 0, FRAME, True]])
            event = channel.wait_warning('video_a', timeout=20)
            self.assertRegex(event['text'], r'x-vp8.*it takes video/x-h264')
            channel.wait_error('not-negotiated', timeout=20)

    def test_folder_that_cannot_be(self):
        folder = temporary_folder(self)
        with open(f'{folder}/file', 'w'):
            pass
        code, output = self.launch(
            f'hlsoutputgroup name=hls segment-length=1 hls.src_0 ! dirsink location={folder}/file/live num-retries=2 '
            f'connection-retry-interval=0 restart-delay=0 drain-timeout=1 {self.FEED}')
        self.assertRegex(output, 'Not a directory|not a folder|no folder')
        self.assertEqual(os.listdir(folder), ['file'], code)

    def test_certificate_that_does_not_verify(self):
        folder = temporary_folder(self)
        certificates = Certificates(folder)
        for kind, word in (('stranger', 'unknown|not trusted|untrusted|issuer|authority'), ('expired', 'expired'),
                           ('other_host', 'identity|host|match')):
            with self.subTest(kind):
                home = os.path.join(folder, kind)
                os.mkdir(home)
                with Nginx(home, certificates, kind) as nginx:
                    text = (f'hlsoutputgroup name=hls segment-length=1 hls.src_0 ! cdnsink name=p0 drain-timeout=1 '
                            f'location=https://127.0.0.1:{nginx.tls1_port}/live tls-ca-file={nginx.ca} '
                            f'{video(160, 90, 200, "tune=zerolatency")} ! hls.video_a')
                    with Channel(text) as channel:
                        event = channel.wait_message('delivery-state', 30, 'p0', lambda f: f['state'] == 'retrying')
                        self.assertRegex(event['fields']['reason'].lower(), word)
                        began = time.monotonic()
                        channel.stop()
                        self.assertLess(time.monotonic() - began, 2)
                    self.assertEqual(os.listdir(nginx.root), ['strict'])

    def test_modifier_used_twice(self):
        folder = temporary_folder(self)
        self.fails(f'hlsoutputgroup name=hls segment-length=1 a::name-modifier=-x b::name-modifier=-x '
                   f'hls.src_0 ! dirsink location={folder}/live {self.FEED} '
                   + self.FEED.replace('video_a', 'video_b'), 'name-modifier', '-x', 'twice')

    def test_warns_when_audio_is_gone(self):
        """A live stream that falls silent does not hold the others up."""
        folder = temporary_folder(self)
        text = (f'hlsoutputgroup name=hls segment-length=1 hls.src_0 ! dirsink name=p0 location={folder}/live '
                f'{video(160, 90, 200, "tune=zerolatency")} ! hls.video_a {audio(buffers=100)} ! '
                'fakesink name=unused async=false '
                f'{source("s", "audio/mpeg,mpegversion=4,stream-format=adts,rate=48000,channels=2")} ! hls.audio_a')
        with Channel(text) as channel:
            channel.wait_warning('audio_a', timeout=40)
            channel.wait_message('delivery-published', 40, 'p0', lambda f: f['kind'] == 'playlist')


if __name__ == '__main__':
    unittest.main()
