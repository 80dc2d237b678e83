#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo: starts the origin and the channel, a plain gst-launch line; counts what its sinks say on the bus; and
checks at the end that it plays. Run by pipelines/demo."""
import argparse
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time

import playback

NAME = 'live'
RATE = 25
SEGMENT = 2
PIPELINES = (0, 1)
RENDITIONS = (('high', 640, 360, 800), ('mid', 480, 270, 500), ('low', 320, 180, 300))   # name, size, kb/s
START, DRAIN = 30, 75       # seconds, at the longest; a sink that cannot publish takes 30 of them


class Failure(Exception):
    pass


def launch_line(origin):
    """The channel, as one would type it: lines."""
    yield f'gst-launch-1.0 -e -m hlsoutputgroup name=hls segment-length={SEGMENT}'
    for index in PIPELINES:
        yield (f'hls.src_{index} ! cdnsink name=pipeline_{index} location={origin}{index}/{NAME} '
               'user-id=demo user-pw=env:DEMO_PW')
    yield (f'videotestsrc is-live=true pattern=smpte ! video/x-raw,format=I420,width=640,height=360,framerate={RATE}/1 '
           "! clockoverlay time-format=%H:%M:%S font-desc='Sans Bold 40' halignment=center valignment=center "
           '! timeoverlay halignment=center valignment=bottom ! tee name=picture')
    yield ('audiotestsrc is-live=true freq=440 volume=0.1 ! audio/x-raw,rate=48000,channels=2 '
           '! avenc_aac bitrate=96000 ! aacparse ! tee name=tone')
    for name, width, height, bitrate in RENDITIONS:
        yield (f'picture. ! queue ! videoscale ! video/x-raw,width={width},height={height} '
               f'! x264enc bitrate={bitrate} speed-preset=superfast tune=zerolatency threads=1 key-int-max=1000 '
               f'! h264parse ! hls.video_{name}')
        yield f'tone. ! queue ! hls.audio_{name}'


class Tally:
    """What the sink of one pipeline said on the bus."""

    def __init__(self):
        self.segments = self.bytes = self.lost = self.retries = 0
        self.latencies = []     # seconds from the last frame of a segment to the playlist that lists it

    def add(self, message, fields):
        if message == 'delivery-lost':
            self.lost += 1
            return
        self.segments += fields['kind'] == 'segment'
        self.bytes += int(fields['bytes'])
        self.retries += int(fields['attempts']) - 1
        if fields['kind'] == 'playlist':
            self.latencies.append(int(fields['latency']) / 1e9)

    def percentile(self, part):
        if not self.latencies:
            return '-'
        return f'{sorted(self.latencies)[int(part * (len(self.latencies) - 1) + 0.5)] * 1000:.1f} ms'


class Channel:
    """gst-launch-1.0 and what it prints. In a session of its own: Ctrl-C is for the demo, which ends it in order."""

    MESSAGE = re.compile(r'Got message #\d+ from element "pipeline_(\d)" \(element\): (delivery-(?:published|lost)), (.*)')
    FIELD = re.compile(r'([\w-]+)=\(\w+\)("(?:[^"\\]|\\.)*"|[^,;]*)')

    def __init__(self, command):
        self.tallies = {index: Tally() for index in PIPELINES}
        self.playing = threading.Event()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                        errors='replace', start_new_session=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if 'Setting pipeline to PLAYING' in line:
                self.playing.set()
            match = self.MESSAGE.match(line)
            if match:
                index, message, fields = match.groups()
                self.tallies[int(index)].add(message, dict(self.FIELD.findall(fields)))
        self.playing.set()

    def run(self, seconds):
        """For so long, or until Ctrl-C; the seconds it played."""
        if not self.playing.wait(START):
            raise Failure(f'the channel does not start within {START} s')
        began = time.monotonic()
        try:
            raise Failure(f'the channel ended by itself: gst-launch-1.0, exit code {self.process.wait(seconds)}')
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            return time.monotonic() - began

    def finish(self):
        """EOS, and everything published."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(DRAIN)
        except subprocess.TimeoutExpired:
            raise Failure(f'the channel does not end within {DRAIN} s of EOS') from None
        self.reader.join()
        if code != 0:
            raise Failure(f'gst-launch-1.0: exit code {code}')

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join()


class Origin:
    """hls-origin on a free port."""

    def __init__(self, build, player):
        command = [os.path.join(build, 'pipelines', 'origin', 'hls-origin'), '--auth', 'digest', '--user', 'demo',
                   '--password-env', 'DEMO_PW', *(['--hls-js', player] if player else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        line = self.process.stdout.readline()
        if not line.startswith('listening '):
            raise Failure(f'hls-origin does not start: exit code {self.process.wait()}')
        self.url = line.split()[1]

    def lost(self):
        return [entry['lost'] for entry in json.loads(playback.fetch(f'{self.url}stats.json'))['inputs']]

    def close(self):
        self.process.terminate()
        self.process.wait()


def fetch_player(build):
    """hls.js from npm, once, or None: the browser then plays by itself if it can."""
    folder = os.path.join(build, 'hls.js')
    player = os.path.join(folder, 'hls.min.js')
    if os.path.exists(player):
        return player
    npm = shutil.which('npm')
    if not npm:
        return None
    os.makedirs(folder, exist_ok=True)
    try:
        done = subprocess.run([npm, 'pack', '--silent', 'hls.js@1'], cwd=folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=True)
        with tarfile.open(os.path.join(folder, done.stdout.split()[-1])) as package:
            with package.extractfile('package/dist/hls.min.js') as packed, open(f'{player}.part', 'wb') as unpacked:
                shutil.copyfileobj(packed, unpacked)
        os.rename(f'{player}.part', player)
    except (subprocess.SubprocessError, tarfile.TarError, OSError, KeyError, IndexError) as error:
        print(f'no hls.js from npm ({error}): the browser has to play HLS itself', file=sys.stderr)
        return None
    return player


def print_table(tallies):
    print(f'{"pipeline":>8}{"segments":>10}{"bytes":>12}{"lost":>6}{"retries":>9}{"latency p50":>13}{"p99":>10}')
    for index, tally in tallies.items():
        print(f'{index:>8}{tally.segments:>10}{tally.bytes:>12}{tally.lost:>6}{tally.retries:>9}'
              f'{tally.percentile(0.5):>13}{tally.percentile(0.99):>10}')


def faults(origin, tallies, played):
    """What went wrong: lines."""
    found = [f'pipeline {index} lost {tally.lost}' for index, tally in tallies.items() if tally.lost]
    found += [f'pipeline {index}: its playlists listed {lost} GAPs' for index, lost in enumerate(origin.lost()) if lost]
    expected = played / SEGMENT * len(RENDITIONS)
    for index, tally in tallies.items():
        if abs(tally.segments - expected) > 3 * len(RENDITIONS):
            found.append(f'pipeline {index}: {tally.segments} segments in {played:.0f} s')
    return found + playback.faults(origin.url, PIPELINES, NAME, len(RENDITIONS), RATE)


def run(origin, seconds):
    line = list(launch_line(origin.url))
    print(f'watch   {origin.url}\n')
    print(' \\\n    '.join(line))
    print('\nuntil Ctrl-C' if seconds is None else f'\nfor {seconds:g} s', flush=True)
    channel = Channel(shlex.split(' '.join(line)))
    try:
        played = channel.run(seconds)
        print('ending', flush=True)
        channel.finish()
    finally:
        channel.close()
        print()
        print_table(channel.tallies)
    try:
        found = faults(origin, channel.tallies, played)
    except playback.PlaybackError as error:
        found = [str(error)]
    for fault in found:
        print(fault, file=sys.stderr)
    if not found:
        print('both pipelines play, every rendition, and nothing was lost')
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(prog='pipelines/demo', description='One live channel to two HTTP inputs.')
    parser.add_argument('--seconds', type=float, metavar='N', help='how long; default: until Ctrl-C')
    parser.add_argument('--build', required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.seconds is not None and args.seconds < 3 * SEGMENT:
        parser.error(f'--seconds {args.seconds:g}: at least {3 * SEGMENT}, three segments')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    os.environ['DEMO_PW'] = secrets.token_urlsafe(18)
    origin = None
    try:
        origin = Origin(args.build, fetch_player(args.build))
        return run(origin, args.seconds)
    except Failure as failure:
        print(f'pipelines/demo: {failure}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if origin:
            origin.close()


if __name__ == '__main__':
    sys.exit(main())
