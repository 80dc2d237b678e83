# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo runs, says what it published, and fails where that is not what it should be."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

from test_origin import BUILD, Origin, wait_for

PIPELINES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'pipelines')
sys.path.insert(0, PIPELINES)
import playback   # noqa: E402

ROW = re.compile(r'^ +(\d) +(\d+) +(\d+) +(\d+) +(\d+) +([\d.]+) ms +([\d.]+) ms$', re.M)


def make_film(output, folder):
    """6 s at 25 frames a second, a keyframe every 2 s, as the ffmpeg arguments @output say."""
    subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=160x90:rate=25', '-f', 'lavfi', '-i',
                    'sine=sample_rate=48000', '-t', '6', '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset',
                    'ultrafast', '-g', '50', '-c:a', 'aac', *output],
                   check=True, timeout=60, stdin=subprocess.DEVNULL, cwd=folder)


class Demo:
    def __init__(self, *options):
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ['/usr/bin/python3', '-B', os.path.join(PIPELINES, 'channel.py'), '--build', BUILD, *options],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
            env={**os.environ, 'PATH': '/usr/bin:/bin', 'PYTHONUNBUFFERED': '1'})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.output.close()

    def said(self):
        self.output.seek(0)
        return self.output.read().decode()

    def children(self):
        """{pid: name} of what it started and is there."""
        if self.process.poll() is not None:
            return {}
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children', encoding='ascii') as children:
            pids = [int(pid) for pid in children.read().split()]
        names = {}
        for pid in pids:
            with open(f'/proc/{pid}/comm', encoding='ascii') as name:
                names[pid] = name.read().strip()
        return names

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'no end within {seconds} s\n{self.said()}') from None

    def wait_until_it_publishes(self, segments=3):
        url = wait_for(lambda: re.search(r'watch +(\S+)', self.said()), 'the URL').group(1)
        wait_for(lambda: all(entry['multivariant'] and entry['segments'] >= segments for entry in
                             json.loads(playback.fetch(f'{url}stats.json'))['inputs']), f'{segments} segments', 60)


class DemoTest(unittest.TestCase):
    def test_runs_for_so_long(self):
        with Demo('--seconds', '12') as demo:
            self.assertEqual(demo.wait(90), 0, demo.said())
            said = demo.said()
            rows = ROW.findall(said)
            self.assertEqual([row[0] for row in rows], ['0', '1'], said)
            for _, segments, size, lost, retries, p50, p99 in rows:
                self.assertAlmostEqual(int(segments), 18, delta=6)
                self.assertGreater(int(size), 200000)
                self.assertEqual((lost, retries), ('0', '0'))
                self.assertLessEqual(float(p50), float(p99))
            self.assertIn('both pipelines play', said)
            self.assertNotRegex(said, 'CRITICAL|WARNING|ERROR')

    def test_ends_in_order_at_ctrl_c(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(how=how), Demo() as demo:
                demo.wait_until_it_publishes(segments=12)
                children = demo.children()
                demo.process.send_signal(how)
                demo.wait(60)
                self.assertEqual(len(ROW.findall(demo.said())), 2, demo.said())
                self.assertIn('both pipelines play', demo.said())
                for pid in children:
                    self.assertFalse(os.path.exists(f'/proc/{pid}'), children[pid])

    @unittest.skipIf(os.environ.get('TESTS_QUICK'), 'the sinks try for a minute')
    def test_fails_without_its_origin(self):
        with Demo('--seconds', '8') as demo:
            demo.wait_until_it_publishes()
            for pid, name in demo.children().items():
                if name == 'hls-origin':
                    os.kill(pid, signal.SIGKILL)
            self.assertEqual(demo.wait(150), 1, demo.said())
            self.assertNotIn('both pipelines play', demo.said())
            self.assertNotIn('Traceback', demo.said())

    def test_fails_without_its_channel(self):
        with Demo() as demo:
            demo.wait_until_it_publishes()
            for pid, name in demo.children().items():
                if name.startswith('gst-launch'):
                    os.kill(pid, signal.SIGKILL)
            self.assertEqual(demo.wait(30), 1)
            self.assertIn('ended by itself', demo.said())

    def test_bad_options(self):
        for options, said in ((['--seconds', '2'], '--seconds 2: at least 6'), (['--seconds', 'x'], "'x'"),
                              (['stray'], 'stray')):
            with self.subTest(options=options), Demo(*options) as demo:
                self.assertEqual(demo.wait(30), 2)
                self.assertIn(said, demo.said())


class ExamplesTest(unittest.TestCase):
    """The command lines beside the demo, as they stand."""

    def test_two_origins(self):
        with Origin(os.path.join(BUILD, 'pipelines', 'origin', 'hls-origin')) as origin, tempfile.TemporaryFile() as log:
            process = subprocess.Popen([os.path.join(PIPELINES, 'two-origins.sh'), f'{origin.url}/0/curling',
                                        f'{origin.url}/1/curling'], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                wait_for(lambda: all(entry['segments'] >= 4 for entry in origin.stats()['inputs']), '4 segments', 60)
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.wait(30), 0)
            finally:
                process.kill()
                process.wait()
            log.seek(0)
            self.assertNotRegex(log.read().decode(), 'CRITICAL|WARNING|ERROR')
            self.assertEqual(playback.faults(f'{origin.url}/', (0, 1), 'curling', 2, 25), [])

    def test_file_to_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            film, out = os.path.join(folder, 'a film.mp4'), os.path.join(folder, 'out')
            make_film(['-map', '1', '-map', '0', film], folder)     # the audio first
            done = subprocess.run([os.path.join(PIPELINES, 'file-to-folder.sh'), film, out], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotRegex(done.stdout + done.stderr, 'CRITICAL|WARNING|ERROR')
            counts, complaints = playback.decoded(os.path.join(out, 'index.m3u8'))
            self.assertEqual((complaints, counts['video']), ('', 150))
            self.assertAlmostEqual(counts['audio'], 6, delta=0.1)

    def test_usage(self):
        for name in ('two-origins.sh', 'file-to-folder.sh'):
            done = subprocess.run([os.path.join(PIPELINES, name)], capture_output=True, text=True, timeout=10)
            self.assertEqual((done.returncode, done.stderr.split()[0]), (2, 'usage:'))


class PlaybackTest(unittest.TestCase):
    """That it says what is wrong with a channel. A good one, made by ffmpeg, is spoiled in one way at a time."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        make_film(['-f', 'hls', '-hls_time', '2', '-hls_list_size', '0', '-hls_segment_filename', 'live-a_%d.ts',
                   '-master_pl_name', 'live.m3u8', 'live-a.m3u8'], cls.folder.name)
        cls.files = {}
        for name in os.listdir(cls.folder.name):
            with open(os.path.join(cls.folder.name, name), 'rb') as stream:
                cls.files[name] = stream.read()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def faults(self, count=1, **spoiled):
        """Of the channel on both inputs, where input 1 has the @spoiled files instead."""
        with Origin(os.path.join(BUILD, 'pipelines', 'origin', 'hls-origin')) as origin:
            for index in (0, 1):
                for name, body in self.files.items():
                    key = name.replace('.', '_').replace('-', '_')
                    origin.request('PUT', f'/{index}/{name}', spoiled.get(key, body) if index else body)
            return '\n'.join(playback.faults(f'{origin.url}/', (0, 1), 'live', count, 25))

    def test_nothing_is_wrong(self):
        self.assertEqual(self.faults(), '')

    def test_faults(self):
        listed, segment = self.files['live-a.m3u8'], self.files['live-a_1.ts']
        where = 'pipeline 1, live-a.m3u8: '
        for said, spoiled in (
                (f'{where}1 segments are listed as GAP', {'live_a_m3u8': listed.replace(b'#EXTINF', b'#EXT-X-GAP\n#EXTINF', 1)}),
                (f'{where}the decoder says: ', {'live_a_1_ts': segment[:20000] + os.urandom(20000) + segment[40000:]}),
                (f'{where}the decoder says: ', {'live_a_1_ts': segment[:len(segment) // 376 * 188 + 100]}),
                (f'{where}100 frames in 6.00 s', {'live_a_1_ts': b''}),
                ('do not list the same', {'live_a_m3u8': listed.replace(b'live-a_2.ts', b'live-a_1.ts')})):
            with self.subTest(said=said):
                self.assertIn(said, self.faults(**spoiled))

    def test_missing_rendition(self):
        self.assertIn('pipeline 0: 1 renditions, not 3', self.faults(count=3))


if __name__ == '__main__':
    unittest.main()
