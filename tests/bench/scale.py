# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many channels of a five-rung ladder, times two pipelines, one process holds in real time."""
import json
import os
import shutil
import subprocess
import sys

import jobs
import runner

RUNGS = ('6500k', '4000k', '2500k', '1300k', '700k')      # 15 Mb/s of video
SECONDS = 24
WORST_LAG_MS = 500


def trial(channels, sink, sources, folder):
    out = os.path.join(folder, 'scale')
    os.makedirs(out)
    command = [os.path.join(runner.tree_path('plain'), 'tests', 'bench', 'bench-scale'), '--seconds', str(SECONDS),
               '--channels', str(channels), '--threads', str(os.cpu_count()), '--sink', sink.replace('%o', out), *sources]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
    finally:
        shutil.rmtree(out)
    found = json.loads(result.stdout)
    found['held'] = found['worst_lag_ms'] < WORST_LAG_MS and found['lost'] == 0 and found['backlog_seconds'] < 12
    print(f'{channels} channels to {sink.split()[0]}: {"held" if found["held"] else "not held"}, {found["cpu"]:.1f} CPU-s '
          f'in {SECONDS} s, worst lag {found["worst_lag_ms"]:.0f} ms', file=sys.stderr, flush=True)
    return found


def most(sink, sources, folder, limit):
    """The largest number held, to about a tenth."""
    best, low, high = None, 0, None
    channels = min(8, limit)
    while high is None or high - low > max(low // 10, 1):
        found = trial(channels, sink, sources, folder)
        if found['held']:
            best, low = found, channels
            if low == limit:
                break
        else:
            high = channels
        channels = min(2 * low, limit) if high is None else (low + high) // 2
        if channels == 0:
            break
    return best


def section(folder, table):
    sources = []
    for rate in RUNGS:
        sources.append(os.path.join(folder, f'rung-{rate}.mp4'))
        # The size of the picture is nothing to a packager: its bits are.
        jobs.make_input(sources[-1], 12, bitrate=rate, size='640x360', rate=30)
    # Two pipelines of 15 Mb/s for the run, in half of what memory is free.
    free = shutil.disk_usage(folder).free
    room = int(free / 2 / (SECONDS * 2 * 16e6 / 8))
    rows = []
    for text, sink, limit in (('a sink that discards', 'discard', 2000),
                              ('dirsink, in memory (tmpfs)', 'dirsink location=%o/%c/%p/live', room)):
        found = most(sink, sources, folder, limit)
        if found is None:
            rows.append([text, '0', '', '', ''])
            continue
        count = found['channels']
        rows.append([text, f'{count}{" (all that fits in memory)" if count == limit else ""}',
                     f'{found["cpu"] / SECONDS / count * 100:.2f} %',
                     f'{(found["rss"] - found["rss_base"]) / count / 1e6:.1f}', f'{found["worst_lag_ms"]:.0f}'])
    return (f'Five renditions (video of {", ".join(RUNGS)} at 30 frames/s and AAC muxed into each), 6 s segments, two '
            f'pipelines, replayed in real time for {SECONDS} s on {os.cpu_count()} cores by the same process. Held: no input '
            f'was ever {WORST_LAG_MS} ms late, nothing was lost. All channels end their segments at the same instant, as locked ones '
            'do: the hardest case.\n\n'
            + table(['', 'channels', 'of one core per channel', 'MB per channel', 'worst lag ms'], rows))
