#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""cdnsink as gst-launch-1.0 runs it: secrets stay where they are, and what fails is said."""
import base64
import os
import subprocess
import unittest

from common import temporary_folder, video
from faulty import Fault, Faulty
from servers import PASSWORD, USER, Nginx

FEED = video(160, 90, 200, 'tune=zerolatency key-int-max=25', live=False, frames=100) + ' ! hls.video_a'
GROUP = 'hlsoutputgroup name=hls segment-length=1 hls.src_0'
TOKEN = 'tok3n-0f-th3-cdn'


class Http(unittest.TestCase):
    def launch(self, text, timeout=60, **env):
        """(exit code, all that it printed)"""
        result = subprocess.run(['gst-launch-1.0', '-e', '-v', '-m', '--no-fault', *text.split()],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env={**os.environ, **env}, timeout=timeout)
        output = result.stdout.decode(errors='replace')
        self.assertNotIn('CRITICAL', output)
        return result.returncode, output

    def run_and_collect(self, text, categories, **env):
        """(exit code, all that a run printed, logged and dumped)"""
        folder = temporary_folder(self)
        log = os.path.join(folder, 'log')
        code, output = self.launch(text, GST_DEBUG=categories, GST_DEBUG_FILE=log, GST_DEBUG_DUMP_DOT_DIR=folder, **env)
        dumps = [name for name in os.listdir(folder) if name.endswith('.dot')]
        self.assertTrue(dumps, 'no dot dump was made')
        for name in ('log', *dumps):
            with open(os.path.join(folder, name), errors='replace') as file:
                output += file.read()
        return code, output

    def test_password_is_nowhere(self):
        secrets = (PASSWORD, base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode())
        with Nginx(temporary_folder(self)) as nginx:
            code, everything = self.run_and_collect(
                f'{GROUP} ! cdnsink location=https://127.0.0.1:{nginx.tls_port}/auth/x tls-ca-file={nginx.ca} '
                f'user-id={USER} user-pw=env:CDN_PW {FEED}', '*:6', CDN_PW=PASSWORD)
            self.assertEqual(code, 0)
            published = os.listdir(os.path.join(nginx.root, 'auth'))
            self.assertIn('x.m3u8', published)
            for name in published:
                with open(os.path.join(nginx.root, 'auth', name), errors='replace') as file:
                    everything += file.read()
        self.assertIn('httpsink', everything)
        for secret in secrets:
            self.assertNotIn(secret, everything)

    def test_token_goes_with_each_request_and_nowhere_else(self):
        with Faulty() as server:
            # GStreamer itself logs a command line's values, so that the token is looked for in what is ours.
            code, everything = self.run_and_collect(
                f'{GROUP} ! cdnsink location={server.url}/live/x?token={TOKEN} {FEED}',
                'cdnsink:6,httpsink:6,delivery*:6,hls*:6')
            self.assertEqual(code, 0)
            self.assertGreater(len(server.requests), 5)
            for request in server.requests:
                self.assertTrue(request.target.endswith(f'?token={TOKEN}'), request.target)
            self.assertTrue(any(r.path == '/live/x.m3u8' for r in server.requests))
        self.assertIn('httpsink', everything)
        self.assertNotIn(TOKEN, everything)

    def test_failures_end_in_an_error_that_says_why(self):
        """Where a sink that cannot publish would otherwise exit 0."""
        refused = Faulty()
        refused.refuse()
        cases = ((Fault('status', status=500), '500'), (Fault('unauthorized'), 'did not accept the credentials'),
                 (None, 'refused'))
        for fault, word in cases:
            with self.subTest(word), Faulty() as server:
                if fault:
                    server.set(fault)
                url = server.url if fault else refused.url
                code, output = self.launch(
                    f'{GROUP} ! cdnsink location={url}/live/x user-id={USER} user-pw={PASSWORD.replace(" ", "")} '
                    f'num-retries=1 connection-retry-interval=0 restart-delay=0 {FEED}')
                self.assertNotEqual(code, 0)
                self.assertRegex(output, f'ERROR.*{word}')
                self.assertNotIn(PASSWORD.replace(' ', ''), output)


if __name__ == '__main__':
    unittest.main()
