#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Strict checks of HLS playlists: one by one, from refresh to refresh, and side by side.

Normative reference: RFC 8216bis (draft-pantos-hls-rfc8216bis), sections 4 (syntax), 6.2 (server) and 8 (versions).

As a command:  hlscheck.py [--seconds N] [--ca FILE] URL...
follows the playlists (multivariant: with its media playlists) and prints one JSON report; exit code 1 on any fault.
"""
import datetime
import re
import sys
from decimal import Decimal

MEDIA_ONCE = {
    'EXTM3U', 'EXT-X-VERSION', 'EXT-X-TARGETDURATION', 'EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE',
    'EXT-X-PLAYLIST-TYPE', 'EXT-X-INDEPENDENT-SEGMENTS', 'EXT-X-ENDLIST'}
MEDIA_SEGMENT = {'EXTINF', 'EXT-X-DISCONTINUITY', 'EXT-X-PROGRAM-DATE-TIME', 'EXT-X-GAP'}
MULTIVARIANT_ONCE = {'EXTM3U', 'EXT-X-VERSION', 'EXT-X-INDEPENDENT-SEGMENTS'}
MULTIVARIANT_MANY = {'EXT-X-STREAM-INF', 'EXT-X-MEDIA'}

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^,\s]*)(,|$)')
INTEGER = re.compile(r'\d{1,20}$')
FLOAT = re.compile(r'\d+(\.\d+)?$')
QUOTED = re.compile(r'"[^"\r\n]*"$')
ATTRIBUTES = {
    'EXT-X-STREAM-INF': {
        'BANDWIDTH': INTEGER, 'AVERAGE-BANDWIDTH': INTEGER, 'CODECS': QUOTED, 'RESOLUTION': re.compile(r'\d+x\d+$'),
        'FRAME-RATE': re.compile(r'\d+(\.\d{1,3})?$'), 'AUDIO': QUOTED, 'CLOSED-CAPTIONS': re.compile(r'NONE$|"[^"]*"$')},
    'EXT-X-MEDIA': {
        'TYPE': re.compile(r'(AUDIO|VIDEO|SUBTITLES|CLOSED-CAPTIONS)$'), 'GROUP-ID': QUOTED, 'NAME': QUOTED,
        'LANGUAGE': QUOTED, 'DEFAULT': re.compile(r'(YES|NO)$'), 'AUTOSELECT': re.compile(r'(YES|NO)$'),
        'CHANNELS': QUOTED, 'URI': QUOTED},
}
REQUIRED = {'EXT-X-STREAM-INF': {'BANDWIDTH', 'CODECS'}, 'EXT-X-MEDIA': {'TYPE', 'GROUP-ID', 'NAME'}}
CODEC = re.compile(r'(avc[13]\.[0-9a-fA-F]{6}|(hvc1|hev1)\.[ABC]?\d+\.[0-9A-F]+\.[LH]\d+(\.[0-9A-F]{1,2}){0,6}'
                   r'|mp4a\.40\.\d+|ac-3|ec-3)$')
# A PROGRAM-DATE-TIME has milliseconds, an EXTINF five decimals: two neighbours agree this well.
CLOCK_TOLERANCE_US = 1500


class PlaylistError(Exception):
    """What is wrong with one playlist."""


class Segment:
    __slots__ = ('uri', 'sequence', 'duration', 'pdt', 'discontinuity', 'gap', 'discontinuity_sequence')

    def __repr__(self):
        return f'<{self.sequence} {self.uri} {self.duration}{" GAP" if self.gap else ""}>'


class MediaPlaylist:
    multivariant = False

    def __init__(self):
        self.version = 1
        self.target_duration = None
        self.media_sequence = 0
        self.discontinuity_sequence = 0
        self.type = None
        self.ended = False
        self.segments = []

    @property
    def duration(self):
        return sum((s.duration for s in self.segments), Decimal(0))

    @property
    def by_sequence(self):
        return {s.sequence: s for s in self.segments}


class MultivariantPlaylist:
    multivariant = True

    def __init__(self):
        self.version = 1
        self.variants = []      # attribute dicts with 'URI'
        self.media = []         # attribute dicts

    @property
    def uris(self):
        found = [v['URI'] for v in self.variants] + [m['URI'] for m in self.media if 'URI' in m]
        return list(dict.fromkeys(found))


def parse_time(text):
    """Microseconds since 1970 of an EXT-X-PROGRAM-DATE-TIME, which must name its zone."""
    if not re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}(Z|[+-]\d\d:?\d\d)$', text):
        raise PlaylistError(f'EXT-X-PROGRAM-DATE-TIME {text!r} is no ISO 8601 time with milliseconds and zone')
    when = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (when - epoch) // datetime.timedelta(microseconds=1)


def parse_attributes(tag, text):
    found, at = {}, 0
    while at < len(text):
        match = ATTRIBUTE.match(text, at)
        if not match:
            raise PlaylistError(f'{tag}: no attribute list at {text[at:]!r}')
        name, value = match.group(1), match.group(2)
        if name in found:
            raise PlaylistError(f'{tag}: {name} twice')
        if name not in ATTRIBUTES[tag]:
            raise PlaylistError(f'{tag}: unknown attribute {name}')
        if not ATTRIBUTES[tag][name].match(value):
            raise PlaylistError(f'{tag}: {name}={value} has the wrong type')
        found[name] = value.strip('"')
        at = match.end()
        if match.group(3) == ',' and at == len(text):
            raise PlaylistError(f'{tag}: ends in a comma')
    for name in REQUIRED[tag]:
        if name not in found:
            raise PlaylistError(f'{tag} without {name}')
    return found


def _lines(data):
    try:
        text = data.decode('utf-8') if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise PlaylistError(f'not UTF-8: {error}') from None
    if not text.endswith('\n'):
        raise PlaylistError('the last line is not ended: the playlist may be cut short')
    if '\r' in text or '\0' in text:
        raise PlaylistError('a carriage return or NUL in a playlist')
    lines = text.split('\n')[:-1]
    if not lines or lines[0] != '#EXTM3U':
        raise PlaylistError('does not begin with #EXTM3U')
    return lines


def parse(data):
    """A MediaPlaylist or MultivariantPlaylist; PlaylistError where a rule is broken."""
    lines = _lines(data)
    if any(line.startswith('#EXT-X-STREAM-INF:') for line in lines):
        return _parse_multivariant(lines)
    return _parse_media(lines)


def _split(line):
    tag, _, value = line[1:].partition(':')
    return tag, value


def _once(seen, tag):
    if tag in seen:
        raise PlaylistError(f'{tag} twice')
    seen.add(tag)


def _check_uri(uri):
    if re.search(r'[\s"<>\\^`{|}\x00-\x20]', uri):
        raise PlaylistError(f'{uri!r} is no URI')


def _parse_multivariant(lines):
    playlist, seen, pending = MultivariantPlaylist(), set(), None
    for line in lines:
        if pending is not None and (line.startswith('#') or not line):
            raise PlaylistError('EXT-X-STREAM-INF is not followed by its URI')
        if not line or (line.startswith('#') and not line.startswith('#EXT')):
            continue
        if not line.startswith('#'):
            if pending is None:
                raise PlaylistError(f'URI {line!r} without EXT-X-STREAM-INF')
            _check_uri(line)
            pending['URI'] = line
            playlist.variants.append(pending)
            pending = None
            continue
        tag, value = _split(line)
        if tag in MULTIVARIANT_ONCE:
            _once(seen, tag)
            if tag == 'EXT-X-VERSION':
                playlist.version = int(value)
        elif tag not in MULTIVARIANT_MANY:
            raise PlaylistError(f'{tag} does not belong in a multivariant playlist')
        elif tag == 'EXT-X-STREAM-INF':
            pending = parse_attributes(tag, value)
        else:
            playlist.media.append(parse_attributes(tag, value))
    if pending is not None:
        raise PlaylistError('the last EXT-X-STREAM-INF has no URI')
    _check_multivariant(playlist, seen)
    return playlist


def _check_multivariant(playlist, seen):
    if 'EXT-X-INDEPENDENT-SEGMENTS' not in seen:
        raise PlaylistError('multivariant playlist without EXT-X-INDEPENDENT-SEGMENTS')
    groups = {}
    for media in playlist.media:
        group = groups.setdefault((media['TYPE'], media['GROUP-ID']), [])
        if media['NAME'] in [m['NAME'] for m in group]:
            raise PlaylistError(f'NAME {media["NAME"]} twice in group {media["GROUP-ID"]}')
        if media.get('DEFAULT') == 'YES' and media.get('AUTOSELECT') != 'YES':
            raise PlaylistError('DEFAULT=YES needs AUTOSELECT=YES')
        group.append(media)
    for key, group in groups.items():
        if sum(m.get('DEFAULT') == 'YES' for m in group) > 1:
            raise PlaylistError(f'two defaults in group {key[1]}')
    for variant in playlist.variants:
        if int(variant['BANDWIDTH']) == 0:
            raise PlaylistError('BANDWIDTH=0')
        if int(variant.get('AVERAGE-BANDWIDTH', 0)) > int(variant['BANDWIDTH']):
            raise PlaylistError('AVERAGE-BANDWIDTH above BANDWIDTH')
        codecs = variant['CODECS'].split(',')
        for codec in codecs:
            if not CODEC.match(codec):
                raise PlaylistError(f'CODECS: {codec!r} is no codec of this project')
        if len(set(codecs)) != len(codecs):
            raise PlaylistError(f'CODECS {variant["CODECS"]} names one twice')
        video = any(c[:4] in ('avc1', 'avc3', 'hvc1', 'hev1') for c in codecs)
        if video and ('RESOLUTION' not in variant or 'FRAME-RATE' not in variant):
            raise PlaylistError(f'variant {variant["URI"]} has video and no RESOLUTION or FRAME-RATE')
        if 'AUDIO' in variant and ('AUDIO', variant['AUDIO']) not in groups:
            raise PlaylistError(f'AUDIO="{variant["AUDIO"]}" names no group')
    used = {('AUDIO', v['AUDIO']) for v in playlist.variants if 'AUDIO' in v}
    for key in groups:
        if key not in used:
            raise PlaylistError(f'group {key[1]} is used by no variant')


def _parse_media(lines):
    playlist, seen = MediaPlaylist(), set()
    tags, sequence, discontinuities = {}, None, None
    for line in lines:
        if not line or (line.startswith('#') and not line.startswith('#EXT')):
            continue
        if not line.startswith('#'):
            if sequence is None:
                sequence, discontinuities = playlist.media_sequence, playlist.discontinuity_sequence
            segment = _segment(line, tags, sequence)
            discontinuities += segment.discontinuity
            segment.discontinuity_sequence = discontinuities
            playlist.segments.append(segment)
            sequence, tags = sequence + 1, {}
            continue
        tag, value = _split(line)
        if tag in MEDIA_SEGMENT:
            if tag in tags:
                raise PlaylistError(f'{tag} twice before one segment')
            if playlist.ended:
                raise PlaylistError(f'{tag} after EXT-X-ENDLIST')
            tags[tag] = value
        elif tag in MEDIA_ONCE:
            _once(seen, tag)
            _media_tag(playlist, tag, value)
        else:
            raise PlaylistError(f'{tag} does not belong in a media playlist of this project')
    if tags:
        raise PlaylistError(f'{", ".join(tags)} after the last URI')
    _check_media(playlist)
    return playlist


def _media_tag(playlist, tag, value):
    first = ('EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE', 'EXT-X-TARGETDURATION', 'EXT-X-VERSION')
    if tag in first:
        if playlist.segments:
            raise PlaylistError(f'{tag} after the first segment')
        if not INTEGER.match(value):
            raise PlaylistError(f'{tag}:{value} is no decimal integer')
    if tag == 'EXT-X-VERSION':
        playlist.version = int(value)
    elif tag == 'EXT-X-TARGETDURATION':
        playlist.target_duration = int(value)
    elif tag == 'EXT-X-MEDIA-SEQUENCE':
        playlist.media_sequence = int(value)
    elif tag == 'EXT-X-DISCONTINUITY-SEQUENCE':
        playlist.discontinuity_sequence = int(value)
    elif tag == 'EXT-X-PLAYLIST-TYPE':
        if value not in ('EVENT', 'VOD'):
            raise PlaylistError(f'EXT-X-PLAYLIST-TYPE:{value}')
        playlist.type = value
    elif tag == 'EXT-X-ENDLIST':
        playlist.ended = True


def _segment(uri, tags, sequence):
    _check_uri(uri)
    if 'EXTINF' not in tags:
        raise PlaylistError(f'{uri} without EXTINF')
    duration, comma, _title = tags['EXTINF'].partition(',')
    if not comma or not FLOAT.match(duration):
        raise PlaylistError(f'EXTINF:{tags["EXTINF"]}')
    segment = Segment()
    segment.uri, segment.sequence, segment.duration = uri, sequence, Decimal(duration)
    if segment.duration == 0:
        raise PlaylistError(f'{uri} lasts no time')
    segment.pdt = parse_time(tags['EXT-X-PROGRAM-DATE-TIME']) if 'EXT-X-PROGRAM-DATE-TIME' in tags else None
    segment.discontinuity, segment.gap = 'EXT-X-DISCONTINUITY' in tags, 'EXT-X-GAP' in tags
    for tag in ('EXT-X-DISCONTINUITY', 'EXT-X-GAP'):
        if tags.get(tag):
            raise PlaylistError(f'{tag} takes no value')
    return segment


def _check_media(playlist):
    if playlist.target_duration is None:
        raise PlaylistError('no EXT-X-TARGETDURATION')
    if playlist.version < 3:
        raise PlaylistError('EXTINF with decimals needs EXT-X-VERSION:3')
    if playlist.type == 'VOD' and not playlist.ended:
        raise PlaylistError('VOD without EXT-X-ENDLIST')
    if len({s.uri for s in playlist.segments}) != len(playlist.segments):
        raise PlaylistError('one URI for two segments')
    clock = None
    for segment in playlist.segments:
        rounded = int(segment.duration + Decimal('0.5'))
        if rounded > playlist.target_duration:
            raise PlaylistError(f'{segment.uri} lasts {segment.duration} s, above the target duration '
                                f'{playlist.target_duration}')
        if segment.pdt is not None:
            if clock is not None and not segment.discontinuity and abs(segment.pdt - clock) > CLOCK_TOLERANCE_US:
                raise PlaylistError(f'{segment.uri}: its date is {(segment.pdt - clock) / 1e6:+.4f} s off the end '
                                    'of the segment before')
            clock = segment.pdt
        elif segment.discontinuity:
            clock = None
        if clock is not None:
            clock += int(segment.duration * 1000000)


def check_refresh(old, new):
    """What a reload of a media playlist may not do (RFC 8216bis 6.2.1, 6.2.2). List of faults."""
    faults = []
    if new.target_duration != old.target_duration:
        faults.append(f'target duration changed from {old.target_duration} to {new.target_duration}')
    if new.version != old.version:
        faults.append(f'version changed from {old.version} to {new.version}')
    if new.media_sequence < old.media_sequence:
        faults.append(f'media sequence went back from {old.media_sequence} to {new.media_sequence}')
    if new.discontinuity_sequence < old.discontinuity_sequence:
        faults.append('discontinuity sequence went back')
    last_old = old.media_sequence + len(old.segments)
    last_new = new.media_sequence + len(new.segments)
    if last_new < last_old:
        faults.append(f'the end went back from {last_old} to {last_new}')
    if old.ended and (not new.ended or last_new != last_old):
        faults.append('the playlist changed after EXT-X-ENDLIST')
    if old.type and new.media_sequence != old.media_sequence:
        faults.append(f'segments left a playlist of type {old.type}')
    if old.type != new.type and (old.type, new.type) != ('EVENT', 'VOD'):
        faults.append(f'type changed from {old.type} to {new.type}')
    removed = new.media_sequence > old.media_sequence
    if removed and not new.ended and new.duration < 3 * new.target_duration:
        faults.append(f'a segment was removed, and {new.duration} s are left of a target duration of '
                      f'{new.target_duration} s: less than three')
    before = old.by_sequence
    for segment in new.segments:
        was = before.get(segment.sequence)
        if was is None:
            continue
        for field in ('uri', 'duration', 'discontinuity', 'discontinuity_sequence'):
            if getattr(was, field) != getattr(segment, field):
                faults.append(f'segment {segment.sequence}: {field} changed from {getattr(was, field)} to '
                              f'{getattr(segment, field)}')
        if was.pdt is not None and segment.pdt is not None and was.pdt != segment.pdt:
            faults.append(f'segment {segment.sequence}: its date changed')
        if was.gap and not segment.gap:
            faults.append(f'segment {segment.sequence} was a GAP and is none any more')
    return faults


def check_aligned(playlists, tolerance=0.0):
    """Renditions of one group: what has the same number has the same time. @playlists: name to MediaPlaylist;
    @tolerance in seconds (an audio-only rendition is cut at whole audio frames). List of faults."""
    faults = []
    names = list(playlists)
    if not names:
        return faults
    first = playlists[names[0]]
    reference = first.by_sequence
    for name in names[1:]:
        if playlists[name].target_duration != first.target_duration:
            faults.append(f'{name}: target duration {playlists[name].target_duration}, '
                          f'{names[0]}: {first.target_duration}')
        shared = 0
        for segment in playlists[name].segments:
            other = reference.get(segment.sequence)
            if other is None:
                continue
            shared += 1
            if abs(float(other.duration - segment.duration)) > tolerance + 1e-9:
                faults.append(f'segment {segment.sequence} lasts {segment.duration} in {name}, '
                              f'{other.duration} in {names[0]}')
            if None not in (other.pdt, segment.pdt) and abs(other.pdt - segment.pdt) > tolerance * 1e6:
                faults.append(f'segment {segment.sequence} begins {(segment.pdt - other.pdt) / 1e6:+.6f} s off '
                              f'in {name} against {names[0]}')
            if other.discontinuity_sequence != segment.discontinuity_sequence:
                faults.append(f'segment {segment.sequence}: discontinuity sequence {segment.discontinuity_sequence} '
                              f'in {name}, {other.discontinuity_sequence} in {names[0]}')
        if not shared and playlists[name].segments and first.segments:
            faults.append(f'{name} and {names[0]} list no segment of the same number')
    return faults


def measure_bandwidth(segments, target_duration):
    """(peak, average) in bits per second. @segments: (seconds, bytes) in order. The peak is over any run between half
    and one and a half target durations long (RFC 8216bis 4.4.6.2)."""
    peak, total_bytes, total_seconds = 0.0, 0, 0.0
    for first, _ in enumerate(segments):
        run_bytes, run_seconds = 0, 0.0
        for seconds, size in segments[first:]:
            run_bytes, run_seconds = run_bytes + size, run_seconds + seconds
            if run_seconds > 1.5 * target_duration:
                break
            if run_seconds >= 0.5 * target_duration:
                peak = max(peak, run_bytes * 8 / run_seconds)
    for seconds, size in segments:
        total_bytes, total_seconds = total_bytes + size, total_seconds + seconds
    return peak, total_bytes * 8 / total_seconds if total_seconds else 0.0


def main():
    import argparse
    import json
    import hlspoll
    parser = argparse.ArgumentParser(description='Follow HLS playlists and check them strictly.')
    parser.add_argument('url', nargs='+')
    parser.add_argument('--seconds', type=float, default=0, help='follow this long; 0: until all have ended, or once')
    parser.add_argument('--ca', help='PEM file of the certificate authority to trust')
    args = parser.parse_args()
    report = {}
    for url in args.url:
        with hlspoll.Poller(url, ca=args.ca) as poller:
            if args.seconds:
                poller.wait_ended(args.seconds)
            else:
                poller.wait_versions(1, 10)
        report[url] = poller.report()
    json.dump(report, sys.stdout, indent=2)
    print()
    return 1 if any(r['faults'] for r in report.values()) else 0


if __name__ == '__main__':
    sys.exit(main())
