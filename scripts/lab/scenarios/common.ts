/** What many scenarios share. */
import type { Dial, Expected } from './scenario.ts';

export const BACKEND_A = '10.0.1.11:8080';
export const BACKEND_B = '10.0.2.11:8080';

export const preserved = {
  outcome: 'answered',
  states: ['closed'],
  verdict: 'preserved',
} as const satisfies Partial<Expected>;

export const lostByPolicy = {
  ...preserved,
  verdict: 'lost',
  cause: 'masquerade-external-traffic-policy',
} as const satisfies Partial<Expected>;

/** Of datagrams, echoes and associations over raw sockets: no end that a connection has. */
export const endless = ['established', 'closed'] as const;

export const client = { from: 'client', protocol: 'tcp' } as const satisfies Partial<Dial>;
export const podA = { from: 'toolbox-a', protocol: 'tcp' } as const satisfies Partial<Dial>;
