# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether an ended channel plays: what its playlists list is decoded, from first to last."""
import json
import subprocess
import urllib.parse
import urllib.request


class PlaybackError(Exception):
    pass


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError as error:
        raise PlaybackError(f'{url}: {error}') from None


def renditions(url):
    """The URLs of the media playlists that the multivariant playlist at @url names."""
    lines = fetch(url).splitlines()
    return [urllib.parse.urljoin(url, line) for line in lines if line and not line.startswith('#')]


class MediaPlaylist:
    def __init__(self, url):
        text = fetch(url)
        lines = text.splitlines()
        self.url = url
        self.ended = '#EXT-X-ENDLIST' in lines
        self.gaps = lines.count('#EXT-X-GAP')
        self.durations = [float(line[8:].split(',')[0]) for line in lines if line.startswith('#EXTINF:')]
        # from what to what, and what it holds: two pipelines of one channel agree in all of it
        self.segments = [line for line in lines if line and (not line.startswith('#') or line.startswith('#EXTINF:'))]


def decoded(url):
    """({'video': frames, 'audio': seconds}, complaints) of decoding everything at @url."""
    entries = 'stream=codec_type,sample_rate:stream=nb_read_frames'
    done = subprocess.run(['ffprobe', '-v', 'warning', '-count_frames', '-show_entries', entries, '-of', 'json', url],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    counts = {'video': 0, 'audio': 0}
    for stream in json.loads(done.stdout or '{}').get('streams', []):
        frames = int(stream.get('nb_read_frames', 0))
        if stream['codec_type'] == 'video':
            counts['video'] = frames
        elif stream['codec_type'] == 'audio':
            counts['audio'] = frames * 1024 / int(stream['sample_rate'])
    return counts, done.stderr.strip() or ('' if done.returncode == 0 else f'ffprobe: exit code {done.returncode}')


def faults(origin, inputs, name, count, rate):
    """What is wrong with the ended channel @name on the @inputs of @origin: @count renditions at @rate frames a second.
    A list of lines, empty if nothing is."""
    found, listed = [], []
    for index in inputs:
        urls = renditions(f'{origin}{index}/{name}.m3u8')
        if len(urls) != count:
            found.append(f'pipeline {index}: {len(urls)} renditions, not {count}')
        listed.append({})
        for url in urls:
            playlist = MediaPlaylist(url)
            file = url.rsplit('/', 1)[1]
            listed[-1][file] = playlist.segments
            where = f'pipeline {index}, {file}'
            seconds = sum(playlist.durations)
            if not playlist.ended:
                found.append(f'{where}: no EXT-X-ENDLIST')
            if playlist.gaps:
                found.append(f'{where}: {playlist.gaps} segments are listed as GAP')
            counts, complaints = decoded(url)
            if complaints:
                found.append(f'{where}: the decoder says: {complaints}')
            if abs(counts['video'] - seconds * rate) > 2:
                found.append(f'{where}: {counts["video"]} frames in {seconds:.2f} s of playlist')
            if abs(counts['audio'] - seconds) > 0.25:
                found.append(f'{where}: {counts["audio"]:.2f} s of audio in {seconds:.2f} s of playlist')
    if any(segments != listed[0] for segments in listed[1:]):
        found.append('the pipelines do not list the same segments')
    return found
