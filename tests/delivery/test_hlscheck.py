#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The checker itself: it passes what is right, and each rule it claims to check is seen to be broken when it is."""
import os
import tempfile
import unittest

import hlscheck
import hlspoll

MEDIA = '''#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-PROGRAM-DATE-TIME:2024-01-02T03:04:05.000Z
#EXTINF:2.00000,
a_00007.ts
#EXT-X-PROGRAM-DATE-TIME:2024-01-02T03:04:07.000Z
#EXTINF:2.00000,
a_00008.ts
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2024-01-02T04:00:00.000Z
#EXTINF:2.00000,
a_00009.ts
'''
NEXT = MEDIA.replace('SEQUENCE:7\n', 'SEQUENCE:8\n').replace('''#EXT-X-PROGRAM-DATE-TIME:2024-01-02T03:04:05.000Z
#EXTINF:2.00000,
a_00007.ts
''', '') + '''#EXT-X-PROGRAM-DATE-TIME:2024-01-02T04:00:02.000Z
#EXT-X-GAP
#EXTINF:2.00000,
a_00010.ts
'''
MULTIVARIANT = '''#EXTM3U
#EXT-X-VERSION:3
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="program_audio",NAME="english",DEFAULT=YES,AUTOSELECT=YES,URI="e.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=100000,AVERAGE-BANDWIDTH=90000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360,\
FRAME-RATE=25.000,AUDIO="program_audio"
v.m3u8
'''


class Syntax(unittest.TestCase):
    def refuses(self, text, *what):
        for before, after in what:
            broken = text.replace(before, after, 1)
            self.assertNotEqual(broken, text, f'{before!r} is not in the sample')
            with self.assertRaises(hlscheck.PlaylistError, msg=f'{before!r} to {after!r}'):
                hlscheck.parse(broken)

    def test_media(self):
        playlist = hlscheck.parse(MEDIA)
        self.assertEqual([s.sequence for s in playlist.segments], [7, 8, 9])
        self.assertEqual([s.discontinuity_sequence for s in playlist.segments], [1, 1, 2])
        self.refuses(
            MEDIA, ('#EXTM3U\n', ''), ('VERSION:3', 'VERSION:2'), ('#EXT-X-TARGETDURATION:2\n', ''),
            ('TARGETDURATION:2', 'TARGETDURATION:1'), ('TARGETDURATION:2', 'TARGETDURATION:2.0'),
            ('#EXTINF:2.00000,\na_00008', 'a_00008'), ('2.00000,', '2.00000'), ('2.00000,', '0.00000,'),
            ('05.000Z', '05.000'), ('07.000Z', '07.100Z'), ('a_00008.ts', 'a_00007.ts'), ('a_00008.ts', 'a b.ts'),
            ('#EXT-X-VERSION:3\n', '#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n'),
            ('#EXT-X-VERSION:3\n', '#EXT-X-VERSION:3\n#EXT-X-NONSENSE\n'),
            ('#EXT-X-VERSION:3\n', '#EXT-X-VERSION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n'),
            ('a_00009.ts\n', 'a_00009.ts'), ('a_00009.ts\n', 'a_00009.ts\n#EXTINF:2.0,\n'),
            ('a_00008.ts\n', 'a_00008.ts\n#EXT-X-ENDLIST\n'),
            ('a_00008.ts\n', 'a_00008.ts\n#EXT-X-MEDIA-SEQUENCE:8\n'))

    def test_multivariant(self):
        self.assertEqual(hlscheck.parse(MULTIVARIANT).uris, ['v.m3u8', 'e.m3u8'])
        self.refuses(
            MULTIVARIANT, ('BANDWIDTH=100000,', ''), ('BANDWIDTH=100000,', 'BANDWIDTH=80000,'),
            ('"avc1.64001f,', '"avc1.6400,'), ('mp4a.40.2', 'avc1.64001f'), (',RESOLUTION=640x360', ''),
            ('AUDIO="program_audio"\n', 'AUDIO="other"\n'), (',AUDIO="program_audio"\n', '\n'),
            ('#EXT-X-INDEPENDENT-SEGMENTS\n', ''), ('v.m3u8\n', ''), ('AUTOSELECT=YES,', ''),
            ('NAME="english",', ''), ('NAME="english"', 'NAME=english'), ('FRAME-RATE=25.000', 'FRAME-RATE=25,X=1'))


class Refresh(unittest.TestCase):
    def faults(self, old, new):
        return hlscheck.check_refresh(hlscheck.parse(old), hlscheck.parse(new))

    def test_good(self):
        self.assertEqual(self.faults(MEDIA, NEXT), [])
        self.assertEqual(self.faults(MEDIA, MEDIA + '#EXT-X-ENDLIST\n'), [])
        event = MEDIA.replace('#EXT-X-VERSION:3\n', '#EXT-X-VERSION:3\n#EXT-X-PLAYLIST-TYPE:EVENT\n')
        self.assertEqual(self.faults(event, event.replace('EVENT', 'VOD') + '#EXT-X-ENDLIST\n'), [])

    def test_faults(self):
        for old, new, word in (
                (NEXT, MEDIA, 'went back'),
                (MEDIA, MEDIA.replace('TARGETDURATION:2', 'TARGETDURATION:3'), 'target duration changed'),
                (MEDIA, MEDIA.replace('a_00008', 'b_00008'), 'uri changed'),
                (MEDIA, NEXT.replace('2024-01-02T03:04:07.000Z', '2024-01-02T03:04:07.001Z'), 'date changed'),
                (MEDIA, NEXT.replace('Z\n#EXTINF:2.00000,\na_00008', 'Z\n#EXTINF:1.99990,\na_00008'), 'duration changed'),
                (MEDIA, NEXT.replace('SEQUENCE:8\n', 'SEQUENCE:8\n#EXT-X-DISCONTINUITY\n'), 'discontinuity changed'),
                (NEXT, NEXT.replace('#EXT-X-GAP\n', ''), 'was a GAP'),
                (MEDIA, NEXT.split('#EXT-X-PROGRAM-DATE-TIME:2024-01-02T04:00:02')[0], 'less than three'),
                (MEDIA, MEDIA.split('#EXT-X-DISCONTINUITY\n')[0], 'end went back'),
                (MEDIA + '#EXT-X-ENDLIST\n', MEDIA, 'after EXT-X-ENDLIST'),
                (MEDIA, NEXT.replace('VERSION:3', 'VERSION:8'), 'version changed')):
            found = self.faults(old, new)
            self.assertTrue(any(word in f for f in found), f'{word}: {found}')

    def test_aligned(self):
        one, same = hlscheck.parse(MEDIA), hlscheck.parse(MEDIA)
        self.assertEqual(hlscheck.check_aligned({'a': one, 'b': same}), [])
        shifted = hlscheck.parse(MEDIA.replace('03:04:05.000', '03:04:05.020').replace('03:04:07.000', '03:04:07.020'))
        self.assertTrue(hlscheck.check_aligned({'a': one, 'b': shifted}))
        self.assertEqual(hlscheck.check_aligned({'a': one, 'b': shifted}, 0.03), [])
        other = hlscheck.parse(MEDIA.replace('SEQUENCE:7', 'SEQUENCE:70'))
        self.assertTrue(hlscheck.check_aligned({'a': one, 'b': other}))

    def test_bandwidth(self):
        peak, average = hlscheck.measure_bandwidth([(2, 1000), (2, 4000), (2, 1000)], 2)
        self.assertEqual((peak, average), (16000, 8000))
        # Runs shorter than half a target duration count only joined to others.
        self.assertEqual(hlscheck.measure_bandwidth([(4, 1000), (1, 4000), (4, 1000)], 4)[0], 8000)


class Follow(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path + '.tmp', 'w') as file:
            file.write(text)
        os.rename(path + '.tmp', path)

    def follow(self, names, texts):
        for name in names:
            self.write(name, 'data')
        with hlspoll.Poller(f'file://{self.folder.name}/m.m3u8', interval=0.01) as poller:
            for count, text in enumerate(texts, 1):
                self.write('m.m3u8', text)
                self.assertTrue(poller.wait(lambda: poller.faults or sum(
                    len(t.versions) for t in poller.tracks.values()) >= count, 10))
        return poller.all_faults()

    def test_good(self):
        self.assertEqual(self.follow(['a_00007.ts', 'a_00008.ts', 'a_00009.ts'], [MEDIA, NEXT]), [])

    def test_listed_and_not_there(self):
        faults = self.follow(['a_00007.ts', 'a_00008.ts'], [MEDIA])
        self.assertTrue(any('a_00009.ts is listed, and GET answers 404' in f for f in faults), faults)

    def test_deleted_too_early(self):
        for name in ('a_00007.ts', 'a_00008.ts', 'a_00009.ts'):
            self.write(name, 'data')
        self.write('m.m3u8', MEDIA)
        with hlspoll.Poller(f'file://{self.folder.name}/m.m3u8', interval=0.01) as poller:
            self.assertTrue(poller.wait_versions(1, 10))
            self.write('m.m3u8', NEXT)
            self.assertTrue(poller.wait_versions(2, 10))
            os.unlink(os.path.join(self.folder.name, 'a_00007.ts'))
            self.assertTrue(poller.wait(lambda: poller.faults, 10))
        self.assertIn('too early', poller.faults[0])


if __name__ == '__main__':
    unittest.main()
