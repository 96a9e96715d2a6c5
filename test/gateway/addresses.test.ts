/** An address is believed from trusted proxies only, and has one spelling. */
import { expect, test } from 'vitest';
import { clientAddress, limitKey } from '../../src/address.ts';

const behind = clientAddress(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);
const PEER = '127.0.0.1';

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['1.2.3.4:80', '1.2.3.4'],
  ['[2001:DB8::1]:443', '2001:db8::1'],
  ['[2001:db8:0:0::1]', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['6.6.6.6, 1.2.3.4', '1.2.3.4'],
  ['6.6.6.6, 1.2.3.4, 10.1.1.1', '1.2.3.4'],
  ['6.6.6.6, 1.2.3.4, ::ffff:10.1.1.1', '1.2.3.4'],
])('X-Forwarded-For "%s" of a trusted proxy is %s', (header, address) => {
  expect(behind(PEER, header)).toBe(address);
});

test.each(
  [
    ...[
      '',
      ',',
      'unknown',
      '010.0.0.1',
      '0x7f.1',
      '127.1',
      '2130706433',
      '256.1.1.1',
      '1.2.3.4.5',
      '[::1',
      '::1]',
    ],
    ...['1.2.3.4:x', '1.2.3.4 ', "1.2.3.4'--", ':::', '1.2.3.4\0', '6.6.6.6, garbage'],
  ].filter((one) => one.trim() === one),
)('"%s" is no address, so the peer is', (header) => {
  expect(behind(PEER, header)).toBe(PEER);
});

test('nobody else is believed', () => {
  expect(behind('9.9.9.9', '1.2.3.4')).toBe('9.9.9.9');
  expect(clientAddress([])(PEER, '1.2.3.4')).toBe(PEER);
});

test('an IPv6 /64 counts as one client, an IPv4 address as itself', () => {
  expect(limitKey(behind('2001:db8::1', null))).toBe(limitKey(behind('2001:db8::ffff:1', null)));
  expect(limitKey(behind('2001:db8:0:1::1', null))).not.toBe(limitKey(behind('2001:db8::1', null)));
  expect(limitKey(behind('::ffff:1.2.3.4', null))).toBe('1.2.3.4');
});
