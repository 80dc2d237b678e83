# SPDX-License-Identifier: LGPL-2.1-or-later
"""The runs that tests/bench/run compares: ours, ffmpeg's hls muxer and hlssink2, all from one MP4 file."""
import collections
import os
import shutil
import subprocess
import threading
import time

from servers import Certificates, Nginx

Result = collections.namedtuple('Result', 'cpu wall rss')
Job = collections.namedtuple('Job', 'name command inputs')
LENGTH = 6
LIMIT = 60      # seconds: what takes longer hangs
TRIES = 3       # a peer that hangs is run again, and the table says so


def make_input(path, seconds, bitrate='5M', size='1280x720', rate=25, gop=LENGTH, audio='128k'):
    """An MP4 of about @seconds: H.264 with B-frames and AAC. A short piece is encoded, and repeated."""
    piece = path + '.piece.mp4'
    piece_seconds = min(10 * gop, seconds)
    subprocess.run(
        ['ffmpeg', '-nostdin', '-y', '-v', 'error', '-f', 'lavfi', '-i',
         f'testsrc2=s={size}:r={rate}:d={piece_seconds},noise=alls=12:allf=t', '-f', 'lavfi', '-i',
         f'sine=440:r=48000:d={piece_seconds}', '-c:v', 'libx264', '-preset', 'superfast', '-bf', '2', '-b:v', bitrate,
         '-maxrate', bitrate, '-bufsize', bitrate, '-g', str(gop * rate), '-keyint_min', str(gop * rate),
         '-sc_threshold', '0', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', audio, piece], check=True)
    subprocess.run(['ffmpeg', '-nostdin', '-y', '-v', 'error', '-stream_loop',
                    str(max(seconds // piece_seconds - 1, 0)), '-i', piece, '-c', 'copy', path], check=True)
    os.unlink(piece)


class Hang(SystemExit):
    """The child did not end by itself."""


def run_child(command, **options):
    """CPU seconds, wall seconds and peak RSS of one child and what it waited for."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               **options)
    limit = threading.Timer(LIMIT, process.kill)
    limit.start()
    output = process.stdout.read()
    limit.cancel()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and wall >= LIMIT:
        raise Hang(f'{" ".join(command)}: did not end within {LIMIT} s')
    if process.returncode:
        raise SystemExit(f'{" ".join(command)}: {process.returncode}\n{output.decode(errors="replace")}')
    return Result(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


class Bench:
    def __init__(self, folder, minutes):
        self.folder, self.minutes = folder, minutes
        self.input = os.path.join(folder, 'input.mp4')
        self.out = os.path.join(folder, 'out')
        make_input(self.input, 60 * minutes)
        self.input_bytes = os.path.getsize(self.input)
        self.servers = []
        self.hangs = collections.Counter()

    def __enter__(self):
        certificates = Certificates(self.folder)
        for number in (0, 1):
            folder = os.path.join(self.folder, f'nginx{number}')
            os.mkdir(folder)
            self.servers.append(Nginx(folder, certificates))
        self.ca = certificates.ca
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.close()
        os.unlink(self.input)

    def describe(self):
        return (f'{self.minutes} minutes of 720p25 H.264 (two B-frames) and AAC in MP4, '
                f'{self.input_bytes * 8 / 60 / self.minutes / 1e6:.1f} Mb/s, {LENGTH} s segments, '
                f'{self.input_bytes / 1e6:.0f} MB, in memory (tmpfs) as all output')

    def url(self, number, tls=False):
        server = self.servers[number]
        return f'https://127.0.0.1:{server.tls1_port}' if tls else f'http://127.0.0.1:{server.port}'

    # --- command lines

    def ours(self, *sinks):
        text = f'hlsoutputgroup name=hls mode=vod segment-length={LENGTH}'
        for number, sink in enumerate(sinks):
            text += f' hls.src_{number} ! {sink}'
        # the group takes what is in the file as it is, and queues by itself
        text += f' filesrc location={self.input} ! qtdemux name=d  d.video_0 ! hls.video_a  d.audio_0 ! hls.audio_a'
        return ['gst-launch-1.0', '--no-fault', '-q', *text.split()]

    def cdnsink(self, number, tls=False):
        return f'cdnsink location={self.url(number, tls)}/live' + (f' tls-ca-file={self.ca}' if tls else '')

    def ffmpeg(self, *outputs):
        return ['ffmpeg', '-nostdin', '-v', 'error', '-i', self.input, '-map', '0', '-c', 'copy', *outputs]

    def ffmpeg_hls(self, target, *options):
        return self.ffmpeg('-f', 'hls', '-hls_time', str(LENGTH), '-hls_playlist_type', 'event', *options, target)

    def ffmpeg_tee(self, tls=False):
        one = f'f=hls:hls_time={LENGTH}:hls_playlist_type=event:method=PUT:http_persistent=1'
        return self.ffmpeg('-f', 'tee', '|'.join(f'[{one}]{self.url(n, tls)}/live.m3u8' for n in (0, 1)))

    def hlssink2(self):
        text = (f'hlssink2 name=s target-duration={LENGTH} send-keyframe-requests=false max-files=0 '
                f'location={self.out}/s%05d.ts playlist-location={self.out}/live.m3u8 '
                f'filesrc location={self.input} ! qtdemux name=d  d.video_0 ! queue ! h264parse ! s.video '
                ' d.audio_0 ! queue ! aacparse ! s.audio')
        return ['gst-launch-1.0', '--no-fault', '-q', *text.split()]

    def jobs(self):
        put = ('-method', 'PUT', '-http_persistent', '1')
        return [
            Job('(a) dirsink', self.ours(f'dirsink location={self.out}/live'), 1),
            Job('ffmpeg hls, disk', self.ffmpeg_hls(f'{self.out}/live.m3u8'), 1),
            Job('hlssink2, disk', self.hlssink2(), 1),
            Job('(b) one nginx', self.ours(self.cdnsink(0)), 1),
            Job('ffmpeg hls, PUT', self.ffmpeg_hls(self.url(0) + '/live.m3u8', *put), 1),
            Job('(c) two nginx', self.ours(self.cdnsink(0), self.cdnsink(1)), 2),
            Job('ffmpeg tee, two PUT', self.ffmpeg_tee(), 2),
            Job('(d) one nginx, TLS', self.ours(self.cdnsink(0, True)), 1),
            Job('ffmpeg hls, PUT, TLS', self.ffmpeg_hls(self.url(0, True) + '/live.m3u8', *put), 1),
            Job('(d) two nginx, TLS', self.ours(self.cdnsink(0, True), self.cdnsink(1, True)), 2),
            Job('ffmpeg tee, two PUT, TLS', self.ffmpeg_tee(True), 2),
            Job('one pipeline, fakesink', self.ours('fakesink sync=false async=false'), 0),
            Job('two pipelines, fakesinks', self.ours('fakesink sync=false async=false', 'fakesink sync=false async=false'), 0),
        ]

    @staticmethod
    def comparisons():
        return [
            ('(a) dirsink / ffmpeg hls, disk', '(a) dirsink', 'ffmpeg hls, disk', 'at most 1.0'),
            ('(a) dirsink / hlssink2', '(a) dirsink', 'hlssink2, disk', 'at most 0.25'),
            ('(b) one nginx / ffmpeg hls, PUT', '(b) one nginx', 'ffmpeg hls, PUT', ''),
            ('(c) two nginx / ffmpeg tee, two PUT', '(c) two nginx', 'ffmpeg tee, two PUT', 'at most 0.6'),
            ('(d) one nginx, TLS / ffmpeg hls, PUT, TLS', '(d) one nginx, TLS', 'ffmpeg hls, PUT, TLS', ''),
            ('(d) two nginx, TLS / ffmpeg tee, two PUT, TLS', '(d) two nginx, TLS', 'ffmpeg tee, two PUT, TLS', ''),
        ]

    # --- one run

    def run(self, job):
        while True:
            self._clear()
            try:
                result = run_child(job.command)
                break
            except Hang:
                self.hangs[job.name] += 1
                if 'hlsoutputgroup' in job.command or self.hangs[job.name] == TRIES:
                    raise
        self._check(job)
        return result

    def _folders(self):
        return [self.out] + [server.root for server in self.servers]

    def _clear(self):
        for folder in self._folders():
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder, exist_ok=True)      # a server may still store what a killed peer sent

    def _check(self, job):
        """A run that left out half of the work must not look cheap."""
        least = 0.98 * self.input_bytes * job.inputs
        made = sum(os.path.getsize(os.path.join(folder, name)) for folder in self._folders()
                   for name in os.listdir(folder) if name.endswith('.ts'))
        if made < least:
            raise SystemExit(f'{job.name}: {made} bytes of segments were published, at least {least:.0f} were '
                             f'due\n{" ".join(job.command)}')
