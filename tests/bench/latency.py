# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publish latency on loopback: a buffer goes into the output group, and the playlist that lists its segment appears in
nginx's folder (seen from outside by inotify, at the rename that makes it visible)."""
import ctypes
import json
import os
import struct
import subprocess
import sys
import threading
import time

import jobs
import runner
from servers import Certificates, Nginx

IN_MOVED_TO, IN_CLOSE_WRITE = 0x80, 0x8
SECONDS = 150


class Watch(threading.Thread):
    """When each media sequence number was first listed: monotonic microseconds by number."""

    def __init__(self, folder, name):
        super().__init__(daemon=True)
        self.path, self.wanted = os.path.join(folder, name), name.encode()
        self.listed = {}
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, folder.encode(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0:
            raise OSError(ctypes.get_errno(), 'inotify')
        self.start()

    def run(self):
        while True:
            data = os.read(self.fd, 65536)
            now, at = time.monotonic() * 1e6, 0
            while at < len(data):
                _, _, _, length = struct.unpack_from('iIII', data, at)
                if data[at + 16:at + 16 + length].rstrip(b'\0') == self.wanted:
                    self._note(now)
                at += 16 + length

    def _note(self, now):
        with open(self.path) as file:
            text = file.read()
        first = int(text.split('#EXT-X-MEDIA-SEQUENCE:')[1].split('\n')[0])
        self.listed.setdefault(first + text.count('#EXTINF:') - 1, now)


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def delays(log, listed):
    """Milliseconds from the last buffer of each segment to its playlist."""
    pushes = {}
    for line in log:
        stream, pts, when, keyframe = line.split()
        pushes.setdefault(stream, []).append((int(pts), int(when), keyframe == '1'))
    boundaries = [pts for pts, _, keyframe in pushes['video_r0'] if keyframe][1:]
    first = min(listed)
    found = []
    for number, when in listed.items():
        if number - first >= len(boundaries):
            continue
        boundary = boundaries[number - first]
        last = max(max(t for pts, t, _ in stream if pts < boundary) for stream in pushes.values())
        found.append((when - last) / 1000)
    return found


def run(folder, source, tls):
    with Nginx(folder, Certificates(folder)) as server:
        url = f'https://127.0.0.1:{server.tls1_port}' if tls else f'http://127.0.0.1:{server.port}'
        options = f' tls-ca-file={server.ca}' if tls else ''
        watch = Watch(server.root, 'live-r0.m3u8')
        command = [os.path.join(runner.tree_path('plain'), 'tests', 'bench', 'bench-scale'), '--seconds', str(SECONDS),
                   '--segment-length', '1', '--pipelines', '1', '--log', '--sink',
                   f'cdnsink location={url}/live{options}', source]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
    *log, last = result.stdout.strip().split('\n')
    return delays(log, watch.listed), json.loads(last)


def section(folder, table):
    source = os.path.join(folder, 'latency.mp4')
    # One second of it is a segment of 1.5 MB.
    jobs.make_input(source, 10, bitrate='11500k', gop=1)
    rows = []
    for tls in (False, True):
        place = os.path.join(folder, f'latency{int(tls)}')
        os.mkdir(place)
        values, stats = run(place, source, tls)
        if len(values) < SECONDS // 2:
            print(f'latency: only {len(values)} segments were seen', file=sys.stderr)
        name = 'https' if tls else 'http'
        rows.append([f'{name}: last buffer of the segment in, playlist visible', str(len(values)),
                     f'{percentile(values, 50):.1f}', f'{percentile(values, 99):.1f}', f'{max(values):.1f}'])
        rows.append([f'{name}: the sink\'s own `latency` statistics', '', f'{stats["latency_p50_ms"]:.1f}',
                     f'{stats["latency_p99_ms"]:.1f}', ''])
    size = os.path.getsize(source) / 10 / 1e6
    os.unlink(source)
    return (f'Segments of {size:.1f} MB and 1 s in real time to one nginx on loopback, {SECONDS} of them; aim p50 at '
            'most 5 ms, p99 at most 15 ms.\n\n' + table(['', 'n', 'p50 ms', 'p99 ms', 'max ms'], rows))
