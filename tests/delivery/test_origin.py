# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's origin: what it answers, that nobody sees half an object, and what it says of its inputs."""
import base64
import datetime
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get('BUILD_DIR', os.path.join(os.path.dirname(__file__), '..', '..', 'build'))
PASSWORD = 'pass word/§'


def wait_for(condition, what, limit=10):
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {limit} s')
        time.sleep(0.01)
    return value


class Origin:
    """hls-origin in a process of its own. Ends it, and fails where it said or did something wrong."""

    def __init__(self, binary, *options):
        self.errors = tempfile.TemporaryFile()
        # LeakSanitizer itself crashes on the thread-local storage of glib-networking, which is loaded late.
        env = {**os.environ, 'ORIGIN_PW': PASSWORD, 'G_SLICE': 'always-malloc', 'G_DEBUG': 'fatal-criticals',
               'ASAN_OPTIONS': 'detect_leaks=1:intercept_tls_get_addr=0',
               'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1'}
        self.process = subprocess.Popen([binary, *options], stdout=subprocess.PIPE, stderr=self.errors, env=env)
        line = self.process.stdout.readline().decode()
        if not line.startswith('listening '):
            self.process.wait(10)
            raise AssertionError(f'first line {line!r}, {self.said()}')
        self.url = line.split()[1].rstrip('/')
        self.port = int(self.url.rsplit(':', 1)[1])

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code, said = self.stop(), self.said()
        self.process.stdout.close()
        self.errors.close()
        if kind is None and (code != 0 or said):
            raise AssertionError(f'hls-origin: exit code {code}\n{said}')

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'no end within 10 s of signal {how}') from None

    def request(self, method, path, body=None, **headers):
        """(status, headers, body); a header's underscores stand for dashes."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=10)
        try:
            connection.request(method, path, body, {k.replace('_', '-'): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def status(self, *args, **headers):
        return self.request(*args, **headers)[0]

    def stats(self):
        return json.loads(self.request('GET', '/stats.json')[2])

    def input(self, index=0):
        return self.stats()['inputs'][index]


def curl(*args):
    """(status, body)"""
    done = subprocess.run(['curl', '-sS', '--max-time', '20', '-w', '\n%{http_code}', *args],
                          capture_output=True, check=True)
    body, code = done.stdout.rsplit(b'\n', 1)
    return int(code), body


def playlist(first, segments, target=2, edge=None, end=False):
    """@segments: durations, negative: a GAP. @edge: when the last one ends, in seconds since 1970."""
    lines = ['#EXTM3U', '#EXT-X-VERSION:8', f'#EXT-X-TARGETDURATION:{target}', f'#EXT-X-MEDIA-SEQUENCE:{first}']
    if edge is not None:
        start = datetime.datetime.fromtimestamp(edge - sum(map(abs, segments)), datetime.timezone.utc)
        lines.append(f'#EXT-X-PROGRAM-DATE-TIME:{start.isoformat(timespec="milliseconds").replace("+00:00", "Z")}')
    for number, duration in enumerate(segments, first):
        lines += ['#EXT-X-GAP'] * (duration < 0) + [f'#EXTINF:{abs(duration):.5f},', f'live-a_{number:05}.ts']
    return ('\n'.join(lines + ['#EXT-X-ENDLIST'] * end) + '\n').encode()


class OriginTests:
    binary = None

    def origin(self, *options):
        return Origin(self.binary, *options)

    def test_ends_on_signals(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how=how), self.origin() as origin:
                self.assertEqual(origin.status('GET', '/'), 200)
                self.assertEqual(origin.stop(how), 0)

    def test_ends_in_the_middle_of_an_upload(self):
        with self.origin() as origin, socket.create_connection(('127.0.0.1', origin.port)) as upload:
            upload.sendall(b'PUT /0/a.ts HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n' + b'x' * 50000)
            self.assertEqual(origin.status('GET', '/0/a.ts'), 404)
            self.assertEqual(origin.stop(), 0)

    def test_bad_options(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            for options, said in (
                    (['--port', port], f'--port {port}: '),
                    (['--port', '65536'], '--port: 0 (any free one) to 65535'),
                    (['--inputs', '0'], '--inputs: 1 to 16'),
                    (['--keep-bytes', '0'], '--keep-bytes: 1 or more'),
                    (['--auth', 'ntlm'], '--auth: none, basic or digest'),
                    (['--auth', 'digest'], '--auth: it needs --user and --password-env'),
                    (['--auth', 'basic', '--user', 'a', '--password-env', 'NOT_SET'], '--password-env: '),
                    (['--user', 'a'], '--user, --password-env: '),
                    (['--tls-cert', 'a.pem'], '--tls-cert, --tls-key: one needs the other'),
                    (['--tls-cert', '/nowhere/a', '--tls-key', '/nowhere/b'], '/nowhere/a'),
                    (['--hls-js', '/nowhere/hls.js'], '/nowhere/hls.js'),
                    (['stray'], 'stray: not an option')):
                with self.subTest(options=options):
                    done = subprocess.run([self.binary, *options], capture_output=True, text=True, timeout=20)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn(said, done.stderr)
                    self.assertEqual(done.stdout, '')

    def test_methods(self):
        with self.origin() as origin:
            for method, path, body, status in (
                    ('PUT', '/0/a.ts', b'one', 201), ('PUT', '/0/a.ts', b'two', 204), ('PUT', '/1/a.ts', b'', 201),
                    ('DELETE', '/0/a.ts', None, 204), ('DELETE', '/0/a.ts', None, 404), ('GET', '/0/a.ts', None, 404),
                    ('MKCOL', '/0/x/', None, 201), ('MKCOL', '/0/x/', None, 405), ('MKCOL', '/0/x', None, 405),
                    ('MKCOL', '/0/y/z/', None, 409), ('PUT', '/0/x', b'a', 405), ('DELETE', '/0/x/', None, 405),
                    ('PUT', '/0/new/folder/a.ts', b'a', 201), ('MKCOL', '/0/new/folder', None, 405),
                    ('PUT', '/1/a.ts/b.ts', b'a', 409), ('MKCOL', '/1/a.ts', None, 405),
                    ('PUT', '/2/a.ts', b'a', 403), ('PUT', '/a.ts', b'a', 403), ('PUT', '/stats.json', b'a', 403),
                    ('DELETE', '/', None, 403), ('MKCOL', '/2/', None, 403), ('PUT', '/0//a.ts', b'a', 400),
                    ('PUT', '/0/%2e%2e%2f1/a.ts', b'a', 400), ('PUT', '/0/%00.ts', b'a', 400), ('PUT', '/0/%ff.ts', b'a', 400), ('POST', '/0/a.ts', b'a', 405),
                    ('GET', '/hls.js', None, 404), ('OPTIONS', '/0/a.ts', None, 204)):
                with self.subTest(method=method, path=path, body=body):
                    self.assertEqual(origin.status(method, path, body), status)
            self.assertEqual(origin.status('PUT', '/0/b.ts', b'abc', Content_Range='bytes 0-2/9'), 400)
            self.assertEqual(origin.status('PUT', '/0/caf%C3%A9 1.ts'.replace(' ', '%20'), b'abc'), 201)
            self.assertEqual(origin.request('GET', '/0/caf%c3%a9%201.ts')[2], b'abc')

    def test_get(self):
        body = os.urandom(300000)
        with self.origin() as origin:
            origin.request('PUT', '/0/a.ts', body)
            status, headers, got = origin.request('GET', '/0/a.ts')
            self.assertEqual((status, got), (200, body))
            self.assertEqual(headers['Content-Type'], 'video/mp2t')
            self.assertEqual(headers['Access-Control-Allow-Origin'], '*')
            etag = headers['ETag']
            status, headers, got = origin.request('HEAD', '/0/a.ts')
            self.assertEqual((status, headers['Content-Length'], got), (200, '300000', b''))

            for value, first, last in (('bytes=100-199', 100, 199), ('bytes=299999-', 299999, 299999),
                                       ('bytes=-10', 299990, 299999)):
                status, headers, got = origin.request('GET', '/0/a.ts', Range=value)
                self.assertEqual((status, headers['Content-Range'], got),
                                 (206, f'bytes {first}-{last}/300000', body[first:last + 1]))
            self.assertEqual(origin.status('GET', '/0/a.ts', Range='bytes=300000-'), 416)
            self.assertEqual(origin.status('GET', '/0/a.ts', Range='bytes=0-9', If_Range=etag), 206)
            self.assertEqual(origin.status('GET', '/0/a.ts', Range='bytes=0-9', If_Range='"other"'), 200)

            self.assertEqual(origin.status('GET', '/0/a.ts', If_None_Match=f'"x", W/{etag}'), 304)
            origin.request('PUT', '/0/a.ts', body)
            self.assertEqual(origin.status('GET', '/0/a.ts', If_None_Match=etag), 200)

            origin.request('PUT', '/0/empty.ts', b'')
            for method in ('GET', 'HEAD'):
                status, headers, got = origin.request(method, '/0/empty.ts')
                self.assertEqual((status, headers['Content-Length'], got), (200, '0', b''))

    def test_headers_as_they_were_sent(self):
        with self.origin() as origin:
            for path, sent, content_type, cache in (
                    ('/0/a.m3u8', {}, 'application/vnd.apple.mpegurl', None),
                    ('/0/b.m3u8', {'Content_Type': 'application/x-mpegurl', 'Cache_Control': 'max-age=1'},
                     'application/x-mpegurl', 'max-age=1'),
                    ('/0/c.m4s', {'Cache_Control': 'public, immutable'}, 'video/iso.segment', 'public, immutable'),
                    ('/0/d', {}, 'application/octet-stream', None)):
                origin.request('PUT', path, b'#EXTM3U\n', **sent)
                headers = origin.request('GET', path)[1]
                self.assertEqual((headers['Content-Type'], headers['Cache-Control']), (content_type, cache))
            origin.request('PUT', '/0/e.m3u8', b'packed', Content_Encoding='gzip')
            self.assertEqual(origin.request('GET', '/0/e.m3u8')[1]['Content-Encoding'], 'gzip')

    def abandon_chunks(self, origin, tls=None):
        """A sender that goes away between two chunks; it closes a TLS connection as it should be."""
        with socket.create_connection(('127.0.0.1', origin.port)) as plain:
            upload = tls.wrap_socket(plain, server_hostname='127.0.0.1') if tls else plain
            upload.sendall(b'PUT /0/cut.ts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnew\r\n')
            if tls:
                upload.settimeout(0)
                try:
                    upload.unwrap()     # says close_notify, does not wait for the answer
                except (ssl.SSLWantReadError, OSError):
                    pass
            upload.close()
        end = time.monotonic() + 0.5    # what must never happen is looked for this long
        while time.monotonic() < end:
            if tls:
                self.assertEqual(curl('-k', f'{origin.url}/0/cut.ts')[0], 404)
            else:
                self.assertEqual(origin.status('GET', '/0/cut.ts'), 404)

    def test_whole_or_not_at_all(self):
        """Rule 1: a reader sees the object before or the one after, whatever becomes of the upload."""
        old = b'o' * 200000
        head = 'PUT /0/a.ts HTTP/1.1\r\nHost: x\r\n'
        with self.origin() as origin:
            origin.request('PUT', '/0/a.ts', old)
            for half in (f'{head}Content-Length: 400000\r\n\r\n{"n" * 200000}',
                         f'{head}Transfer-Encoding: chunked\r\n\r\n30d40\r\n{"n" * 200000}\r\n',
                         f'{head}Transfer-Encoding: chunked\r\n\r\n30d40\r\n{"n" * 100000}'):
                with self.subTest(half=half[:70]):
                    before = len(os.listdir(f'/proc/{origin.process.pid}/fd'))
                    with socket.create_connection(('127.0.0.1', origin.port)) as upload:
                        upload.sendall(half.encode())
                        self.assertEqual(origin.request('GET', '/0/a.ts')[2], old)
                    wait_for(lambda: len(os.listdir(f'/proc/{origin.process.pid}/fd')) <= before, 'the end of it')
                    self.assertEqual(origin.request('GET', '/0/a.ts')[2], old)
            self.abandon_chunks(origin)
            self.assertEqual(origin.status('PUT', '/0/a.ts', iter([b'n' * 70000] * 3)), 204)
            self.assertEqual(origin.request('GET', '/0/a.ts')[2], b'n' * 210000)

    def test_readers_while_it_is_overwritten(self):
        bodies = [bytes([65 + i]) * (50000 + 10000 * i) for i in range(4)]
        with self.origin() as origin:
            origin.request('PUT', '/0/a.ts', bodies[0])
            seen, done = [], threading.Event()

            def read():
                while not done.is_set():
                    seen.append(origin.request('GET', '/0/a.ts')[2])

            readers = [threading.Thread(target=read) for _ in range(2)]
            for reader in readers:
                reader.start()
            for i in range(100):
                self.assertEqual(origin.status('PUT', '/0/a.ts', bodies[i % 4]), 204)
            done.set()
            for reader in readers:
                reader.join()
            self.assertGreater(len(set(seen)), 1, 'the readers never saw a change')
            self.assertLessEqual(set(seen), set(bodies))

    def test_keeps_no_more_than_asked(self):
        with self.origin('--keep-bytes', '1000000') as origin:
            origin.request('PUT', '/0/a.m3u8', b'#EXTM3U\n')
            for i in range(30):
                self.assertEqual(origin.status('PUT', f'/0/{i}.ts', b'x' * 100000), 201)
            found = [i for i in range(30) if origin.status('GET', f'/0/{i}.ts') == 200]
            self.assertEqual(found, list(range(21, 30)))
            self.assertEqual(origin.status('GET', '/0/a.m3u8'), 200)
            self.assertEqual(origin.status('PUT', '/0/29.ts', b'x' * 900000), 204)
            self.assertEqual(origin.status('PUT', '/0/b.ts', b'x' * 1000001), 413)
            self.assertEqual(origin.status('PUT', '/0/c.m3u8', b'#EXTM3U\n' + b'#' * 999990), 507)
            with open(f'/proc/{origin.process.pid}/status', encoding='ascii') as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
            for i in range(300):
                origin.request('PUT', f'/1/{i}.ts', b'x' * 500000)
            with open(f'/proc/{origin.process.pid}/status', encoding='ascii') as status:
                after = next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))
            if not self.sanitized:
                self.assertLess(after - peak, 20000, 'kB more after 150 MB')

    def test_authentication(self):
        for kind, option in (('basic', '--basic'), ('digest', '--digest')):
            with self.subTest(kind=kind), tempfile.NamedTemporaryFile() as body, self.origin(
                    '--auth', kind, '--user', 'live', '--password-env', 'ORIGIN_PW') as origin:
                body.write(os.urandom(1500000))     # large enough for curl to say Expect: 100-continue
                body.flush()
                url = f'{origin.url}/0/a%20b.ts'
                for user in (f'live:{PASSWORD}x', f'other:{PASSWORD}'):
                    self.assertEqual(curl(option, '-u', user, '-T', body.name, url)[0], 401)
                for method in ('PUT', 'DELETE', 'MKCOL'):
                    status, headers, _ = origin.request(method, '/0/a.ts', b'x' if method == 'PUT' else None)
                    self.assertEqual(status, 401)
                    self.assertTrue(headers['WWW-Authenticate'].lower().startswith(kind))
                self.assertEqual(origin.stats()['inputs'][0]['segments'], 0)
                user = ('-u', f'live:{PASSWORD}')
                self.assertEqual(curl(option, *user, '-T', body.name, url)[0], 201)
                with open(body.name, 'rb') as stream:
                    self.assertEqual(origin.request('GET', '/0/a%20b.ts')[2], stream.read())
                self.assertEqual(curl(option, *user, '-X', 'MKCOL', f'{origin.url}/0/x/')[0], 201)
                self.assertEqual(curl(option, *user, '-X', 'DELETE', url)[0], 204)
                secret = base64.b64encode(f'live:{PASSWORD}'.encode()).decode()
                self.assertEqual(origin.status('PUT', '/0/b.ts', b'b', Authorization=f'Basic {secret}'),
                                 201 if kind == 'basic' else 401)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            key, cert = os.path.join(folder, 'key.pem'), os.path.join(folder, 'cert.pem')
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                            '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
                            '-keyout', key, '-out', cert], check=True, capture_output=True)
            with self.origin('--tls-cert', cert, '--tls-key', key) as origin:
                self.assertTrue(origin.url.startswith('https://'))
                self.assertEqual(curl('--cacert', cert, '-T', cert, f'{origin.url}/0/a.pem')[0], 201)
                with open(cert, 'rb') as stream:
                    self.assertEqual(curl('--cacert', cert, f'{origin.url}/0/a.pem')[1], stream.read())
                self.abandon_chunks(origin, ssl.create_default_context(cafile=cert))
                self.assertNotEqual(subprocess.run(['curl', '-s', origin.url]).returncode, 0, 'an untrusted client')
                with socket.create_connection(('127.0.0.1', origin.port)) as plain:
                    plain.sendall(b'GET / HTTP/1.1\r\n\r\n')
                    plain.settimeout(10)
                    try:
                        self.assertNotIn(b'HTTP', plain.recv(1000))
                    except ConnectionResetError:
                        pass

    def test_connections_close(self):
        """Each after one answer, which says so: a client that relied on the next would see a reset."""
        with self.origin('--auth', 'basic', '--user', 'a', '--password-env', 'ORIGIN_PW') as origin:
            for method, path, status in (('GET', '/', 200), ('GET', '/0/a.ts', 404), ('PUT', '/0/a.ts', 401)):
                answer = origin.request(method, path)
                self.assertEqual((answer[0], answer[1]['Connection']), (status, 'close'))

            def count():
                return len(os.listdir(f'/proc/{origin.process.pid}/fd'))

            before = count()
            for _ in range(100):
                origin.status('GET', '/stats.json')
            wait_for(lambda: count() <= before, 'descriptors closed')

    def test_stats_of_a_live_channel(self):
        with self.origin() as origin:
            now = time.time()
            multivariant = b'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive-a.m3u8\n'
            origin.request('PUT', '/1/live.m3u8', multivariant)
            for i in range(3):
                origin.request('PUT', f'/1/live-a_{i:05}.ts', b'x' * 1000)
            origin.request('PUT', '/1/live-a.m3u8', playlist(0, [2, 2, 2], edge=now - 0.75))
            stats = origin.stats()
            self.assertEqual(stats['inputs'][0]['updated'], None)
            self.assertEqual(stats['inputs'][0]['newest'], None)
            one = stats['inputs'][1]
            self.assertEqual((one['multivariant'], one['segments'], one['lost'], one['ended'], one['target_duration']),
                             ('/1/live.m3u8', 3, 0, False, 2))
            self.assertEqual(one['newest']['name'], 'live-a_00002.ts')
            self.assertAlmostEqual(one['newest']['latency'], 0.75, delta=0.5)
            self.assertAlmostEqual(one['newest']['arrived'], now, delta=2)
            self.assertLessEqual(one['newest']['arrived'], one['updated'])
            self.assertEqual(one['bytes'], 3000 + len(playlist(0, [2, 2, 2], edge=now)) + len(multivariant))

    def test_stats_of_losses(self):
        """A GAP counts once, as long as it is listed and after; a playlist put again changes nothing."""
        with self.origin() as origin:
            for revision, (first, segments, lost, gaps) in enumerate((
                    (0, [2, 2, 2], 0, set()), (0, [2, 2, 2, -2], 1, {3}), (1, [2, 2, -2, -2], 2, {3, 4}),
                    (1, [2, 2, -2, -2], 2, {3, 4}), (4, [-2, 2, 2], 2, {4}), (5, [2, 2, 2], 2, set()),
                    (6, [2, -2, 2], 3, {7}))):
                with self.subTest(revision=revision):
                    origin.request('PUT', '/0/live-a.m3u8', playlist(first, segments))
                    told = origin.input()
                    self.assertEqual(told['lost'], lost)
                    self.assertEqual(set(told['playlists'][0]['gaps']), {f'live-a_{n:05}.ts' for n in gaps})
                    newest = max(first + i for i, duration in enumerate(segments) if duration > 0)
                    self.assertEqual(told['newest']['name'], f'live-a_{newest:05}.ts')
                    self.assertEqual(told['newest']['latency'], None)

    def test_stats_when_it_ends(self):
        with self.origin() as origin:
            for name in 'ab':
                origin.request('PUT', f'/0/{name}.m3u8', playlist(0, [2, 2]))
            self.assertFalse(origin.input()['ended'])
            origin.request('PUT', '/0/a.m3u8', playlist(0, [2, 2], end=True))
            self.assertFalse(origin.input()['ended'], 'b goes on')
            origin.request('PUT', '/0/b.m3u8', playlist(0, [2, 2], end=True))
            self.assertTrue(origin.input()['ended'])
            origin.request('DELETE', '/0/b.m3u8')
            self.assertEqual([p['path'] for p in origin.input()['playlists']], ['/0/a.m3u8'])

    def test_stats_of_what_is_no_playlist(self):
        with self.origin() as origin:
            for body in (b'', b'\0\0', b'hello', b'\xff' * 1000, b'#EXTM3U', b'#EXTM3U\n#EXTINF:x\n#EXTINF:9e99,\na\n',
                         b'#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:yesterday\n#EXTINF:2,\nhttp://other.example/\n'):
                with self.subTest(body=body):
                    self.assertLess(origin.status('PUT', '/0/a.m3u8', body), 300)
                    self.assertEqual(origin.input()['lost'], 0)

    def test_a_real_encoder_and_a_real_player(self):
        with self.origin() as origin:
            subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=160x90:rate=25', '-f', 'lavfi',
                            '-i', 'sine', '-t', '6', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-c:a',
                            'aac', '-f', 'hls', '-hls_time', '2', '-hls_list_size', '0', '-hls_flags',
                            'program_date_time', '-method', 'PUT', '-master_pl_name', 'live.m3u8',
                            f'{origin.url}/0/live-a.m3u8'], check=True, timeout=60, stdin=subprocess.DEVNULL)
            told = origin.input()
            self.assertEqual((told['multivariant'], told['segments'], told['ended'], told['lost']),
                             ('/0/live.m3u8', 3, True, 0))
            done = subprocess.run(['ffprobe', '-v', 'warning', '-count_frames', '-show_entries',
                                   'stream=codec_type,nb_read_frames', '-of', 'json', f'{origin.url}/0/live.m3u8'],
                                  capture_output=True, text=True, check=True, timeout=60)
            streams = {s['codec_type']: int(s['nb_read_frames']) for s in json.loads(done.stdout)['streams']}
            self.assertEqual(done.stderr, '')
            self.assertEqual(streams['video'], 150)
            self.assertGreater(streams['audio'], 250)

    def test_page(self):
        with tempfile.NamedTemporaryFile(suffix='.js') as library:
            library.write(b'window.Hls = null;')
            library.flush()
            with self.origin('--hls-js', library.name, '--inputs', '3') as origin:
                status, headers, page = origin.request('GET', '/')
                self.assertEqual((status, headers['Content-Type']), (200, 'text/html; charset=utf-8'))
                self.assertNotRegex(page.decode(), r'https?://', 'the page works without other hosts')
                self.assertEqual(origin.request('GET', '/hls.js')[2], b'window.Hls = null;')
                stats = origin.stats()
                self.assertTrue(stats['hls_js'])
                self.assertEqual([i['input'] for i in stats['inputs']], [0, 1, 2])


class Plain(OriginTests, unittest.TestCase):
    sanitized = False
    binary = os.path.join(BUILD, 'pipelines', 'origin', 'hls-origin')


class Sanitized(OriginTests, unittest.TestCase):
    sanitized = True
    binary = os.path.join(BUILD + '-asan', 'pipelines', 'origin', 'hls-origin')

    @classmethod
    def setUpClass(cls):
        if os.environ.get('TESTS_QUICK') or not os.path.exists(cls.binary):
            raise unittest.SkipTest(f'no tree with sanitizers: {cls.binary}')


if __name__ == '__main__':
    unittest.main()
