# SPDX-License-Identifier: LGPL-2.1-or-later
"""Follows a channel as a player's reload would, and checks every version it sees with hlscheck.

Rule 2 (listed means fetchable): whatever a new version lists is fetched in full at the moment it is listed, the rest
is looked at again. Rule 6 (deletes come last): what leaves a playlist must stay for the time RFC 8216bis 6.2.2 gives it.
"""
import base64
import hashlib
import http.client
import os
import re
import ssl
import threading
import time
from urllib.parse import unquote, urljoin, urlsplit

import hlscheck

AUDIO_FRAME = 0.03      # an audio-only rendition is cut at whole frames


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Fetcher:
    """GET and HEAD over kept-alive connections, with Basic or Digest credentials @auth (user, password); file:// too.
    Belongs to one thread."""

    def __init__(self, ca=None, auth=None, timeout=10):
        self.context = ssl.create_default_context(cafile=ca) if ca else None
        self.auth, self.timeout = auth, timeout
        self.challenge, self.nonce_count = None, 0
        self.connections = {}

    def _authorization(self, method, target):
        if not self.auth:
            return {}
        if self.challenge is None:
            return {'Authorization': 'Basic ' + base64.b64encode(':'.join(self.auth).encode()).decode()}
        self.nonce_count += 1
        realm, nonce, count = self.challenge['realm'], self.challenge['nonce'], f'{self.nonce_count:08x}'
        client = md5(f'{nonce}{count}')[:16]
        response = md5(':'.join([md5(f'{self.auth[0]}:{realm}:{self.auth[1]}'), nonce, count, client, 'auth',
                                 md5(f'{method}:{target}')]))
        return {'Authorization': f'Digest username="{self.auth[0]}", realm="{realm}", nonce="{nonce}", uri="{target}", '
                                 f'algorithm=MD5, qop=auth, nc={count}, cnonce="{client}", response="{response}"'}

    def request(self, method, url):
        """(status, headers, body); status 0 and an empty body where the connection failed."""
        status, headers, body = self._request(method, url)
        if status == 401 and self.auth and headers.get('WWW-Authenticate', '').startswith('Digest '):
            self.challenge = dict(re.findall(r'(\w+)="([^"]*)"', headers['WWW-Authenticate']))
            self.nonce_count = 0
            status, headers, body = self._request(method, url)
        return status, headers, body

    def _request(self, method, url):
        parts = urlsplit(url)
        if parts.scheme == 'file':
            return self._file(method, unquote(parts.path))
        target = parts.path + ('?' + parts.query if parts.query else '')
        for fresh in (False, True):
            connection = self.connections.pop((parts.scheme, parts.netloc), None)
            if connection is None or fresh:
                kind = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection
                options = {'context': self.context} if parts.scheme == 'https' else {}
                connection, fresh = kind(parts.netloc, timeout=self.timeout, **options), True
            try:
                connection.request(method, target, headers=self._authorization(method, target))
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                if fresh:
                    return 0, {}, b''
                continue
            self.connections[(parts.scheme, parts.netloc)] = connection
            return response.status, response.headers, body
        return 0, {}, b''

    @staticmethod
    def _file(method, path):
        try:
            if method == 'HEAD':
                return 200, {'Content-Length': str(os.stat(path).st_size)}, b''
            with open(path, 'rb') as file:
                body = file.read()
            return 200, {'Content-Length': str(len(body))}, body
        except FileNotFoundError:
            return 404, {}, b''

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()


class Track:
    """What was seen of one media playlist."""

    def __init__(self, url):
        self.url = url
        self.versions = []          # (time, MediaPlaylist)
        self.text = None
        self.seen_at = 0.0          # start of the last pass that saw the current version
        self.segments = {}          # sequence: dict of url, seconds, size, sha256, listed (time), gap
        self.longest = 0.0          # longest playlist so far

    @property
    def last(self):
        return self.versions[-1][1] if self.versions else None


class Poller:
    """A thread that follows @url (multivariant with all its media playlists, or one media playlist) and @media, more
    media playlists. @save: a folder that takes each segment as TRACK/SEQUENCE. Faults are in faults, and no
    exception ends the thread unseen. Everything is to be read after stop(), or between with lock held."""

    def __init__(self, url, media=(), ca=None, auth=None, interval=0.1, save=None):
        self.url, self.interval, self.save = url, interval, save
        self.fetcher = Fetcher(ca, auth)
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.faults = []
        self.multivariants = []     # (time, MultivariantPlaylist)
        self.multivariant_text = None
        self.tracks = {}
        for address in media:
            self.tracks[address] = Track(address)
        self.held = {}              # segment url: time until which it must stay
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if not self.stopping.is_set():
            self.stopping.set()
            self.thread.join()
            self.fetcher.close()

    # --- waiting, with a time limit; True if it came to be

    def wait(self, condition, timeout):
        deadline = time.monotonic() + timeout
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(left)
            return True

    def wait_versions(self, count, timeout):
        """Until every playlist known has had @count versions."""
        return self.wait(lambda: self.tracks and (self.multivariants or self._media_only())
                         and all(len(t.versions) >= count for t in self.tracks.values()), timeout)

    def wait_ended(self, timeout):
        return self.wait(lambda: self.tracks and all(t.last and t.last.ended for t in self.tracks.values()), timeout)

    # --- the thread

    def _media_only(self):
        return self.url in self.tracks

    def _fault(self, text):
        with self.changed:
            text = f'{text}'
            if text not in self.faults:
                self.faults.append(text)
            self.changed.notify_all()

    def _run(self):
        while True:
            last = self.stopping.is_set()
            try:
                self._pass()
            except Exception as error:      # a checker that dies quietly would find no fault
                self._fault(f'checker failed: {error!r}')
                return
            if last:
                return
            self.stopping.wait(self.interval)

    def _pass(self):
        if not self._media_only():
            self._poll_multivariant()
        for track in list(self.tracks.values()):
            self._poll_media(track)
        self._check_held()

    def _get(self, url, seen):
        status, headers, body = self.fetcher.request('GET', url)
        if status == 404 and not seen:
            return None
        if status != 200:
            self._fault(f'{url}: GET answered {status} for a playlist that was there')
            return None
        if str(len(body)) != headers.get('Content-Length', str(len(body))):
            self._fault(f'{url}: {len(body)} bytes of {headers["Content-Length"]}')
            return None
        return body

    def _poll_multivariant(self):
        body = self._get(self.url, self.multivariant_text is not None)
        if body is None or body == self.multivariant_text:
            return
        try:
            playlist = hlscheck.parse(body)
        except hlscheck.PlaylistError as error:
            self._fault(f'{self.url}: {error}')
            return
        self.multivariant_text = body
        with self.changed:
            if not playlist.multivariant:       # the URL of a media playlist was given
                self.tracks.setdefault(self.url, Track(self.url))
                self.changed.notify_all()
                return
            self.multivariants.append((time.monotonic(), playlist))
            listed = [urljoin(self.url, uri) for uri in playlist.uris]
            for address in listed:
                self.tracks.setdefault(address, Track(address))
            self.changed.notify_all()
        for address in listed:
            if self.tracks[address].text is None and self.fetcher.request('HEAD', address)[0] != 200:
                self._fault(f'{self.url} lists {address}, which is not there')

    def _poll_media(self, track):
        began = time.monotonic()
        body = self._get(track.url, track.text is not None)
        if body is None:
            return
        if body == track.text:
            track.seen_at = began
            return
        try:
            playlist = hlscheck.parse(body)
            if playlist.multivariant:
                raise hlscheck.PlaylistError('a multivariant playlist where a media playlist was')
        except hlscheck.PlaylistError as error:
            self._fault(f'{track.url}: {error}')
            return
        old = track.last
        if old:
            for fault in hlscheck.check_refresh(old, playlist):
                self._fault(f'{track.url}: {fault}')
        self._hold_removed(track, old, playlist)
        for segment in playlist.segments:
            self._check_segment(track, segment, began)
        with self.changed:
            track.text, track.seen_at = body, began
            track.longest = max(track.longest, float(playlist.duration))
            track.versions.append((began, playlist))
            self.changed.notify_all()

    def _hold_removed(self, track, old, new):
        for segment in old.segments if old else ():
            if segment.sequence < new.media_sequence and not segment.gap:
                # The version without it came after seen_at: the hold ends no sooner than this.
                self.held[urljoin(track.url, segment.uri)] = track.seen_at + float(segment.duration) + track.longest

    def _check_segment(self, track, segment, now):
        address = urljoin(track.url, segment.uri)
        entry = track.segments.get(segment.sequence)
        if entry and entry['gap'] == segment.gap:
            if not segment.gap:
                status, headers, _ = self.fetcher.request('HEAD', address)
                if status != 200 or int(headers.get('Content-Length', entry['size'])) != entry['size']:
                    self._fault(f'{address} is listed, and not there any more as it was (status {status})')
            return
        new = {'url': address, 'seconds': float(segment.duration), 'listed': now, 'gap': segment.gap, 'size': 0,
               'sha256': None, 'discontinuity': segment.discontinuity, 'sequence': segment.sequence}
        if not segment.gap:
            status, headers, body = self.fetcher.request('GET', address)
            if status != 200:
                self._fault(f'{address} is listed, and GET answers {status}')
            elif not body or str(len(body)) != headers.get('Content-Length', str(len(body))):
                self._fault(f'{address}: {len(body)} bytes of {headers.get("Content-Length")}')
            new['size'], new['sha256'] = len(body), hashlib.sha256(body).hexdigest()
            if self.save:
                folder = os.path.join(self.save, os.path.basename(urlsplit(track.url).path).rsplit('.', 1)[0])
                os.makedirs(folder, exist_ok=True)
                new['file'] = os.path.join(folder, f'{segment.sequence:08d}.ts')
                with open(new['file'], 'wb') as file:
                    file.write(body)
        with self.changed:
            track.segments[segment.sequence] = new

    def _check_held(self):
        now = time.monotonic()
        for address, until in list(self.held.items()):
            if now >= until:
                del self.held[address]
                continue
            status = self.fetcher.request('HEAD', address)[0]
            # The answer counts only if it was asked for before the end.
            if status != 200:
                self._fault(f'{address} left the playlist and was removed {until - now:.1f} s too early')
                del self.held[address]

    # --- what came of it

    def check_whole(self):
        """What can only be said at the end: alignment and measured bandwidth. List of faults."""
        faults = []
        names = {os.path.basename(t.url): t for t in self.tracks.values() if t.last}
        audio_only = set()
        if self.multivariants:
            last = self.multivariants[-1][1]
            audio_only = {os.path.basename(m['URI']) for m in last.media if 'URI' in m}
            audio_only |= {os.path.basename(v['URI']) for v in last.variants
                           if not any(c[:4] in ('avc1', 'avc3', 'hvc1', 'hev1') for c in v['CODECS'].split(','))}
            faults += self._check_bandwidth(last, names)
        video = {n: t.last for n, t in names.items() if n not in audio_only}
        faults += hlscheck.check_aligned(video)
        faults += hlscheck.check_aligned({n: t.last for n, t in names.items()}, AUDIO_FRAME)
        return faults

    def _measure(self, track):
        made = [(s['seconds'], s['size']) for _, s in sorted(track.segments.items()) if not s['gap']]
        return hlscheck.measure_bandwidth(made, track.last.target_duration)

    def _check_bandwidth(self, multivariant, names):
        faults = []
        groups = {}
        for media in multivariant.media:
            if 'URI' in media and media['URI'] in names:
                peak, average = self._measure(names[media['URI']])
                before = groups.get(media['GROUP-ID'], (0, 0))
                groups[media['GROUP-ID']] = max(before[0], peak), max(before[1], average)
        for variant in multivariant.variants:
            name = os.path.basename(variant['URI'])
            if name not in names:
                faults.append(f'variant {name} has no playlist')
                continue
            peak, average = self._measure(names[name])
            more = groups.get(variant.get('AUDIO'), (0, 0))
            peak, average = peak + more[0], average + more[1]
            if int(variant['BANDWIDTH']) < int(peak):
                faults.append(f'{name}: BANDWIDTH={variant["BANDWIDTH"]}, measured {peak:.0f}')
            if int(variant['BANDWIDTH']) > 1.25 * peak + 1000:
                faults.append(f'{name}: BANDWIDTH={variant["BANDWIDTH"]} is far above the {peak:.0f} measured')
            if 'AVERAGE-BANDWIDTH' in variant and int(variant['AVERAGE-BANDWIDTH']) > 1.25 * average + 1000:
                faults.append(f'{name}: AVERAGE-BANDWIDTH={variant["AVERAGE-BANDWIDTH"]}, measured {average:.0f}')
        return faults

    def all_faults(self, whole=True):
        """Stops, and says everything that is wrong."""
        self.stop()
        return self.faults + (self.check_whole() if whole and self.tracks else [])

    def report(self):
        faults = self.all_faults()
        tracks = {}
        for track in self.tracks.values():
            tracks[track.url] = {
                'versions': len(track.versions),
                'segments': len(track.segments),
                'gaps': sum(s['gap'] for s in track.segments.values()),
                'seconds': round(sum(s['seconds'] for s in track.segments.values()), 3),
                'bytes': sum(s['size'] for s in track.segments.values()),
                'ended': bool(track.last and track.last.ended)}
        if not any(t.versions for t in self.tracks.values()):
            faults.append('no playlist was ever seen')
        return {'tracks': tracks, 'multivariants': len(self.multivariants), 'faults': faults}
