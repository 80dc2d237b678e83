#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: an ABR ladder from real encoders to nginx (TLS, HTTP/2, Basic) and Apache (Digest) at once, looked at
from outside while it runs and as a whole afterwards."""
import os
import unittest
from urllib.parse import unquote

from channel import Channel
from common import LADDER, ffmpeg_says, join, ladder, packets, probe, temporary_folder, ts_faults, tshark_faults, \
    tshark_frames
from hlspoll import Poller
from servers import PASSWORD, USER, Apache, Certificates, Nginx

SEGMENTS = 13           # more than the window, so that it moves
LENGTH = 2


class Ladder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = temporary_folder(cls)
        certificates = Certificates(folder)
        for name in ('nginx', 'apache'):
            os.mkdir(os.path.join(folder, name))
        nginx = Nginx(os.path.join(folder, 'nginx'), certificates)
        cls.addClassCleanup(nginx.close)
        apache = Apache(os.path.join(folder, 'apache'), certificates)
        cls.addClassCleanup(apache.close)
        cls.nginx = nginx
        cls.locations = [f'https://127.0.0.1:{nginx.tls_port}/auth/live', f'http://127.0.0.1:{apache.port}/digest/live']
        login = f'user-id={USER} user-pw=env:LADDER_PW'
        text = (f'hlsoutputgroup name=hls segment-length={LENGTH} index-n-segments=5 '
                f'hls.src_0 ! cdnsink name=p0 location={cls.locations[0]} tls-ca-file={certificates.ca} {login} '
                f'hls.src_1 ! cdnsink name=p1 location={cls.locations[1]} {login} ' + ladder())
        cls.pollers = []
        for number, location in enumerate(cls.locations):
            poller = Poller(location + '.m3u8', ca=certificates.ca, auth=(USER, PASSWORD),
                            save=os.path.join(folder, f'saved{number}'))
            poller.__enter__()
            cls.addClassCleanup(poller.stop)
            cls.pollers.append(poller)
        with Channel(text, env={'LADDER_PW': PASSWORD}) as channel:
            for poller in cls.pollers:
                if not poller.wait(lambda p=poller: len(p.tracks) == 3 and all(
                        len(t.segments) >= SEGMENTS for t in p.tracks.values()), 30 + SEGMENTS * LENGTH * 2):
                    raise AssertionError(f'{poller.url}: {poller.report()}; {channel.errors()} {channel.warnings()}')
            cls.rss = channel.rss()
            channel.drain()
            cls.stats = [channel.stats(f'p{n}') for n in (0, 1)]
            for poller in cls.pollers:
                poller.wait_ended(10)
            cls.stop_seconds = channel.stop()
        cls.warnings = channel.warnings()
        cls.events = channel.events
        cls.faults = [poller.all_faults() for poller in cls.pollers]

    def tracks(self, pipeline):
        """name: list of segments, in order"""
        found = {}
        for track in self.pollers[pipeline].tracks.values():
            name = unquote(os.path.basename(track.url))[len('live-'):-len('.m3u8')]
            found[name] = [s for _, s in sorted(track.segments.items())]
        return found

    def test_playlists_by_the_rules_all_along(self):
        self.assertEqual(self.faults, [[], []])
        for poller in self.pollers:
            self.assertTrue(all(t.last.ended for t in poller.tracks.values()))
            self.assertGreater(min(len(t.versions) for t in poller.tracks.values()), SEGMENTS - 2)

    def test_nothing_lost_nothing_said(self):
        for stats in self.stats:
            self.assertEqual((stats['lost'], stats['retries'], stats['backlog-objects']), (0, 0, 0), stats)
            self.assertGreaterEqual(stats['segments-published'], 3 * SEGMENTS)
        self.assertEqual(self.warnings, [])

    def test_stops_promptly(self):
        self.assertLess(self.stop_seconds, 2)

    def test_multivariant(self):
        for poller in self.pollers:
            last = poller.multivariants[-1][1]
            sizes = {v['RESOLUTION'] for v in last.variants}
            self.assertEqual(sizes, {f'{w}x{h}' for w, h, *_ in LADDER.values()})
            for variant in last.variants:
                self.assertRegex(variant['CODECS'], r'^avc1\.[0-9a-f]{6},mp4a\.40\.2$')
                self.assertEqual(variant['FRAME-RATE'], '25.000')

    def test_both_pipelines_published_the_same(self):
        first, second = self.tracks(0), self.tracks(1)
        self.assertEqual(set(first), set(LADDER))
        for name in LADDER:
            a = {s['sequence']: s['sha256'] for s in first[name]}
            b = {s['sequence']: s['sha256'] for s in second[name]}
            self.assertEqual(a, b)

    def test_numbers_have_no_holes(self):
        for segments in self.tracks(0).values():
            numbers = [s['sequence'] for s in segments]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            # All but the last are cut at a keyframe that was asked for in time.
            self.assertEqual({s['seconds'] for s in segments[:-1]}, {float(LENGTH)})

    def test_transport_streams(self):
        for name, segments in self.tracks(0).items():
            with self.subTest(name):
                files = [s['file'] for s in segments]
                self.assertEqual(ts_faults(*files), '')
                whole = join(files, files[0][:-3] + '-all.ts')
                self.assertGreater(tshark_frames(whole), 100 * len(files))
                self.assertEqual(tshark_faults(whole), [])

    def test_ffmpeg_decodes_without_a_word(self):
        for name, segments in self.tracks(1).items():
            with self.subTest(name):
                for segment in segments:
                    self.assertEqual(ffmpeg_says(segment['file']), '', segment['file'])
                whole = join([s['file'] for s in segments], segments[0]['file'][:-3] + '-all.ts')
                self.assertEqual(ffmpeg_says(whole), '')

    def test_every_segment_has_both_and_begins_with_a_keyframe(self):
        for name, segments in self.tracks(0).items():
            for segment in segments[:4]:
                kinds = {s['codec_type']: s for s in probe(segment['file'])['streams']}
                self.assertEqual(set(kinds), {'video', 'audio'}, segment['file'])
                self.assertEqual(kinds['video']['height'], LADDER[name][1])
                self.assertTrue(packets(segment['file'], 'v:0')[0][2], segment['file'])

    def test_renditions_begin_segments_with_the_same_frame(self):
        firsts = {name: [min(p for p, *_ in packets(s['file'], 'v:0')) for s in segments[:5]]
                  for name, segments in self.tracks(0).items()}
        self.assertEqual(firsts['high'], firsts['mid'])
        self.assertEqual(firsts['high'], firsts['low'])

    def test_few_connections_for_many_requests(self):
        requests = [r for r in self.nginx.requests() if r[0] == 'PUT']
        self.assertGreater(len(requests), 6 * SEGMENTS)
        self.assertLessEqual(len({r[4] for r in requests}), 4)

    def test_password_is_nowhere_in_messages(self):
        self.assertNotIn(PASSWORD, str(self.events))


if __name__ == '__main__':
    unittest.main()
