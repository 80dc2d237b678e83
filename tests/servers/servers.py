#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real servers that tests publish to: nginx and Apache, each in a folder of its own on free loopback ports, and
certificates for them. Ready when the constructor returns; ended by close().

As a program: servers.py nginx|apache|certificates FOLDER prints "NAME=VALUE ..." when it is ready, and ends with its stdin.
"""
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time

USER, PASSWORD, REALM = 'hls', 'correct horse', 'live'
START_LIMIT = 20


def free_ports(count):
    """Free at the same time, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def openssl(*arguments, stdin=None):
    return subprocess.run(['openssl', *arguments], check=True, capture_output=True, text=True, input=stdin).stdout


class Certificates:
    """A certificate authority and, signed by it, certificates for 127.0.0.1 and localhost. Files: ca, good, expired,
    other_host (for another name); each with .pem and .key. "stranger" is signed by nobody known."""

    def __init__(self, folder):
        self.folder = folder
        self._authority('ca')
        self._issue('good', 'IP:127.0.0.1,DNS:localhost', 'ca', ['-days', '30'])
        self._issue('other_host', 'DNS:other.example', 'ca', ['-days', '30'])
        self._issue('expired', 'IP:127.0.0.1,DNS:localhost', 'ca',
                    ['-not_before', '20200101000000Z', '-not_after', '20200201000000Z'])
        self._authority('unknown')
        self._issue('stranger', 'IP:127.0.0.1,DNS:localhost', 'unknown', ['-days', '30'])

    def file(self, name, end='pem'):
        return os.path.join(self.folder, f'{name}.{end}')

    def pair(self, name):
        return self.file(name), self.file(name, 'key')

    @property
    def ca(self):
        return self.file('ca')

    def _authority(self, name):
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30',
                '-subj', f'/CN=test {name}', '-keyout', self.file(name, 'key'), '-out', self.file(name))

    def _issue(self, name, alternatives, authority, validity):
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', f'/CN={name}',
                '-keyout', self.file(name, 'key'), '-out', self.file(name, 'csr'))
        # "openssl ca" is what takes dates in the past.
        with open(self.file(name, 'cnf'), 'w') as config:
            config.write(f'[ca]\ndefault_ca=it\n[it]\ndatabase={self.file(name, "index")}\nnew_certs_dir={self.folder}\n'
                         f'rand_serial=yes\ndefault_md=sha256\npolicy=any\nx509_extensions=ext\n[any]\n'
                         f'commonName=supplied\n[ext]\nsubjectAltName={alternatives}\n'
                         f'basicConstraints=CA:FALSE\n')
        open(self.file(name, 'index'), 'w').close()
        dates = {'-not_before': '-startdate', '-not_after': '-enddate'}
        openssl('ca', '-batch', '-notext', '-config', self.file(name, 'cnf'), '-cert', self.file(authority), '-keyfile',
                self.file(authority, 'key'), '-in', self.file(name, 'csr'), '-out', self.file(name),
                *[dates.get(v, v) for v in validity])


class Server:
    """A daemon in the foreground of its own process group."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        os.makedirs(self.root, exist_ok=True)

    @property
    def root(self):
        """What is published."""
        return os.path.join(self.folder, 'root')

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as file:
            file.write(text)

    def start(self, command, ports):
        with open(self.path('output'), 'w') as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            start_new_session=True)
        deadline = time.monotonic() + START_LIMIT
        for port in ports:
            while True:
                try:
                    socket.create_connection(('127.0.0.1', port), 1).close()
                    break
                except OSError:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        with open(self.path('output')) as output:
                            text = output.read()
                        self.close()
                        raise RuntimeError(f'{command[0]} did not start: {text}') from None
                    time.sleep(0.01)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def requests(self):
        """(method, path, status, body bytes received, connection, requests on it) of each request so far."""
        with open(self.path('access.log')) as log:
            lines = [line.split() for line in log]
        return [(m, p, int(s), int(n), c, int(k)) for m, p, s, n, c, k in lines]

    def wait_for(self, condition, limit=20):
        """Until condition(requests()) holds; the requests."""
        deadline = time.monotonic() + limit
        while True:
            requests = self.requests()
            if condition(requests):
                return requests
            if time.monotonic() > deadline:
                raise AssertionError(f'not within {limit} s; {len(requests)} requests came, the last: {requests[-10:]}')
            time.sleep(0.02)


class Nginx(Server):
    """PUT and DELETE everywhere; under /auth/ with Basic credentials; under /strict/ only where the folder exists;
    under /small/ at most 100 kB. @port http, @tls_port https with HTTP/2, @tls1_port https without."""

    def __init__(self, folder, certificates=None, certificate='good'):
        super().__init__(folder)
        certificates = certificates or Certificates(folder)
        self.ca = certificates.ca
        self.port, self.tls_port, self.tls1_port = free_ports(3)
        os.makedirs(os.path.join(self.root, 'strict'), exist_ok=True)
        self.write('htpasswd', f'{USER}:' + openssl('passwd', '-apr1', '-stdin', stdin=PASSWORD + '\n'))
        self.write('nginx.conf', f'''
            load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
            {'user root;' if os.geteuid() == 0 else ''} worker_processes 1; daemon off;
            pid {self.path('pid')}; error_log {self.path('error.log')};
            events {{}}
            http {{
              log_format it '$request_method $request_uri $status $request_length $connection $connection_requests';
              access_log {self.path('access.log')} it;
              client_body_temp_path {self.path('body')}; proxy_temp_path {self.path('proxy')};
              fastcgi_temp_path {self.path('fastcgi')}; uwsgi_temp_path {self.path('uwsgi')};
              scgi_temp_path {self.path('scgi')};
              client_max_body_size 0; include /etc/nginx/mime.types; keepalive_requests 100000;
              server {{
                listen 127.0.0.1:{self.port};
                listen 127.0.0.1:{self.tls_port} ssl http2;
                listen 127.0.0.1:{self.tls1_port} ssl;
                ssl_certificate {certificates.file(certificate)};
                ssl_certificate_key {certificates.file(certificate, 'key')};
                root {self.root};
                location / {{ create_full_put_path on; dav_methods PUT DELETE MKCOL; dav_access user:rw all:r; }}
                location /strict/ {{ dav_methods PUT DELETE MKCOL; }}
                location /small/ {{ create_full_put_path on; dav_methods PUT DELETE; client_max_body_size 100k; }}
                location /auth/ {{ create_full_put_path on; dav_methods PUT DELETE;
                                   auth_basic {REALM}; auth_basic_user_file {self.path('htpasswd')}; }}
              }}
            }}''')
        self.write('access.log', '')
        self.start(['nginx', '-e', self.path('error.log'), '-c', self.path('nginx.conf'), '-p', folder],
                   [self.port, self.tls_port, self.tls1_port])


class Apache(Server):
    """WebDAV: with Digest credentials under /digest/, whose nonces are good for two seconds, with none under /open/.
    @port http, @tls_port https with HTTP/2."""

    MODULES = ('mpm_event authn_core authn_file authz_core authz_user auth_digest dav dav_fs mime ssl '
               'socache_shmcb http2').split()
    NONCE_LIFETIME = 2

    def __init__(self, folder, certificates=None):
        super().__init__(folder)
        certificates = certificates or Certificates(folder)
        self.ca = certificates.ca
        self.port, self.tls_port = free_ports(2)
        for name in ('run', 'root/digest', 'root/open'):
            os.makedirs(self.path(name), exist_ok=True)
        secret = hashlib.md5(f'{USER}:{REALM}:{PASSWORD}'.encode()).hexdigest()
        self.write('htdigest', f'{USER}:{REALM}:{secret}\n')
        modules = '\n'.join(f'LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so' for m in self.MODULES)
        identity = ''
        if os.geteuid() == 0:
            subprocess.run(['chown', '-R', 'www-data', self.path('run'), self.root], check=True)
            # Apache gives root up; temporary folders are closed to others.
            parent = folder
            while parent != '/':
                os.chmod(parent, os.stat(parent).st_mode | 0o011)
                parent = os.path.dirname(parent)
            identity = 'User www-data\nGroup www-data'
        self.write('httpd.conf', f'''
{modules}
ServerRoot {folder}
ServerName 127.0.0.1
{identity}
PidFile {self.path('pid')}
Mutex file:{self.path('run')} default
DefaultRuntimeDir {self.path('run')}
Listen 127.0.0.1:{self.port}
Listen 127.0.0.1:{self.tls_port}
TypesConfig /etc/mime.types
ErrorLog {self.path('error.log')}
LogFormat "%m %U %>s %I %{{c}}L %k" it
DocumentRoot {self.root}
DAVLockDB {self.path('run')}/DavLock
KeepAlive On
MaxKeepAliveRequests 0
Protocols h2 http/1.1
H2WindowSize 33554432
<VirtualHost 127.0.0.1:{self.tls_port}>
  SSLEngine on
  SSLCertificateFile {certificates.file('good')}
  SSLCertificateKeyFile {certificates.file('good', 'key')}
</VirtualHost>
<Location /open>
  Dav On
  Require all granted
</Location>
<Location /digest>
  Dav On
  AuthType Digest
  AuthName {REALM}
  AuthDigestProvider file
  AuthDigestNonceLifetime {self.NONCE_LIFETIME}
  AuthUserFile {self.path('htdigest')}
  Require valid-user
</Location>
''')
        self.start(['apache2', '-f', self.path('httpd.conf'), '-D', 'FOREGROUND'], [self.port, self.tls_port])


def main():
    kind, folder = sys.argv[1:]
    if kind == 'certificates':
        print(f'ca={Certificates(folder).ca}', flush=True)
        return
    with {'nginx': Nginx, 'apache': Apache}[kind](folder) as server:
        values = {name: value for name, value in vars(server).items() if name.endswith('port') or name == 'ca'}
        values.update(root=server.root, pid=server.process.pid)
        print(' '.join(f'{name}={value}' for name, value in values.items()), flush=True)
        sys.stdin.read()


if __name__ == '__main__':
    main()
