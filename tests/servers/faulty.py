#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An HTTP/1.1 server that misbehaves as told, and writes down what it was sent.

As a module: Faulty(). As a program it takes commands on stdin, one a line, and answers each with one line; it ends with
its stdin:

  set KIND [KEY=VALUE ...]    what happens to requests from now on
  next KIND [KEY=VALUE ...]   what happens to the next request only; can be given more than once
  refuse | accept             closes the listening socket, opens it again on the same port
  last                        METHOD TARGET STATUS RECEIVED SHA256 CONNECTION CREDENTIALS of the last request
  header N NAME               value of a header of request number N
  received N                  bytes of its body that came
  counts                      REQUESTS CONNECTIONS
  clear                       forgets the requests

Kinds (match=TEXT limits one to targets that contain TEXT):

  ok          status=201; 204 comes without a Content-Length, as from nginx
  status      status=503 retry-after=... location=... body=BYTES (of the answer)
  never       takes what comes and never answers
  deaf        does not even read the body, and never answers
  reset       reset after=BYTES of the body
  early       answers status=413 when after=BYTES of the body came, then resets; with linger=yes it reads on
  lose        takes the whole body, closes without an answer
  slow        takes rate=BYTES a second, answers 201
  dead        answers 201 and keeps the connection, but resets it at the next request on it
  basic       wants Basic credentials USER:PASSWORD
  digest      wants Digest credentials; uses=N: a nonce is good for N requests; stale=no: an old one is
              not called stale; algorithm=SHA-256
  unauthorized  asks for scheme=Digest and never accepts
"""
import base64
import hashlib
import re
import socket
import ssl
import struct
import sys
import threading
import time

USER, PASSWORD, REALM = 'hls', 'correct horse', 'live'
REASONS = {200: 'OK', 201: 'Created', 204: 'No Content', 401: 'Unauthorized', 503: 'Service Unavailable'}


class Fault:
    def __init__(self, kind='ok', **options):
        if not hasattr(Connection, f'do_{kind}'):
            raise ValueError(f'no such fault: {kind}')
        self.kind = kind
        self.options = {k.replace('_', '-'): str(v) for k, v in options.items()}

    def text(self, name, default=None):
        return self.options.get(name, default)

    def number(self, name, default):
        return int(self.options.get(name, default))


class Request:
    """What came: @received and @sha256 are of the body as far as it was read, @complete: all that was announced."""

    def __init__(self, connection, method, target, headers):
        self.connection, self.method, self.target, self.headers = connection, method, target, headers
        self.time = time.monotonic()
        self.ended = None
        self.length = int(headers.get('content-length', 0))
        self.received, self.hash, self.status = 0, hashlib.sha256(), 0

    @property
    def complete(self):
        return self.received == self.length

    @property
    def sha256(self):
        return self.hash.hexdigest()

    @property
    def path(self):
        return self.target.partition('?')[0]


class Gone(Exception):
    """The connection is over."""


class Connection:
    def __init__(self, server, number, sock):
        self.server, self.number, self.socket = server, number, sock
        self.buffer = b''
        self.doomed = False

    def fill(self, limit=65536):
        data = self.socket.recv(limit)
        if not data:
            raise Gone
        self.buffer += data

    def read_head(self):
        while b'\r\n\r\n' not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        method, target, _ = lines[0].split(' ')
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(':')
            headers[name.strip().lower()] = value.strip()
        if 'transfer-encoding' in headers:
            raise ValueError('a body without a length')
        return Request(self.number, method, target, headers)

    def read_body(self, request, upto=None, rate=None):
        upto = request.length if upto is None else min(upto, request.length)
        chunk = max(rate // 20, 1) if rate else 65536
        while request.received < upto:
            if not self.buffer:
                self.fill(min(chunk, request.length - request.received))
            data, self.buffer = self.buffer[:request.length - request.received], \
                self.buffer[request.length - request.received:]
            request.hash.update(data)
            request.received += len(data)
            if rate:
                self.server.ended.wait(len(data) / rate)

    def answer(self, request, status, headers=(), body=b''):
        request.status = status
        lines = [f'HTTP/1.1 {status} {REASONS.get(status, "Whatever")}', *headers]
        if status != 204:
            lines.append(f'Content-Length: {len(body)}')
        self.socket.sendall('\r\n'.join(lines).encode() + b'\r\n\r\n' + body)

    def reset(self):
        """An RST rather than a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        raise Gone

    def run(self):
        try:
            while True:
                request = self.read_head()
                if self.doomed:
                    self.reset()
                fault = self.server.begin(request)
                try:
                    getattr(self, 'do_' + fault.kind)(request, fault)
                finally:
                    request.ended = time.monotonic()
        except (Gone, OSError):
            pass
        finally:
            self.socket.close()

    # --- what can happen

    def do_ok(self, request, fault):
        self.read_body(request)
        self.answer(request, fault.number('status', 201))

    def do_status(self, request, fault):
        self.read_body(request)
        headers = [f'{name}: {fault.text(key)}' for key, name in (('retry-after', 'Retry-After'), ('location', 'Location'))
                   if fault.text(key)]
        self.answer(request, fault.number('status', 503), headers, b'x' * fault.number('body', 0))

    def do_never(self, request, fault):
        self.read_body(request)
        while True:
            self.fill()

    def do_deaf(self, request, fault):
        self.server.ended.wait()

    def do_reset(self, request, fault):
        self.read_body(request, fault.number('after', 0))
        self.reset()

    def do_early(self, request, fault):
        self.read_body(request, fault.number('after', 0))
        status, linger = fault.number('status', 413), fault.text('linger', 'no') == 'yes'
        if not linger:
            self.server.ended.wait(0.3)     # until the client's buffers are full, and it waits
        self.answer(request, status, [self.digest_challenge()] if status == 401 else [])
        if linger:
            self.read_body(request, rate=20_000_000)
        self.reset()

    def do_lose(self, request, fault):
        self.read_body(request)
        raise Gone

    def do_slow(self, request, fault):
        # What lies in buffers was sent, for the client.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.read_body(request, rate=fault.number('rate', 100000))
        self.answer(request, 201)

    def do_dead(self, request, fault):
        self.read_body(request)
        self.answer(request, 201)
        self.doomed = True

    def do_basic(self, request, fault):
        self.read_body(request)
        wanted = 'Basic ' + base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()
        if request.headers.get('authorization') == wanted:
            self.answer(request, 201)
        else:
            self.answer(request, 401, [f'WWW-Authenticate: Basic realm="{REALM}"'])

    def digest_challenge(self, algorithm='MD5'):
        return (f'WWW-Authenticate: Digest realm="{REALM}", nonce="{self.server.new_nonce()}", algorithm={algorithm}, '
                f'qop="auth"')

    def do_digest(self, request, fault):
        self.read_body(request)
        verdict = self.server.check_digest(request, fault.number('uses', 1 << 30))
        if verdict == 'good':
            self.answer(request, 201)
            return
        stale = ', stale=true' if verdict == 'old' and fault.text('stale', 'yes') == 'yes' else ''
        self.answer(request, 401, [self.digest_challenge(fault.text('algorithm', 'MD5')) + stale])

    def do_unauthorized(self, request, fault):
        self.read_body(request)
        scheme = fault.text('scheme', 'Digest')
        self.answer(request, 401, [self.digest_challenge() if scheme == 'Digest' else
                                   f'WWW-Authenticate: {scheme} realm="{REALM}"'])


class Faulty:
    """@certificate: (certificate file, key file) makes it an https server."""

    def __init__(self, certificate=None):
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.requests, self.connections = [], 0
        self.faults, self.queue = [Fault()], []
        self.nonces, self.nonce_count = {}, 0
        self.open = set()
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.port = 0
        self.accept()

    @property
    def url(self):
        return f'{"https" if self.context else "http"}://127.0.0.1:{self.port}'

    def close(self):
        self.refuse()
        self.ended.set()
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- control

    def set(self, *faults):
        """Faults or names of kinds; the first whose match= fits counts, and "ok" where none does."""
        with self.lock:
            self.faults = [f if isinstance(f, Fault) else Fault(f) for f in faults]

    def next(self, *faults):
        with self.lock:
            self.queue += [f if isinstance(f, Fault) else Fault(f) for f in faults]

    def refuse(self):
        """Connections are refused from here on; those that exist go on."""
        if self.listener:
            # shutdown() wakes the thread in accept(); close() alone would not.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.thread.join()
            self.listener.close()
            self.listener = None

    def accept(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', self.port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(64)
        self.thread = threading.Thread(target=self._listen, args=(self.listener,), daemon=True)
        self.thread.start()

    def clear(self):
        with self.lock:
            self.requests, self.connections = [], 0

    def wait_for(self, condition, limit=20):
        """Until condition(requests) holds; the requests."""
        deadline = time.monotonic() + limit
        while True:
            with self.lock:
                requests = list(self.requests)
            if condition(requests):
                return requests
            if time.monotonic() > deadline:
                raise AssertionError(f'not within {limit} s; {len(requests)} requests came: '
                                     f'{[(r.method, r.target, r.status) for r in requests[-10:]]}')
            time.sleep(0.01)

    # --- inside

    def _listen(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open.add(sock)
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        try:
            if self.faults[0].kind == 'deaf' and self.context:
                self.ended.wait()       # not even a handshake
            served = self.context.wrap_socket(sock, server_side=True) if self.context else sock
            Connection(self, number, served).run()
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def begin(self, request):
        with self.lock:
            self.requests.append(request)
            if self.queue:
                return self.queue.pop(0)
            for fault in self.faults:
                if fault.text('match', '') in request.target:
                    return fault
        return Fault()

    def new_nonce(self):
        with self.lock:
            self.nonce_count += 1
            nonce = f'nonce{self.nonce_count}'
            self.nonces[nonce] = 0
        return nonce

    def check_digest(self, request, uses):
        """RFC 7616, MD5 with qop=auth: good, old (a right answer to a nonce that has had its uses) or bad."""
        authorization = request.headers.get('authorization', '')
        if not authorization.startswith('Digest '):
            return 'bad'
        p = {k: a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]*))', authorization)}

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        wanted = md5(':'.join([md5(f'{USER}:{REALM}:{PASSWORD}'), p.get('nonce', ''), p.get('nc', ''),
                               p.get('cnonce', ''), p.get('qop', ''), md5(f'{request.method}:{p.get("uri")}')]))
        if p.get('response') != wanted or p.get('uri') != request.target or p.get('username') != USER:
            return 'bad'
        with self.lock:
            if p['nonce'] not in self.nonces or self.nonces[p['nonce']] >= uses:
                return 'old'
            self.nonces[p['nonce']] += 1
        return 'good'


def command(server, words):
    verb, rest = words[0], words[1:]
    if verb in ('set', 'next'):
        options = dict(w.split('=', 1) for w in rest[1:])
        getattr(server, verb)(Fault(rest[0], **options))
    elif verb in ('refuse', 'accept', 'clear'):
        getattr(server, verb)()
    elif verb == 'last':
        r = server.requests[-1]
        return (f'{r.method} {r.target} {r.status} {r.received} {r.sha256} {r.connection} '
                f'{r.headers.get("authorization", "-").split(" ")[0]}')
    elif verb == 'header':
        return server.requests[int(rest[0])].headers.get(rest[1].lower(), '-')
    elif verb == 'received':
        return str(server.requests[int(rest[0])].received)
    elif verb == 'counts':
        return f'{len(server.requests)} {server.connections}'
    else:
        raise ValueError(verb)
    return 'ok'


def main():
    with Faulty(tuple(sys.argv[1:3]) if len(sys.argv) > 2 else None) as server:
        print(server.port, flush=True)
        for line in sys.stdin:
            print(command(server, line.split()), flush=True)


if __name__ == '__main__':
    main()
