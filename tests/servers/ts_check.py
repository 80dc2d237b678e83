#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at transport stream segments, in order, byte by byte.

    ts_check.py [--continuous] [--max-pcr-gap MS] [--locked] FILE...

Prints JSON: what was found in each file and over the row, and in "errors" whatever ISO/IEC
13818-1, RFC 8216bis (3.1.2) or the PCR period does not allow. Exits 1 if there is any.
--continuous: counters, PCRs and timestamps go on from file to file.
--locked: any file may follow any other: per PID, packets with payload are a multiple of 16.

As a module: check(files, continuous=False, max_pcr_gap=40.0, locked=False), with files as a list of
(name, bytes).
"""
import argparse
import json
import struct
import sys

PACKET = 188
WRAP = 1 << 33


def crc32_mpeg(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def timestamp(b):
    return (b[0] >> 1 & 7) << 30 | b[1] << 22 | b[2] >> 1 << 15 | b[3] << 7 | b[4] >> 1


def after(new, old, wrap=WRAP):
    """Signed distance on a clock that wraps."""
    d = (new - old) % wrap
    return d - wrap if d >= wrap // 2 else d


class Pid:
    def __init__(self):
        self.cc = None
        self.last = None
        self.dts = None


class Checker:
    def __init__(self, continuous, max_pcr_gap, locked):
        self.continuous = continuous
        self.max_pcr_gap = max_pcr_gap
        self.locked = locked
        self.errors = []
        self.files = []
        self.pids = {}
        self.pcr = None
        self.row_gaps = []
        self.crcs = {}

    def error(self, at, text):
        self.errors.append('%s packet %d: %s' % (self.name, at, text))

    def file(self, name, data):
        self.name = name
        if not self.continuous:
            self.pids = {}
            self.pcr = None
        self.pmt_pid = self.pcr_pid = None
        self.streams = {}
        self.sections = {}
        self.pes = {}
        self.gaps = []
        self.file_pcr = None
        self.counts = {}
        self.result = {'name': name, 'size': len(data), 'packets': len(data) // PACKET, 'pids': {}, 'pat': [], 'pmt': []}
        if len(data) == 0 or len(data) % PACKET:
            self.error(0, '%d bytes, not a multiple of %d' % (len(data), PACKET))
        for at in range(len(data) // PACKET):
            self.packet(at, data[at * PACKET:(at + 1) * PACKET])
        for pid in list(self.pes):
            self.end_pes(self.result['packets'], pid)
        if self.locked:
            for pid, n in self.counts.items():
                # a table that is sent once per segment has its counter follow the segments' number
                if n % 16 and pid in self.streams:
                    self.error(self.result['packets'], 'PID %d: %d packets with payload, not a multiple of 16' % (pid, n))
        for pid in self.streams:
            if pid not in self.result['pids']:
                self.result['pids'][pid] = {'pes': 0}
        self.result['streams'] = {pid: '0x%02x' % kind for pid, kind in self.streams.items()}
        self.result['pcr_gap_ms'] = self.span(self.gaps)
        self.result['psi_first'] = self.result['pat'][:1] == [0] and self.result['pmt'][:1] == [1]
        if not self.result['psi_first']:
            self.error(0, 'PAT and PMT are not the first packets')
        if self.file_pcr is None:
            self.error(0, 'no PCR')
        self.files.append(self.result)

    @staticmethod
    def span(gaps):
        return {'min': round(min(gaps), 4), 'max': round(max(gaps), 4), 'count': len(gaps)} if gaps else None

    def packet(self, at, p):
        if p[0] != 0x47:
            self.error(at, 'no sync byte but 0x%02x' % p[0])
            return
        if p[1] & 0x80:
            self.error(at, 'transport_error_indicator')
        start, pid = p[1] & 0x40, (p[1] & 0x1F) << 8 | p[2]
        control, cc, at_payload = p[3] >> 4 & 3, p[3] & 15, 4
        discontinuity = False
        if pid == 0x1FFF:
            return
        if control == 0:
            self.error(at, 'reserved adaptation_field_control')
        if control & 2:
            length = p[4]
            at_payload = 5 + length
            if length > 183 or (control == 3 and length > 182) or (control == 2 and length != 183):
                self.error(at, 'adaptation_field_length %d' % length)
                return
            if length:
                discontinuity = bool(p[5] & 0x80)
                if p[5] & 0x10:
                    self.on_pcr(at, pid, p[6:12], discontinuity)
        state = self.pids.setdefault(pid, Pid())
        if state.cc is not None and not discontinuity:
            expected = (state.cc + 1) & 15 if control & 1 else state.cc
            if cc != expected and not (control & 1 and cc == state.cc and p == state.last):
                self.error(at, 'PID %d: continuity counter %d after %d' % (pid, cc, state.cc))
                self.result['cc_errors'] = self.result.get('cc_errors', 0) + 1
        state.cc, state.last = cc, p
        if control & 1:
            self.counts[pid] = self.counts.get(pid, 0) + 1
            self.payload(at, pid, start, p[at_payload:], control & 2 and p[4] and p[5] & 0x40)

    def on_pcr(self, at, pid, b, discontinuity):
        value = (b[0] << 25 | b[1] << 17 | b[2] << 9 | b[3] << 1 | b[4] >> 7) * 300 + ((b[4] & 1) << 8 | b[5])
        if self.pcr_pid is not None and pid != self.pcr_pid:
            self.error(at, 'PCR on PID %d, the PMT says %d' % (pid, self.pcr_pid))
        if self.pcr is not None and not discontinuity:
            gap = after(value, self.pcr, WRAP * 300) / 27000
            (self.gaps if self.file_pcr is not None else self.row_gaps).append(gap)
            if gap <= 0:
                self.error(at, 'PCR goes back by %.4f ms' % -gap)
            elif gap > self.max_pcr_gap + 1e-9:
                self.error(at, 'PCR gap of %.4f ms' % gap)
        self.pcr = self.file_pcr = value

    def payload(self, at, pid, start, data, random_access):
        if pid == 0 or pid == self.pmt_pid:
            self.section(at, pid, start, data)
        elif self.pcr_pid is None:
            self.error(at, 'PID %d before the PMT' % pid)
        elif pid not in self.streams:
            self.error(at, 'PID %d is not in the PMT' % pid)
        elif start:
            self.end_pes(at, pid)
            self.begin_pes(at, pid, data, random_access)
        elif pid in self.pes:
            self.pes[pid][1] += len(data)
        else:
            self.error(at, 'PID %d: does not begin with a PES packet' % pid)

    def section(self, at, pid, start, data):
        if start:
            data = data[1 + data[0]:]
            self.sections[pid] = [at, b'']
        if pid not in self.sections:
            self.error(at, 'PID %d: does not begin with a section' % pid)
            return
        first, whole = self.sections[pid]
        whole += data
        self.sections[pid][1] = whole
        if len(whole) < 3 or len(whole) < 3 + (struct.unpack('>H', whole[1:3])[0] & 0xFFF):
            return
        del self.sections[pid]
        whole = whole[:3 + (struct.unpack('>H', whole[1:3])[0] & 0xFFF)]
        known = self.crcs.get(whole)
        if known is None:
            known = self.crcs[whole] = crc32_mpeg(whole)
        if known != 0:
            self.error(at, 'PID %d: section CRC is wrong' % pid)
            return
        if pid == 0:
            self.result['pat'].append(first)
            programs = [struct.unpack('>HH', whole[i:i + 4]) for i in range(8, len(whole) - 4, 4)]
            self.pmt_pid = next(p & 0x1FFF for n, p in programs if n)
        else:
            self.result['pmt'].append(first)
            self.result['pmt_version'] = whole[5] >> 1 & 31
            self.pcr_pid = struct.unpack('>H', whole[8:10])[0] & 0x1FFF
            i = 12 + (struct.unpack('>H', whole[10:12])[0] & 0xFFF)
            while i < len(whole) - 4:
                kind, es_pid, length = struct.unpack('>BHH', whole[i:i + 5])
                self.streams[es_pid & 0x1FFF] = kind
                i += 5 + (length & 0xFFF)

    def begin_pes(self, at, pid, b, random_access):
        if len(b) < 9 or b[:3] != b'\0\0\1' or b[6] >> 6 != 2:
            self.error(at, 'PID %d: no PES header' % pid)
            return
        length, flags = b[4] << 8 | b[5], b[7] >> 6
        self.pes[pid] = [length + 6 if length else None, len(b)]
        if not flags & 2:
            self.error(at, 'PID %d: no PTS' % pid)
            return
        pts = timestamp(b[9:14])
        dts = timestamp(b[14:19]) if flags & 1 else pts
        if flags & 1 and dts == pts:
            self.error(at, 'PID %d: DTS sent though it is the PTS' % pid)
        if after(pts, dts) < 0:
            self.error(at, 'PID %d: PTS %d before DTS %d' % (pid, pts, dts))
        state = self.pids[pid]
        if state.dts is not None and after(dts, state.dts) <= 0:
            self.error(at, 'PID %d: DTS %d after DTS %d' % (pid, dts, state.dts))
        state.dts = dts
        if self.file_pcr is not None and after(dts, self.file_pcr // 300) < 0:
            self.error(at, 'PID %d: DTS %d is %.1f ms before the PCR' % (pid, dts, -after(dts, self.file_pcr // 300) / 90))
        r = self.result['pids'].setdefault(pid, {
            'pes': 0, 'first_pts': pts, 'min_pts': pts, 'max_pts': pts, 'first_dts': dts,
            'starts_with_random_access': bool(random_access), 'random_access': 0})
        r['pes'] += 1
        r['random_access'] += bool(random_access)
        r['last_dts'] = dts
        if after(pts, r['min_pts']) < 0:
            r['min_pts'] = pts
        if after(pts, r['max_pts']) > 0:
            r['max_pts'] = pts
        if length == 0 and b[3] >> 4 != 0xE:
            self.error(at, 'PID %d: PES_packet_length 0, and not video' % pid)

    def end_pes(self, at, pid):
        if pid in self.pes:
            expected, got = self.pes.pop(pid)
            if expected is not None and expected != got:
                self.error(at, 'PID %d: a PES packet of %d bytes says %d' % (pid, got, expected))


def check(files, continuous=False, max_pcr_gap=40.0, locked=False):
    checker = Checker(continuous, max_pcr_gap, locked)
    for name, data in files:
        checker.file(name, data)
    return {
        'ok': not checker.errors,
        'errors': checker.errors,
        'files': checker.files,
        'pcr_gap_ms_between_files': Checker.span(checker.row_gaps),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--continuous', action='store_true')
    parser.add_argument('--locked', action='store_true')
    parser.add_argument('--max-pcr-gap', type=float, default=40.0, metavar='MS')
    parser.add_argument('files', nargs='+')
    args = parser.parse_args()
    files = []
    for name in args.files:
        with open(name, 'rb') as f:
            files.append((name, f.read()))
    result = check(files, args.continuous, args.max_pcr_gap, args.locked)
    json.dump(result, sys.stdout, indent=1)
    print()
    sys.exit(0 if result['ok'] else 1)


if __name__ == '__main__':
    main()
